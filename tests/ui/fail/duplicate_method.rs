//! A name is an id.

#[hton::service]
trait Calc {
    async fn add(&self, a: u8) -> u8;
    async fn sub(&self, a: u8) -> u8;
    async fn add(&self, b: u16) -> u16;
}

fn main() {}
