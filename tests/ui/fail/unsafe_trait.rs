//! A peer's bytes keep no promises.

#[hton::service]
unsafe trait Calc {
    async fn add(&self, a: u8) -> u8;
}

#[hton::service]
trait Other {
    async unsafe fn add(&self, a: u8) -> u8;
}

fn main() {}
