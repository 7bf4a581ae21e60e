//! Tower's own middleware around hton's calls, and hton's calls as tower's services.

use crate::every::{EveryClient, EveryServer, MyEvery, pair};
use hton::{Code, Executed, Status, layer, stream};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tower::limit::ConcurrencyLimitLayer;
use tower::timeout::error::Elapsed;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

fn elapsed(error: BoxError) -> Status {
    match error.is::<Elapsed>() {
        true => Status::deadline_exceeded("elapsed"),
        false => Status::unavailable(error.to_string()),
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_tower_bounds_calls_on_either_side() {
    let timeout = || {
        let tower = ServiceBuilder::new().timeout(Duration::from_millis(100));
        layer::tower::layer(tower).errors(elapsed)
    };
    let (peer, _serving) = pair(EveryServer::new(MyEvery::default()));
    let here = EveryClient::new(peer.layer(timeout()));
    let service = layer::layered(EveryServer::new(MyEvery::default()), timeout());
    let (peer, _serving) = pair(service);
    for client in [here, EveryClient::new(peer)] {
        let started = Instant::now();
        let error = client.sleep(1_000).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), (Code::DEADLINE_EXCEEDED, Executed::Maybe));
        assert_eq!(started.elapsed().as_millis(), 100);
        assert_eq!(client.sleep(50).await.unwrap(), 50);
        assert_eq!(client.add(1, 2).await.unwrap(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_concurrency_limit_of_tower_lets_so_many_go() {
    let limit = layer::tower::layer(ConcurrencyLimitLayer::new(2));
    let (peer, _serving) = pair(EveryServer::new(MyEvery::default()));
    let client = EveryClient::new(peer.layer(limit));
    let started = Instant::now();
    let calls: Vec<_> = (0..6).map(|_| tokio::spawn(client.sleep(100))).collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), 100);
    }
    assert_eq!(started.elapsed().as_millis(), 300);
}

#[tokio::test(start_paused = true)]
async fn middleware_that_cannot_be_cloned_stands_behind_a_buffer() {
    let tower = ServiceBuilder::new().buffer(16).rate_limit(2, Duration::from_secs(1));
    let (peer, _serving) = pair(EveryServer::new(MyEvery::default()));
    let client = EveryClient::new(peer.layer(layer::tower::layer(tower)));
    let started = Instant::now();
    for n in 0..5 {
        assert_eq!(client.add(n, n).await.unwrap(), 2 * n);
    }
    assert!((2_000..2_100).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    assert_eq!(client.sum(stream::iter([1, 2])).await.unwrap(), 3);
}

#[tokio::test]
async fn what_tower_sheds_has_not_run_and_is_tried_again() {
    let tower = ServiceBuilder::new().load_shed().concurrency_limit(1);
    let (peer, _serving) = pair(EveryServer::new(MyEvery::default()));
    let peer = peer.layer(layer::tower::layer(tower));
    let client = EveryClient::new(&peer);
    let first = tokio::spawn(client.sleep(1_000_000));
    tokio::task::yield_now().await;
    let error = client.add(1, 2).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::UNAVAILABLE, Executed::No), "{error}");
    let patient = EveryClient::new(peer.layer(layer::Retry::new()));
    let again = tokio::spawn(patient.add(1, 2));
    first.abort();
    assert_eq!(again.await.unwrap().unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_stub_is_a_service_of_tower() {
    let (peer, _serving) = pair(EveryServer::new(MyEvery::default()));
    let client = Arc::new(EveryClient::new(&peer));
    let sleeping = client.clone();
    let service = layer::tower::service(move |(a, b): (i64, i64)| client.add(a, b));
    let mut service = ServiceBuilder::new().concurrency_limit(1).service(service);
    assert_eq!(service.ready().await.unwrap().call((1, 2)).await.unwrap(), 3);
    let slow = layer::tower::service(move |ms: u64| sleeping.sleep(ms));
    let slow = ServiceBuilder::new().timeout(Duration::from_millis(50)).service(slow);
    let error = slow.oneshot(100).await.unwrap_err();
    assert!(error.is::<Elapsed>(), "{error}");
}
