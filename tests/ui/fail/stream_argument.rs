//! The handler's end of a stream has a name.

use hton::Stream;
use std::pin::Pin;

#[hton::service]
trait Numbers {
    async fn sum(&self, numbers: impl Stream<Item = i64>) -> i64;
    async fn boxed(&self, numbers: Pin<Box<dyn Stream<Item = i64> + Send>>) -> i64;
}

fn main() {}
