//! A call declares one error.

use hton::{Status, Stream};

#[hton::service]
trait Files {
    async fn read(&self) -> Result<impl Stream<Item = Result<u8, String>>, u8>;
    async fn typed(&self) -> Result<impl Stream<Item = Result<u8, String>>, String>;
    async fn coded(&self) -> Result<impl Stream<Item = Result<u8, Status>>, hton::Status>;
    async fn first(&self) -> Result<impl Stream<Item = Result<u8, String>>, Status>;
    async fn later(&self) -> Result<impl Stream<Item = Result<u8, Status>>, String>;
}

fn main() {}
