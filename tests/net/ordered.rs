//! Calls that wait for the one before: what an ordered service owes to those who wait.

use hton::{Bytes, Limits, Side};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use tokio::sync::Notify;
use tokio::task::yield_now;

#[hton::service(ordered)]
trait Queue {
    async fn wait(&self);
    async fn big(&self) -> Bytes;
}

#[derive(Default)]
struct MyQueue {
    go: Notify,
    made: AtomicUsize,
}

impl Queue for MyQueue {
    async fn wait(&self) {
        self.go.notified().await;
    }

    async fn big(&self) -> Bytes {
        self.made.fetch_add(1, Ordering::SeqCst);
        Bytes::from(vec![7; 1 << 20])
    }
}

#[tokio::test]
async fn those_who_waited_are_answered_no_faster_than_there_is_room() {
    let (near, far) = hton::memory();
    let mut limits = Limits::default();
    limits.send_buffer_bytes = 2 << 20;
    let queue = Arc::<MyQueue>::default();
    let far = hton::attach(far, Side::Acceptor).limits(limits);
    let _far = far.serve(QueueServer::from_arc(queue.clone())).unwrap().start();
    let near = hton::attach(near, Side::Dialer).start();
    let client = QueueClient::new(&near);
    let (mut first, mut calls) = (client.wait(), Vec::from_iter((0..32).map(|_| client.big())));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut first).poll(&mut cx).is_pending());
    for call in &mut calls {
        assert!(Pin::new(call).poll(&mut cx).is_pending());
    }
    while near.stats().bytes_out < 33 * 24 {
        yield_now().await;
    }
    queue.go.notify_one();
    let (mut made, mut most) = (0, 0);
    while made < calls.len() {
        yield_now().await;
        let now = queue.made.load(Ordering::SeqCst);
        (most, made) = (most.max(now - made), now);
    }
    assert!(most <= 8, "{most} results of 1 MiB are made at once, 2 MiB may wait");
}
