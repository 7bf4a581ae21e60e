//! A stream is a method's whole answer.

use hton::Stream;
use std::pin::Pin;

#[hton::service]
trait Numbers {
    async fn maybe(&self) -> Option<impl Stream<Item = i64>>;
    async fn pair(&self) -> (u8, impl Stream<Item = i64>);
    async fn boxed(&self) -> Pin<Box<dyn Stream<Item = i64> + Send>>;
    fn boxed_at_once(&self) -> Pin<Box<dyn Stream<Item = i64> + Send>>;
    async fn nested(&self) -> Result<Option<impl Stream<Item = i64>>, String>;
    async fn error(&self) -> Result<u8, impl Stream<Item = i64>>;
    async fn fine(&self) -> Result<impl Stream<Item = i64>, String>;
}

fn main() {}
