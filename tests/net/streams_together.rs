//! Items that leave together: none waits for company, none is lost, and the reader still bounds the sender.

use crate::flows::{FlowsClient, Pair, pair};
use hton::{Code, stream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// Numbers, as `step` makes them from how many there were.
struct Steps<F>(u64, F);

impl<F: FnMut(u64) -> Poll<Option<u64>> + Unpin> hton::Stream for Steps<F> {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u64>> {
        let Self(made, step) = &mut *self;
        let step = step(*made);
        *made += 1;
        step
    }
}

fn steps<F: FnMut(u64) -> Poll<Option<u64>> + Unpin>(step: F) -> Steps<F> {
    Steps(0, step)
}

// Verifies: stream.item.data
#[tokio::test]
async fn what_is_ready_leaves_though_the_next_item_never_comes() {
    let Pair { near, far: _far, .. } = pair();
    for ready in [1, 2, 3, 4, 100] {
        let numbers = steps(move |n| if n < ready { Poll::Ready(Some(n)) } else { Poll::Pending });
        let mut doubled = FlowsClient::new(&near).double(numbers);
        for n in 0..ready {
            assert_eq!(doubled.recv().await.unwrap(), Some(2 * n));
        }
    }
}

#[tokio::test]
async fn an_item_that_took_long_does_not_wait_for_many_others() {
    const ITEMS: u64 = 40;
    let Pair { near, far: _far, .. } = pair();
    let made = Arc::<AtomicU64>::default();
    let count = Arc::clone(&made);
    let numbers = steps(move |n| {
        std::thread::sleep(Duration::from_millis(1));
        count.fetch_add(1, Ordering::SeqCst);
        Poll::Ready((n < ITEMS).then_some(n))
    });
    let mut doubled = FlowsClient::new(&near).double(numbers);
    let mut ahead = 0;
    for n in 0..ITEMS {
        assert_eq!(doubled.recv().await.unwrap(), Some(2 * n));
        ahead = ahead.max(made.load(Ordering::SeqCst) - n);
    }
    assert!(ahead < 20, "{ahead} items were made before the first of them came");
}

// Verifies: stream.credit.cost
#[tokio::test]
async fn a_stream_is_asked_for_what_credit_covers_and_one_item_more() {
    const WINDOW: u64 = 256 * 1024;
    let Pair { near, far: _far, served, .. } = pair();
    let flows = FlowsClient::new(&near);
    let mut items = flows.forever();
    assert_eq!(items.recv().await.unwrap(), Some(0));
    let mut made = 0;
    while made < served.made.load(Ordering::SeqCst) {
        made = served.made.load(Ordering::SeqCst);
        for _ in 0..10 {
            flows.add_one(1).await.unwrap();
        }
    }
    assert_eq!(made, WINDOW / (16 + 8) + 1);
}

#[tokio::test]
async fn a_call_that_is_cancelled_while_items_are_collected_ends_so() {
    let Pair { near, far: _far, .. } = pair();
    for at in [0, 1, 5, 600] {
        let flows = FlowsClient::new(&near);
        let handle = Arc::new(std::sync::OnceLock::<hton::CallHandle>::new());
        let cancels = Arc::clone(&handle);
        let numbers = steps(move |n| {
            if n == at {
                cancels.get().expect("it is set before the first poll").cancel();
            }
            Poll::Ready(Some(n))
        });
        let call = flows.sum(numbers);
        handle.set(call.handle()).ok();
        assert_eq!(call.await.unwrap_err().code(), Code::CANCELLED, "{at}");
        assert_eq!(flows.sum(stream::iter(0..4)).await.unwrap(), 6);
    }
}
