//! The macro sees names, not what they stand for.

use std::io;

#[hton::service]
trait Files {
    async fn read(&self) -> io::Result<Vec<u8>>;
    async fn write(&self) -> std::fmt::Result;
}

fn main() {}
