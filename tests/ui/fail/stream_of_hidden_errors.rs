//! An alias hides the error that ends a stream.

use hton::Stream;
use std::io;

#[hton::service]
trait Files {
    fn read(&self) -> impl Stream<Item = io::Result<Vec<u8>>>;
    async fn open(&self) -> io::Result<impl Stream<Item = Vec<u8>>>;
}

fn main() {}
