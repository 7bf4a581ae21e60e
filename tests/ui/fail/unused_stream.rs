//! A stream that nobody reads was not asked for.

#![deny(unused_must_use)]

#[hton::service]
trait Numbers {
    fn count(&self) -> impl hton::Stream<Item = u8>;
}

async fn run(numbers: NumbersClient) {
    numbers.count();
}

fn main() {
    let _ = run;
}
