//! A name is one argument.

#[hton::service]
trait Calc {
    async fn add(&self, a: u8, b: u8, a: u8) -> u8;
}

fn main() {}
