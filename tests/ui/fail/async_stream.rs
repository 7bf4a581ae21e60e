//! A stream begins at once, unless something is decided first.

use hton::Stream;

#[hton::service]
trait Numbers {
    async fn count(&self, to: u32) -> impl Stream<Item = u32>;
    async fn checked(&self, to: u32) -> impl Stream<Item = Result<u32, String>>;
    fn refused(&self, to: u32) -> Result<impl Stream<Item = u32>, String>;
    fn fine(&self, to: u32) -> impl Stream<Item = u32>;
    async fn fine_too(&self, to: u32) -> Result<impl Stream<Item = u32>, String>;
}

fn main() {}
