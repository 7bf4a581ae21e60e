//! Items are values.

use hton::{Rx, Stream};

#[hton::service]
trait Numbers {
    async fn upload(&self, files: Rx<Rx<u8>>);
    async fn promised(&self, files: Rx<impl Stream<Item = u8>>);
    fn download(&self) -> impl Stream<Item = impl Stream<Item = u8>>;
    fn checked(&self) -> impl Stream<Item = Result<Rx<u8>, String>>;
    fn maybe(&self) -> impl Stream<Item = Option<Rx<u8>>>;
    fn fine(&self) -> impl Stream<Item = Vec<u8>>;
}

fn main() {}
