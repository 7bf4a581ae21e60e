//! Calls that block their thread: the same promises as for calls that are awaited, and where blocking is
//! refused.

use hton::{Code, Context, Executed, Metadata, Rx, Server, Status, Stream, blocking, stream};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

#[hton::service]
trait Lab {
    async fn double(&self, n: u32) -> u32;
    async fn halve(&self, n: u32) -> Result<u32, String>;
    async fn never(&self);
    async fn tagged(&self, cx: &Context) -> Result<String, Status>;
    async fn sum(&self, numbers: Rx<u32>) -> Result<u32, Status>;
    fn count(&self, to: u32, fail_at: u32) -> impl Stream<Item = Result<u32, String>>;
    fn never_ends(&self) -> impl Stream<Item = u32>;
    fn doubled(&self, numbers: Rx<u32>) -> impl Stream<Item = u32>;
    #[hton(oneway)]
    async fn note(&self, n: u32);
    async fn noted(&self) -> u32;
    /// What becomes of a handler that blocks on a call of its caller.
    async fn blocks(&self, cx: &Context) -> (bool, bool, String);
    /// The same from a thread of `spawn_blocking`.
    async fn offloads(&self, cx: &Context) -> u32;
}

#[derive(Default)]
struct MyLab {
    noted: AtomicUsize,
}

impl Lab for MyLab {
    async fn double(&self, n: u32) -> u32 {
        n * 2
    }

    async fn halve(&self, n: u32) -> Result<u32, String> {
        if n % 2 == 0 { Ok(n / 2) } else { Err(format!("{n} is odd")) }
    }

    async fn never(&self) {
        std::future::pending().await
    }

    async fn tagged(&self, cx: &Context) -> Result<String, Status> {
        let tag = cx.metadata().get_str("tag").ok_or_else(|| Status::not_found("no tag"))?;
        cx.reply_metadata("seen", "yes").map_err(|error| Status::internal(error.to_string()))?;
        Ok(tag.to_owned())
    }

    async fn sum(&self, mut numbers: Rx<u32>) -> Result<u32, Status> {
        let mut sum = 0;
        while let Some(n) = numbers.recv().await? {
            sum += n;
        }
        Ok(sum)
    }

    fn count(&self, to: u32, fail_at: u32) -> impl Stream<Item = Result<u32, String>> {
        stream::iter((0..to).map(move |n| if n == fail_at { Err("no".to_owned()) } else { Ok(n) }))
    }

    fn never_ends(&self) -> impl Stream<Item = u32> {
        stream::unfold((), async |()| Some((7, ())))
    }

    fn doubled(&self, numbers: Rx<u32>) -> impl Stream<Item = u32> {
        stream::unfold(numbers, async |mut numbers: Rx<u32>| {
            Some((numbers.recv().await.ok().flatten()? * 2, numbers))
        })
    }

    async fn note(&self, n: u32) {
        self.noted.fetch_add(n as usize, Ordering::SeqCst);
    }

    async fn noted(&self) -> u32 {
        u32::try_from(self.noted.load(Ordering::SeqCst)).unwrap()
    }

    async fn blocks(&self, cx: &Context) -> (bool, bool, String) {
        let error = LabClient::new(cx.peer()).double(1).wait().unwrap_err();
        let unsent = error.executed() == Executed::No;
        (error.code() == Code::FAILED_PRECONDITION, unsent, error.to_string())
    }

    async fn offloads(&self, cx: &Context) -> u32 {
        let lab = LabClient::new(cx.peer());
        tokio::task::spawn_blocking(move || lab.double(21).wait()).await.unwrap().unwrap()
    }
}

async fn serve() -> (Server, LabClient) {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let server = server.serve(LabServer::new(MyLab::default())).unwrap();
    let connect = hton::connect(server.local_addr()).serve(LabServer::new(MyLab::default()));
    (server, LabClient::new(connect.unwrap().await.unwrap()))
}

fn serve_blocking() -> (Server, LabClient) {
    let server = blocking::bind("127.0.0.1:0").unwrap();
    let server = server.serve(LabServer::new(MyLab::default())).unwrap();
    let connect = hton::connect(server.local_addr()).serve(LabServer::new(MyLab::default()));
    (server, LabClient::new(connect.unwrap().wait().unwrap()))
}

macro_rules! awaited {
    (serve) => {
        serve().await
    };
    ($call:expr) => {
        $call.await
    };
    (all $items:expr) => {{
        let (mut items, mut all) = ($items, Vec::new());
        while let Some(item) = stream::next(&mut items).await {
            all.push(item);
        }
        all
    }};
}

macro_rules! blocked {
    (serve) => {
        serve_blocking()
    };
    ($call:expr) => {
        $call.wait()
    };
    (all $items:expr) => {
        $items.wait().collect::<Vec<_>>()
    };
}

/// The same bodies for both modes: `$get!(call)` is the result of a call, `$get!(all items)` everything
/// that a stream yields.
macro_rules! promises {
    ($(#[$test:meta])+ ($($mode:tt)?) $get:ident) => {
        $(#[$test])+
        $($mode)? fn results_and_declared_errors_come_back_typed() {
            let (_server, lab) = $get!(serve);
            assert_eq!($get!(lab.double(21)).unwrap(), 42);
            assert_eq!($get!(lab.halve(42)).unwrap(), 21);
            let error = $get!(lab.halve(1)).unwrap_err();
            assert_eq!(error.declared().map(String::as_str), Some("1 is odd"));
        }

        $(#[$test])+
        $($mode)? fn a_deadline_ends_the_call_and_not_the_connection() {
            let (_server, lab) = $get!(serve);
            let started = Instant::now();
            let error = $get!(lab.never().timeout(Duration::from_millis(30))).unwrap_err();
            assert_eq!(error.code(), Code::DEADLINE_EXCEEDED, "{error}");
            let took = started.elapsed();
            assert!(took >= Duration::from_millis(30) && took < Duration::from_secs(5), "{took:?}");
            assert_eq!($get!(lab.double(1)).unwrap(), 2);
        }

        $(#[$test])+
        $($mode)? fn metadata_go_both_ways() {
            let (_server, lab) = $get!(serve);
            let call = lab.tagged().metadata("tag", "blue").with_metadata();
            let (tag, metadata): (String, Metadata) = $get!(call).unwrap();
            assert_eq!((tag.as_str(), metadata.get_str("seen")), ("blue", Some("yes")));
            let error = $get!(lab.tagged().with_metadata()).unwrap_err();
            assert_eq!(error.code(), Code::NOT_FOUND, "{error}");
        }

        $(#[$test])+
        $($mode)? fn a_stream_tells_every_item_and_then_how_it_ended() {
            let (_server, lab) = $get!(serve);
            let items = $get!(all lab.count(1000, 1000));
            let items: Result<Vec<u32>, _> = items.into_iter().collect();
            assert_eq!(items.unwrap(), (0..1000).collect::<Vec<_>>());
            let mut items = $get!(all lab.count(10, 3));
            let error = items.pop().unwrap().unwrap_err();
            assert_eq!(error.declared().map(String::as_str), Some("no"));
            let items: Result<Vec<u32>, _> = items.into_iter().collect();
            assert_eq!(items.unwrap(), [0, 1, 2]);
        }

        $(#[$test])+
        $($mode)? fn items_go_out_and_to_and_fro() {
            let (_server, lab) = $get!(serve);
            assert_eq!($get!(lab.sum(stream::iter(1..=100))).unwrap(), 5050);
            let items = $get!(all lab.doubled(stream::iter(0..20_000)));
            let items: Result<Vec<u32>, _> = items.into_iter().collect();
            assert_eq!(items.unwrap(), (0..20_000).map(|n| n * 2).collect::<Vec<_>>());
        }

        $(#[$test])+
        $($mode)? fn a_stream_keeps_its_deadline() {
            let (_server, lab) = $get!(serve);
            let items = $get!(all lab.never_ends().timeout(Duration::from_millis(50)));
            let (last, items) = items.split_last().unwrap();
            assert_eq!(last.as_ref().unwrap_err().code(), Code::DEADLINE_EXCEEDED);
            assert!(items.iter().all(Result::is_ok));
        }

        $(#[$test])+
        $($mode)? fn a_one_way_call_ends_when_it_is_written() {
            let (_server, lab) = $get!(serve);
            $get!(lab.note(3)).unwrap();
            $get!(lab.note(4)).unwrap();
            while $get!(lab.noted()).unwrap() < 7 {}
        }

        $(#[$test])+
        $($mode)? fn a_handle_cancels_from_another_thread() {
            let (_server, lab) = $get!(serve);
            let call = lab.never();
            let handle = call.handle();
            let thread = thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                handle.cancel();
            });
            let error = $get!(call).unwrap_err();
            assert_eq!((error.code(), error.executed()), (Code::CANCELLED, Executed::Maybe));
            thread.join().unwrap();
            let call = lab.never();
            call.handle().cancel();
            let error = $get!(call).unwrap_err();
            assert_eq!((error.code(), error.executed()), (Code::CANCELLED, Executed::No));
        }

        $(#[$test])+
        $($mode)? fn a_lost_connection_ends_the_call() {
            let (server, lab) = $get!(serve);
            assert_eq!($get!(lab.double(1)).unwrap(), 2);
            drop(server);
            let error = $get!(lab.never()).unwrap_err();
            assert_eq!(error.code(), Code::UNAVAILABLE, "{error}");
        }
    };
}

mod awaited {
    use super::*;

    promises! { #[tokio::test] (async) awaited }
}

mod awaited_on_two_threads {
    use super::*;

    promises! { #[tokio::test(flavor = "multi_thread", worker_threads = 2)] (async) awaited }
}

mod blocked {
    use super::*;

    promises! { #[test] () blocked }
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// One worker, so that a call that kept it would wait for itself.
fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Blocking is refused here: at once, unsent, and with advice.
#[track_caller]
fn assert_refused(lab: &LabClient) {
    let error = lab.double(1).wait().unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::FAILED_PRECONDITION, Executed::No));
    assert!(error.to_string().contains("write `.await`"), "{error}");
    let mut items = lab.count(2, 2).wait();
    assert_eq!(items.next().unwrap().unwrap_err().code(), Code::FAILED_PRECONDITION);
    assert!(items.next().is_none());
    let error = lab.note(1).wait().unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::FAILED_PRECONDITION, Executed::No));
    let error = blocking::connect("127.0.0.1:1").unwrap_err();
    assert!(matches!(error, hton::Error::WouldBlock { .. }), "{error}");
    let error = blocking::bind("127.0.0.1:0").unwrap_err();
    assert!(matches!(error, hton::Error::WouldBlock { .. }), "{error}");
    assert!(blocking::wait(async {}).is_err());
}

#[test]
fn the_thread_of_a_current_thread_runtime_must_not_block() {
    current_thread().block_on(async {
        let (_server, lab) = serve().await;
        assert_refused(&lab); // Before the connection has had a turn, too.
        assert_eq!(lab.double(1).await.unwrap(), 2);
        assert_refused(&lab);
        let task_lab = lab.clone();
        tokio::spawn(async move { assert_refused(&task_lab) }).await.unwrap();
        let local_lab = lab.clone();
        let local = tokio::task::LocalSet::new();
        local.run_until(async move { assert_refused(&local_lab) }).await;
        assert_eq!(lab.double(1).await.unwrap(), 2);
        assert_eq!(lab.noted().await.unwrap(), 0);
    });
}

#[test]
fn threads_of_spawn_blocking_may_block_on_both_flavors() {
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(async {
            let (_server, lab) = serve().await;
            let task = tokio::task::spawn_blocking(move || {
                assert_eq!(lab.double(21).wait().unwrap(), 42);
                assert_eq!(lab.count(5, 5).wait().count(), 5);
                let (_server, lab) = serve_blocking();
                assert_eq!(lab.double(4).wait().unwrap(), 8);
            });
            task.await.unwrap();
        });
    }
}

#[test]
fn workers_of_a_multi_thread_runtime_may_block_and_others_take_their_place() {
    multi_thread().block_on(async {
        let (server, lab) = serve().await;
        assert_eq!(lab.double(21).wait().unwrap(), 42); // In `block_on` itself.
        let task = tokio::spawn(async move {
            assert_eq!(lab.double(21).wait().unwrap(), 42);
            assert_eq!(lab.count(50, 50).wait().count(), 50);
            let peer = blocking::connect(server.local_addr()).unwrap();
            assert_eq!(LabClient::new(&peer).double(2).wait().unwrap(), 4);
            blocking::wait(server.drain()).unwrap()
        });
        assert_eq!(task.await.unwrap().cut, 0);
    });
}

#[test]
fn a_plain_thread_may_wait_for_a_runtime_of_either_flavor() {
    for runtime in [current_thread(), multi_thread()] {
        let (lab_out, lab_in) = mpsc::channel();
        let (done_out, done_in) = tokio::sync::oneshot::channel::<()>();
        let driving = thread::spawn(move || {
            runtime.block_on(async {
                let (_server, lab) = serve().await;
                lab_out.send(lab).unwrap();
                done_in.await.unwrap();
            });
        });
        let lab: LabClient = lab_in.recv().unwrap();
        assert_eq!(lab.double(21).wait().unwrap(), 42);
        assert_eq!(lab.count(50, 50).wait().count(), 50);
        done_out.send(()).unwrap();
        driving.join().unwrap();
        assert_eq!(lab.double(21).wait().unwrap_err().code(), Code::UNAVAILABLE);
    }
}

#[test]
fn a_handler_must_not_block_but_may_have_another_thread_do_so() {
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(async {
            let (_server, lab) = serve().await;
            let (refused, unsent, text) = lab.blocks().await.unwrap();
            assert!(refused && unsent, "{text}");
            assert!(text.contains("a handler must not block"), "{text}");
            assert_eq!(lab.offloads().await.unwrap(), 42);
        });
    }
    let (_server, lab) = serve_blocking();
    let (refused, unsent, text) = lab.blocks().wait().unwrap();
    assert!(refused && unsent, "{text}");
    assert_eq!(lab.offloads().wait().unwrap(), 42);
}

#[test]
fn a_local_set_on_a_multi_thread_runtime_must_not_block() {
    multi_thread().block_on(async {
        let (_server, lab) = serve().await;
        let local_lab = lab.clone();
        let local = tokio::task::LocalSet::new();
        local.spawn_local(async move { assert_refused(&local_lab) });
        local.await;
        assert_eq!(lab.double(1).await.unwrap(), 2);
    });
}

/// A connection that never had its turn.
fn unborn(runtime: &Runtime) -> (LabClient, hton::Peer) {
    let _entered = runtime.enter();
    let (near, far) = hton::memory();
    let far = hton::attach(far, hton::Side::Acceptor).serve(LabServer::new(MyLab::default()));
    let near = hton::attach(near, hton::Side::Dialer).start();
    (LabClient::new(near), far.unwrap().start())
}

#[test]
fn a_runtime_that_nobody_runs_is_told_after_a_second_and_a_deadline_before_is_kept() {
    let runtime = current_thread();
    let (lab, _far) = unborn(&runtime);
    let started = Instant::now();
    let error = lab.double(1).timeout(Duration::from_millis(100)).wait().unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED, "{error}");
    assert!(started.elapsed() < Duration::from_millis(900));
    let started = Instant::now();
    let error = lab.double(1).wait().unwrap_err();
    assert_eq!(error.code(), Code::FAILED_PRECONDITION, "{error}");
    assert!(error.to_string().contains("only inside of `block_on`"), "{error}");
    assert!(started.elapsed() >= Duration::from_millis(1000));
    assert_eq!(runtime.block_on(lab.double(1)).unwrap(), 2);
}

#[test]
fn a_task_that_hides_from_its_runtime_is_told_after_a_second() {
    current_thread().block_on(tokio::task::unconstrained(async {
        let (near, far) = hton::memory();
        let _far = hton::attach(far, hton::Side::Acceptor).start();
        let lab = LabClient::new(hton::attach(near, hton::Side::Dialer).start());
        let error = lab.double(1).wait().unwrap_err();
        assert_eq!(error.code(), Code::FAILED_PRECONDITION, "{error}");
    }));
}

#[test]
fn a_handler_that_takes_long_is_not_mistaken_for_a_runtime_that_nobody_runs() {
    let (lab_out, lab_in) = mpsc::channel();
    let driving = thread::spawn(move || {
        current_thread().block_on(async {
            let (server, lab) = serve().await;
            lab_out.send(lab).unwrap();
            tokio::time::sleep(Duration::from_millis(5500)).await;
            drop(server);
        });
    });
    let lab: LabClient = lab_in.recv().unwrap();
    let error = lab.never().wait().unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE, "{error}");
    driving.join().unwrap();
}

#[test]
fn a_hook_is_called_while_the_call_is_waited_for_and_may_cancel_it() {
    let (_server, lab) = serve_blocking();
    let mut called = 0;
    let every = Duration::from_millis(5);
    let result = lab.never().wait_with(every, || {
        called += 1;
        if called == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let error = result.unwrap_err();
    assert_eq!((error.code(), called), (Code::CANCELLED, 4));
    let result = lab.double(1).wait_with(Duration::from_secs(5), || unreachable!("it is quick"));
    assert_eq!(result.unwrap(), 2);
    let started = Instant::now();
    let never = lab.never().timeout(Duration::from_millis(50));
    let error = never.wait_with(every, || ControlFlow::Continue(())).unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert!(started.elapsed() < Duration::from_secs(5));

    let (sender, items) = stream::channel::<u32>(1);
    let mut left = 3;
    let mut items = lab.doubled(items).wait_with(every, move || {
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(items.next().unwrap().unwrap_err().code(), Code::CANCELLED);
    assert!(items.next().is_none());
    drop(sender);
}

#[test]
fn dropping_the_iterator_cancels_the_call() {
    let (server, lab) = serve_blocking();
    let mut items = lab.never_ends().wait();
    assert!(items.by_ref().take(5000).all(|item| item == Ok(7)));
    drop(items);
    assert_eq!(lab.double(1).wait().unwrap(), 2);
    let report = blocking::wait(server.shutdown(Duration::from_secs(5))).unwrap();
    assert_eq!(report.cut, 0);
}

#[test]
fn a_call_that_was_awaited_to_its_end_is_not_waited_for() {
    let (_server, lab) = serve_blocking();
    let mut call = lab.double(1);
    assert_eq!(blocking::wait(&mut call).unwrap().unwrap(), 2);
    let error = call.wait().unwrap_err();
    assert_eq!(error.code(), Code::FAILED_PRECONDITION, "{error}");
}

#[test]
fn connections_that_come_again_and_layers_may_be_waited_for_too() {
    let (server, lab) = serve_blocking();
    let lazy = LabClient::new(hton::connect_lazy(server.local_addr()));
    assert_eq!(lazy.double(21).wait().unwrap(), 42);
    assert_eq!(lazy.count(5, 5).wait().count(), 5);
    let again = hton::connect(server.local_addr()).reconnecting().wait().unwrap();
    assert_eq!(LabClient::new(again).double(2).wait().unwrap(), 4);
    let timeout = hton::layer::Timeout::new(Duration::from_millis(30));
    let layered = LabClient::new(lab.peer().clone().layer(timeout));
    assert_eq!(layered.double(2).wait().unwrap(), 4);
    assert_eq!(layered.never().wait().unwrap_err().code(), Code::DEADLINE_EXCEEDED);
}

#[test]
fn many_threads_share_one_client() {
    let (_server, lab) = serve_blocking();
    thread::scope(|scope| {
        for n in 0..8 {
            let lab = &lab;
            scope.spawn(move || {
                for m in 0..100 {
                    assert_eq!(lab.double(n * 100 + m).wait().unwrap(), (n * 100 + m) * 2);
                }
            });
        }
    });
}
