//! An iterator stays where it is.

#[hton::service]
trait Numbers {
    async fn sum(&self, numbers: impl Iterator<Item = i64>) -> i64;
    async fn sum_all(&self, numbers: impl IntoIterator<Item = i64>) -> i64;
    async fn count(&self) -> impl Iterator<Item = i64>;
    fn rows(&self) -> impl hton::Stream<Item = impl Iterator<Item = i64>>;
}

fn main() {}
