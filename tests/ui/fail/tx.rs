//! A handler returns the stream of its items; it is not given a place to send them to.

struct Tx<T>(T);

#[hton::service]
trait Numbers {
    async fn count(&self, to: u32, numbers: Tx<u32>);
    async fn subscribe(&self) -> Tx<u32>;
    async fn nested(&self, all: Vec<crate::Tx<u32>>);
    async fn streamed(&self, all: hton::Rx<Tx<u32>>);
}

fn main() {}
