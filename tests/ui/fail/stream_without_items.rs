//! The type of an item stands in the signature.

use hton::Stream;

#[hton::service]
trait Numbers {
    fn count(&self) -> impl Stream;
    fn bounded(&self) -> impl Stream<Item: Send>;
}

fn main() {}
