//! A stream may be moved between threads while it waits: rustc points at what cannot.

use hton::{Status, Stream};
use std::rc::Rc;

#[hton::service]
trait Numbers {
    fn count(&self) -> impl Stream<Item = u8>;
    async fn open(&self) -> Result<impl Stream<Item = u8>, Status>;
}

struct MyNumbers;

impl Numbers for MyNumbers {
    fn count(&self) -> impl Stream<Item = u8> {
        let one = Rc::new(1);
        hton::stream::iter((0..3).map(move |number| number + *one))
    }

    async fn open(&self) -> Result<impl Stream<Item = u8>, Status> {
        let one = Rc::new(1);
        Ok(hton::stream::iter((0..3).map(move |number| number + *one)))
    }
}

fn main() {}
