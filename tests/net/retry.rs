//! Retries: what is safe is tried again, within its time and a common budget, and nothing else is.

use crate::every::{EveryClient, EveryServer, MyEvery, pair};
use hton::layer::{self, Layer, Retry, Timeout};
use hton::{Backoff, Code, Peer, Status, stream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Refuses this many calls with the status before it lets one pass; counts all.
fn refuse(times: usize, status: Status) -> (impl Layer + Clone, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let layer = layer::from_fn(move |call, next| {
        if count.fetch_add(1, Ordering::SeqCst) >= times {
            return next.run(call);
        }
        let finish = call.reject(status.clone());
        Box::pin(async move { finish })
    });
    (layer, seen)
}

/// Runs the handler and then says this.
fn spoil(status: Status) -> (impl Layer, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let layer = layer::from_fn(move |call, next| {
        count.fetch_add(1, Ordering::SeqCst);
        let status = status.clone();
        Box::pin(async move {
            next.run(call).await;
            call.reject(status)
        })
    });
    (layer, seen)
}

fn served(layer: impl Layer) -> (Peer, Peer) {
    pair(layer::layered(EveryServer::new(MyEvery::default()), layer))
}

fn busy() -> Status {
    Status::unavailable("busy")
}

#[tokio::test(start_paused = true)]
async fn what_never_ran_is_tried_again_until_it_comes_to_something() {
    let (layer, seen) = refuse(3, busy());
    let (peer, _serving) = served(layer);
    let client = EveryClient::new(peer.layer(Retry::new()));
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
    assert_eq!(seen.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn the_last_try_is_the_last() {
    let (layer, seen) = refuse(100, busy());
    let (peer, _serving) = served(layer);
    let client = EveryClient::new(peer.layer(Retry::new()));
    let error = client.add(1, 2).await.unwrap_err();
    assert_eq!(error.failure().unwrap().message(), "busy");
    assert_eq!(seen.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_run_is_tried_again_only_if_it_may_run_twice() {
    let (layer, seen) = spoil(busy());
    let (peer, _serving) = served(layer);
    let client = EveryClient::new(peer.layer(Retry::new().idempotent(["Every/add"])));
    assert_eq!(client.fail().await.unwrap_err().code(), Code::UNAVAILABLE);
    assert_eq!(seen.swap(0, Ordering::SeqCst), 1);
    assert_eq!(client.add(1, 2).await.unwrap_err().code(), Code::UNAVAILABLE);
    assert_eq!(seen.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn who_says_never_is_believed_and_other_codes_are_answers() {
    let never = busy().with_retry(hton::Retry::Never);
    for status in [never, Status::permission_denied("no"), Status::invalid_argument("what")] {
        let (layer, seen) = refuse(1, status);
        let (peer, _serving) = served(layer);
        let client = EveryClient::new(peer.layer(Retry::new().idempotent(["Every/add"])));
        client.add(1, 2).await.unwrap_err();
        assert_eq!(seen.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn what_can_never_be_sent_is_not_tried_again() {
    let (peer, _serving) = pair(EveryServer::new(MyEvery::default()));
    let (count, seen) = refuse(0, busy());
    let client = EveryClient::new(peer.layer(count).layer(Retry::new()));
    let call = client.add(1, 2).metadata("long", vec![b'x'; 60_000]);
    assert_eq!(call.await.unwrap_err().code(), Code::RESOURCE_EXHAUSTED);
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn streams_pass_once_and_one_way_calls_go_again_if_they_did_not_go() {
    let (peer, _serving) = pair(EveryServer::new(MyEvery::default()));
    let (layer, seen) = refuse(1, busy());
    let client = EveryClient::new(peer.layer(layer).layer(Retry::new()));
    let error = client.sum(stream::iter([1])).await.unwrap_err();
    assert_eq!((error.code(), seen.swap(0, Ordering::SeqCst)), (Code::UNAVAILABLE, 1));
    client.log("line".to_owned()).await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn no_try_begins_after_the_deadline() {
    let (layer, seen) = refuse(1_000_000, busy());
    let (peer, _serving) = served(layer);
    let steady = Backoff::default().first(Duration::from_millis(100)).factor(1.0).forever();
    let client = EveryClient::new(peer.layer(Retry::new().backoff(steady)));
    let started = Instant::now();
    let error = client.add(1, 2).timeout(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE, "it says why, not that the time has passed");
    assert!(started.elapsed() <= Duration::from_secs(1));
    assert!((8..40).contains(&seen.load(Ordering::SeqCst)));
}

#[tokio::test(start_paused = true)]
async fn each_try_may_have_its_own_time() {
    let slow_once = Arc::new(AtomicUsize::new(0));
    let tries = slow_once.clone();
    let layer = layer::from_fn(move |call, next| {
        let first = tries.fetch_add(1, Ordering::SeqCst) == 0;
        Box::pin(async move {
            if first {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            next.run(call).await
        })
    });
    let (peer, _serving) = served(layer);
    let peer = peer.layer(Timeout::new(Duration::from_millis(100)));
    let client = EveryClient::new(peer.layer(Retry::new().idempotent(["Every/left"])));
    let left = client.left().await.unwrap();
    assert_eq!(slow_once.load(Ordering::SeqCst), 2);
    assert!(left.is_some_and(|left| (90..=101).contains(&left)), "a fresh bound: {left:?}");
}

#[tokio::test(start_paused = true)]
async fn many_failures_share_one_budget() {
    let (layer, seen) = refuse(1_000_000, busy());
    let (peer, _serving) = served(layer);
    let retry = Retry::new().budget(0.1, 0.0);
    let client = EveryClient::new(peer.clone().layer(retry.clone()));
    for _ in 0..100 {
        client.add(1, 2).await.unwrap_err();
    }
    let tried = seen.load(Ordering::SeqCst);
    assert!((108..=110).contains(&tried), "{tried}");
    let other = EveryClient::new(peer.layer(retry));
    other.add(1, 2).await.unwrap_err();
    assert!(seen.load(Ordering::SeqCst) <= tried + 2, "clones have no budget of their own");
}

#[tokio::test(start_paused = true)]
async fn many_who_failed_together_do_not_come_back_together() {
    let (layer, _seen) = refuse(50, busy());
    let (peer, _serving) = served(layer);
    let slow = Backoff::default().first(Duration::from_secs(1)).attempts(2);
    let client = EveryClient::new(peer.layer(Retry::new().backoff(slow).budget(1.0, 100.0)));
    let started = Instant::now();
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let call = client.add(1, 2);
            tokio::spawn(async move { call.await.map(|_| started.elapsed().as_millis() / 100) })
        })
        .collect();
    let mut tenths = std::collections::HashSet::new();
    for call in calls {
        tenths.insert(call.await.unwrap().unwrap());
    }
    assert!(tenths.len() >= 7, "{tenths:?}");
}
