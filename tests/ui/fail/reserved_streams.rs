//! Streams come later.

#[hton::service]
trait Numbers {
    async fn sum(&self, numbers: hton::Rx<i64>) -> i64;
    fn count(&self, to: u32) -> impl hton::Stream<Item = u32>;
    async fn checked(&self, to: u32) -> Result<impl hton::Stream<Item = u32>, String>;
}

fn main() {}
