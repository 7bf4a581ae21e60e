//! Methods of a trait have no visibility.

#[hton::service]
trait Calc {
    pub async fn add(&self, a: u8) -> u8;
}

fn main() {}
