//! A service has methods only.

#[hton::service]
trait Calc {
    type Number;
    const LIMIT: u8;
    make_methods!();
    async fn add(&self, a: u8) -> u8;
}

fn main() {}
