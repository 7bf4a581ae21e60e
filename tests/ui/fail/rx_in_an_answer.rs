//! `Rx<T>` is the handler's end of its caller's stream.

use hton::Rx;

#[hton::service]
trait Numbers {
    async fn count(&self, to: u32) -> Rx<u32>;
    async fn checked(&self, to: u32) -> Result<hton::Rx<u32>, String>;
    async fn maybe(&self) -> Option<Rx<u32>>;
}

fn main() {}
