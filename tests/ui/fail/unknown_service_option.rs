//! All that is wrong with the options is said at once.

#[hton::service(nane = "Calculator", crate = 3, name = "a", name = "b", version(2))]
trait Calc {
    async fn add(&self, a: u8) -> u8;
}

fn main() {}
