//! An implementation that does not fit is told about the method.

use hton::Stream;

#[hton::service]
trait Numbers {
    fn count(&self) -> impl Stream<Item = u8>;
}

struct MyNumbers;

impl Numbers for MyNumbers {
    fn count(&self) -> impl Stream<Item = u16> {
        hton::stream::iter([1_u16, 2])
    }
}

fn main() {}
