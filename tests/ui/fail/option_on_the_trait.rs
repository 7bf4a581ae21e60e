//! Options of a service have their own place.

#[hton::service]
#[hton(spawn)]
trait Calc {
    async fn add(&self, a: u8) -> u8;
}

fn main() {}
