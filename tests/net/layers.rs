//! Layers: every call passes them once, on both sides, and they may refuse, change, wait and give up.

use crate::every::{EveryClient, EveryServer, MyEvery, Tenant, pair};
use hton::layer::{
    self, ConcurrencyLimit, Finish, Kind, Layer, LayerCall, LayerFuture, Next, Timeout,
};
use hton::{CallError, Code, Executed, Identity, Peer, Retry, Role, Status, stream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// Notes every call that passes, and how it finished.
#[derive(Default)]
struct Note {
    passed: Mutex<Vec<(Role, &'static str, Kind, Code)>>,
}

impl Note {
    fn take(&self) -> Vec<(Role, &'static str, Kind, Code)> {
        std::mem::take(&mut *self.passed.lock().unwrap())
    }
}

impl Layer for Note {
    fn call<'a>(&'a self, call: &'a mut LayerCall, next: Next<'a>) -> LayerFuture<'a> {
        Box::pin(async move {
            let finish = next.run(call).await;
            let noted = (call.role(), call.method(), call.kind(), finish.code());
            self.passed.lock().unwrap().push(noted);
            finish
        })
    }
}

fn reject_with(status: Status) -> impl Layer {
    layer::from_fn(move |call, _| {
        let finish = call.reject(status.clone());
        Box::pin(async move { finish })
    })
}

#[tokio::test]
async fn every_kind_of_call_passes_a_layer_once_on_either_side() {
    let (asking, answering) = (Arc::new(Note::default()), Arc::new(Note::default()));
    let every = Arc::new(MyEvery::default());
    let service = layer::layered(EveryServer::from_arc(every.clone()), answering.clone());
    let (peer, _serving) = pair(service);
    let client = EveryClient::new(peer.layer(asking.clone()));

    assert_eq!(client.add(1, 2).await.unwrap(), 3);
    assert_eq!(client.fail().await.unwrap_err().code(), Code::NOT_FOUND);
    assert_eq!(client.own().await.unwrap_err(), CallError::Declared("mine".to_owned()));
    assert_eq!(client.sum(stream::iter([1, 2, 3])).await.unwrap(), 6);
    let mut count = client.count(3);
    let mut counted = Vec::new();
    while let Some(n) = count.recv().await.unwrap() {
        counted.push(n);
    }
    assert_eq!(counted, [0, 1, 2]);
    let mut echo = client.echo(stream::iter([4, 5]));
    assert_eq!(echo.recv().await.unwrap(), Some(4));
    assert_eq!(echo.recv().await.unwrap(), Some(5));
    assert_eq!(echo.recv().await.unwrap(), None);
    client.log("line".to_owned()).await.unwrap();
    every.logged.notified().await;
    assert_eq!(client.add(1, 2).await.unwrap(), 3); // The handler of `log` has ended, too.

    let expected = [
        ("Every/add", Kind::Unary, Code::OK),
        ("Every/fail", Kind::Unary, Code::NOT_FOUND),
        ("Every/own", Kind::Unary, Code::DECLARED),
        ("Every/sum", Kind::Streams, Code::OK),
        ("Every/count", Kind::Streams, Code::OK),
        ("Every/echo", Kind::Streams, Code::OK),
        ("Every/log", Kind::OneWay, Code::OK),
        ("Every/add", Kind::Unary, Code::OK),
    ];
    let as_seen = |role: Role| expected.map(|(method, kind, code)| (role, method, kind, code));
    assert_eq!(asking.take(), as_seen(Role::Asking));
    assert_eq!(answering.take(), as_seen(Role::Answering));
}

#[tokio::test]
async fn a_layer_of_a_server_is_around_all_its_services_and_others_are_not_changed() {
    let note = Arc::new(Note::default());
    let bound = hton::Server::bind("127.0.0.1:0").await.unwrap().layer(note.clone());
    let server = bound.serve(EveryServer::new(MyEvery::default())).unwrap();
    let peer = hton::connect(server.local_addr()).await.unwrap();
    let quiet = EveryClient::new(&peer);
    let loud = EveryClient::new(peer.layer(reject_with(Status::aborted("no"))));
    assert_eq!(quiet.add(1, 2).await.unwrap(), 3);
    assert_eq!(loud.add(1, 2).await.unwrap_err().code(), Code::ABORTED);
    assert_eq!(note.take().len(), 1);
}

#[tokio::test]
async fn layers_are_passed_from_the_last_added_to_the_first() {
    let order = Arc::new(Mutex::new(String::new()));
    let tagged = |tag: char| {
        let order = order.clone();
        layer::from_fn(move |call, next| {
            order.lock().unwrap().push(tag);
            let order = order.clone();
            Box::pin(async move {
                let finish = next.run(call).await;
                order.lock().unwrap().push(tag);
                finish
            })
        })
    };
    let service = layer::layered(EveryServer::new(MyEvery::default()), tagged('d'));
    let (peer, _serving) = pair(service.layer(tagged('c')));
    let client = EveryClient::new(peer.layer(tagged('b')).layer(tagged('a')));
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
    assert_eq!(*order.lock().unwrap(), "abcddcba");
}

#[tokio::test]
async fn who_is_refused_here_has_sent_nothing_and_who_is_refused_there_has_run_nothing() {
    let every = Arc::new(MyEvery::default());
    let status = Status::permission_denied("not you").with_app(9);
    let service = layer::layered(EveryServer::from_arc(every.clone()), reject_with(status.clone()));
    let (peer, _serving) = pair(service);
    let here = EveryClient::new(peer.clone().layer(reject_with(status)));
    for client in [here, EveryClient::new(&peer)] {
        let error = client.add(1, 2).await.unwrap_err();
        let failure = error.failure().unwrap();
        assert_eq!((failure.code(), failure.app()), (Code::PERMISSION_DENIED, 9), "{error}");
        assert_eq!((failure.message(), failure.executed()), ("not you", Executed::No));
        // So are streams, before they start.
        let error = client.count(3).recv().await.unwrap_err();
        assert_eq!((error.code(), error.executed()), (Code::PERMISSION_DENIED, Executed::No));
    }
    assert_eq!(every.added.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn who_is_refused_after_the_handler_ran_may_have_run() {
    let late = || {
        layer::from_fn(|call, next| {
            Box::pin(async move {
                next.run(call).await;
                call.reject(Status::aborted("too late"))
            })
        })
    };
    let service = layer::layered(EveryServer::new(MyEvery::default()), late());
    let (peer, _serving) = pair(service);
    let error = EveryClient::new(&peer).add(1, 2).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::ABORTED, Executed::Maybe), "{error}");
    let (peer, _serving) = pair(EveryServer::new(MyEvery::default()));
    let error = EveryClient::new(peer.layer(late())).add(1, 2).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::ABORTED, Executed::Maybe), "{error}");
}

#[tokio::test]
async fn layers_change_metadata_in_both_directions_and_leave_values_for_the_handler() {
    let there = layer::from_fn(|call, next| {
        Box::pin(async move {
            let tenant = call.metadata().get_str("tenant").unwrap_or("none").to_owned();
            assert_eq!(call.identity(), &Identity::Anonymous);
            call.metadata_mut().append("checked", "yes").unwrap();
            call.put(Tenant(tenant));
            let mut finish = next.run(call).await;
            finish.metadata_mut().append("cost", "3").unwrap();
            finish
        })
    });
    let here = layer::from_fn(|call, next| {
        Box::pin(async move {
            call.metadata_mut().append("tenant", "ann").unwrap();
            let mut finish = next.run(call).await;
            finish.metadata_mut().append("came", "back").unwrap();
            finish
        })
    });
    let (peer, _serving) = pair(layer::layered(EveryServer::new(MyEvery::default()), there));
    let client = EveryClient::new(peer.layer(here));
    let (who, metadata) = client.who().with_metadata().await.unwrap();
    assert_eq!(who.as_deref(), Some("ann"));
    assert_eq!((metadata.get_str("cost"), metadata.get_str("came")), (Some("3"), Some("back")));
    let seen = client.seen("checked".to_owned()).metadata("tenant", "bob").await.unwrap();
    assert_eq!(seen.as_deref(), Some("yes"));
    let tenants = client.who().metadata("tenant", "bob").await.unwrap();
    assert_eq!(tenants.as_deref(), Some("bob"), "the caller's own entry stands first");
}

#[tokio::test]
async fn a_call_goes_once_unless_a_layer_keeps_it() {
    let twice = |keep: bool| {
        layer::from_fn(move |call, next| {
            Box::pin(async move {
                let kept = keep && call.keep();
                let first = next.run(call).await;
                let second = next.run(call).await;
                assert_eq!((first.code(), kept), (Code::OK, keep));
                second
            })
        })
    };
    let every = Arc::new(MyEvery::default());
    let (peer, _serving) = pair(EveryServer::from_arc(every.clone()));
    let again = EveryClient::new(peer.clone().layer(twice(true)));
    assert_eq!(again.add(1, 2).await.unwrap(), 3);
    assert_eq!(every.added.load(Ordering::SeqCst), 2);
    let error = EveryClient::new(peer.layer(twice(false))).add(1, 2).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::FAILED_PRECONDITION, Executed::Maybe));
    assert_eq!(every.added.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_layer_knows_the_calls_that_handlers_make() {
    let (peer, _serving) = pair(EveryServer::new(MyEvery::default()));
    let text = EveryClient::new(&peer).ask_back().await.unwrap();
    assert!(text.contains("nested: true"), "{text}");
}

#[tokio::test]
async fn a_cancelled_call_drops_its_layers() {
    struct OnDrop(Arc<AtomicUsize>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let guarded = |dropped: Arc<AtomicUsize>| {
        layer::from_fn(move |call, next| {
            let guard = OnDrop(dropped.clone());
            Box::pin(async move {
                let _guard = guard;
                next.run(call).await
            })
        })
    };
    let service = layer::layered(EveryServer::new(MyEvery::default()), guarded(dropped.clone()));
    let (peer, _serving) = pair(service);
    let client = EveryClient::new(peer.layer(guarded(dropped.clone())));
    let call = client.sleep(1_000_000);
    let handle = call.handle();
    let call = tokio::spawn(call);
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
    handle.cancel();
    assert_eq!(call.await.unwrap().unwrap_err().code(), Code::CANCELLED);
    while dropped.load(Ordering::SeqCst) < 4 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_panic_in_a_layer_there_costs_its_call_and_no_other() {
    let panics = layer::from_fn(|call, next| {
        assert!(call.method() != "Every/fail", "the secret of the layer");
        next.run(call)
    });
    let (peer, _serving) = pair(layer::layered(EveryServer::new(MyEvery::default()), panics));
    let client = EveryClient::new(&peer);
    let error = client.fail().await.unwrap_err();
    assert_eq!(error.code(), Code::INTERNAL);
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_bounds_calls_and_leaves_streams_and_earlier_deadlines() {
    let (peer, _serving) = pair(EveryServer::new(MyEvery::default()));
    let plain = EveryClient::new(&peer);
    let client = EveryClient::new(peer.clone().layer(Timeout::new(Duration::from_millis(100))));
    assert_eq!(client.sleep(50).await.unwrap(), 50);
    let started = Instant::now();
    let error = client.sleep(150).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::DEADLINE_EXCEEDED, Executed::Maybe));
    assert!((100..110).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    // The bound travels; without the layer the default does.
    assert!(client.left().await.unwrap().is_some_and(|left| (90..=101).contains(&left)));
    assert!(plain.left().await.unwrap().is_some_and(|left| left > 29_000));
    let earlier = client.left().timeout(Duration::from_millis(20)).await.unwrap();
    assert!(earlier.is_some_and(|left| left <= 21));

    let slow = || {
        stream::unfold(0, async |n| {
            tokio::time::sleep(Duration::from_millis(60)).await;
            (n < 3).then_some((n, n + 1))
        })
    };
    assert_eq!(client.sum(slow()).await.unwrap(), 3);
    let all = Timeout::new(Duration::from_millis(100)).streams();
    let error = EveryClient::new(peer.layer(all)).sum(slow()).await.unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_around_handlers_drops_them() {
    let service = EveryServer::new(MyEvery::default());
    let service = layer::layered(service, Timeout::new(Duration::from_millis(100)));
    let (peer, _serving) = pair(service);
    let client = EveryClient::new(&peer);
    let started = Instant::now();
    let error = client.sleep(1_000).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::DEADLINE_EXCEEDED, Executed::Maybe));
    assert_eq!(started.elapsed().as_millis(), 100);
    assert!(client.left().await.unwrap().is_some_and(|left| left <= 101));
    assert_eq!(client.sleep(99).await.unwrap(), 99);
}

#[tokio::test(start_paused = true)]
async fn a_concurrency_limit_lets_so_many_go_so_many_wait_and_refuses_the_rest() {
    let (peer, _serving) = pair(EveryServer::new(MyEvery::default()));
    let limit = ConcurrencyLimit::new(2).queued(1);
    let client = EveryClient::new(peer.layer(limit.clone()));
    let calls: Vec<_> = (0..3).map(|_| tokio::spawn(client.sleep(100))).collect();
    while limit.waiting() < 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(limit.running(), 2);
    let error = client.add(1, 2).await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!((error.code(), failure.executed()), (Code::RESOURCE_EXHAUSTED, Executed::No));
    assert!(failure.is_retry_safe());
    let started = Instant::now();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), 100);
    }
    assert_eq!(started.elapsed().as_millis(), 200);
    assert_eq!((limit.running(), limit.waiting()), (0, 0));
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_others_waits_no_longer_than_the_deadline_and_who_leaves_makes_room() {
    let (peer, _serving) = pair(EveryServer::new(MyEvery::default()));
    let limit = ConcurrencyLimit::new(1);
    let client = EveryClient::new(peer.layer(limit.clone()));
    let first = tokio::spawn(client.sleep(1_000));
    while limit.running() < 1 {
        tokio::task::yield_now().await;
    }
    let started = Instant::now();
    let error = client.add(1, 2).timeout(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::DEADLINE_EXCEEDED, Executed::No));
    assert!((50..60).contains(&started.elapsed().as_millis()));
    let given_up = tokio::spawn(client.add(1, 2));
    while limit.waiting() < 1 {
        tokio::task::yield_now().await;
    }
    given_up.abort();
    assert!(given_up.await.is_err());
    assert_eq!(limit.waiting(), 0);
    first.abort();
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn a_limit_that_sheds_lets_nobody_wait_on_either_side() {
    let there = ConcurrencyLimit::new(1).load_shed();
    let service = layer::layered(EveryServer::new(MyEvery::default()), there.clone());
    let (peer, _serving) = pair(service);
    let client = EveryClient::new(&peer);
    let first = tokio::spawn(client.sleep(1_000_000));
    while there.running() < 1 {
        tokio::task::yield_now().await;
    }
    let error = client.add(1, 2).await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!((error.code(), failure.executed()), (Code::RESOURCE_EXHAUSTED, Executed::No));
    assert_eq!(failure.retry(), Retry::Safe);
    first.abort();
    while there.running() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
    let none = ConcurrencyLimit::new(0);
    let client = EveryClient::new(peer.layer(none));
    assert_eq!(client.add(1, 2).await.unwrap_err().code(), Code::RESOURCE_EXHAUSTED);
}

#[test]
fn a_layer_may_keep_time_also_when_a_thread_without_a_runtime_awaits_the_call() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (peer, _serving) = runtime.block_on(async { pair(EveryServer::new(MyEvery::default())) });
    let client = EveryClient::new(peer.layer(Timeout::new(Duration::from_millis(20))));
    let mut call = std::pin::pin!(client.sleep(1_000_000));
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut cx = std::task::Context::from_waker(&waker);
    let error = loop {
        match call.as_mut().poll(&mut cx) {
            std::task::Poll::Ready(result) => break result.unwrap_err(),
            std::task::Poll::Pending => std::thread::park(),
        }
    };
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
}

/// A list of layers that are chosen at run time.
#[tokio::test]
async fn layers_need_no_types_that_cannot_be_written_down() {
    let note = Arc::new(Note::default());
    let chosen: Vec<Box<dyn Layer>> =
        vec![Box::new(Timeout::new(Duration::from_secs(1))), Box::new(note.clone())];
    let (peer, _serving) = pair(EveryServer::new(MyEvery::default()));
    let peer = chosen.into_iter().fold(peer, Peer::layer);
    let status = |finish: &Finish| finish.status().map(|status| status.message().to_owned());
    let peer = peer.layer(layer::from_fn(move |call, next| {
        Box::pin(async move {
            let finish = next.run(call).await;
            assert_eq!(status(&finish).as_deref(), Some("nothing"));
            finish
        })
    }));
    assert_eq!(EveryClient::new(&peer).fail().await.unwrap_err().code(), Code::NOT_FOUND);
    assert_eq!(note.take().len(), 1);
}
