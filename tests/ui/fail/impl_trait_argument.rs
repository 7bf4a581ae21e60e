//! A type has a name.

#[hton::service]
trait Calc {
    async fn add(&self, a: impl Into<u64>) -> u64;
    async fn guess(&self, a: Vec<_>);
}

fn main() {}
