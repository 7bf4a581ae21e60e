//! A reply comes later.

#[hton::service]
trait Calc {
    fn add(&self, a: u8) -> u8;
    fn future(&self, a: u8) -> impl Future<Output = u8> + Send;
}

fn main() {}
