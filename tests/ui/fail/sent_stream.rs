//! What a caller sends outlives the function that calls, and may be sent from another thread.

use std::rc::Rc;

#[hton::service]
trait Numbers {
    async fn sum(&self, numbers: hton::Rx<i64>) -> i64;
}

async fn local(numbers: NumbersClient) {
    let one = Rc::new(1);
    let _ = numbers.sum(hton::stream::iter((0..3).map(move |number| number + *one))).await;
}

async fn borrowed(numbers: NumbersClient, all: &[i64]) {
    let _ = numbers.sum(hton::stream::iter(all.iter().copied())).await;
}

async fn others(numbers: NumbersClient) {
    let _ = numbers.sum(hton::stream::iter(["one", "two"])).await;
}

fn main() {
    let _ = (local, borrowed, others);
}
