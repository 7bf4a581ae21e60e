//! The body stands where the trait is implemented.

#[hton::service]
trait Calc {
    async fn add(&self, a: u8) -> u8 {
        a
    }
}

fn main() {}
