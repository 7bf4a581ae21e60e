//! Calls that are awaited together: each is what it would be alone, and together they cost less.

use crate::trouble::CountedWrites;
use hton::layer::Timeout;
use hton::{Batch, CallError, Code, Context, Executed, Limits, Observer, Peer, Side};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

#[hton::service]
pub(crate) trait Work {
    async fn double(&self, n: u32) -> u32;
    async fn halve(&self, n: u32) -> Result<u32, String>;
    async fn nap(&self, ms: u64) -> u64;
    async fn never(&self, n: u32) -> u32;
    /// What was sent beside the call.
    async fn tag(&self, cx: &Context) -> String;
    /// Makes so many calls of its caller, which never end and may take so long, and tells how they ended.
    async fn back(&self, cx: &Context, calls: u32, ms: u64) -> Vec<(u8, bool)>;
    #[hton(oneway)]
    async fn note(&self, n: u32);
}

pub(crate) struct MyWork {
    /// How many handlers of `never` exist.
    alive: watch::Sender<u32>,
    begun: Mutex<Vec<u32>>,
    noted: watch::Sender<Vec<u32>>,
}

impl MyWork {
    pub(crate) fn new() -> Arc<Self> {
        let (alive, noted) = (watch::Sender::new(0), watch::Sender::default());
        Arc::new(Self { alive, begun: Mutex::default(), noted })
    }

    pub(crate) async fn has_alive(&self, count: u32) {
        let mut alive = self.alive.subscribe();
        alive.wait_for(|alive| *alive == count).await.expect("it is there");
    }
}

impl Work for MyWork {
    async fn double(&self, n: u32) -> u32 {
        self.begun.lock().unwrap().push(n);
        2 * n
    }

    async fn halve(&self, n: u32) -> Result<u32, String> {
        if n % 2 == 0 { Ok(n / 2) } else { Err(format!("{n} is odd")) }
    }

    async fn nap(&self, ms: u64) -> u64 {
        sleep(Duration::from_millis(ms)).await;
        ms
    }

    async fn never(&self, n: u32) -> u32 {
        self.begun.lock().unwrap().push(n);
        let _alive = crate::flows::Alive::new(&self.alive);
        std::future::pending().await
    }

    async fn tag(&self, cx: &Context) -> String {
        cx.metadata().get_str("tag").unwrap_or_default().to_owned()
    }

    async fn back(&self, cx: &Context, calls: u32, ms: u64) -> Vec<(u8, bool)> {
        let caller = WorkClient::new(cx.peer());
        let never = |n| caller.never(n).timeout(Duration::from_millis(ms));
        let ends = hton::batch((0..calls).map(never)).await;
        let ends = ends.into_iter().map(|end| end.expect_err("it never ends"));
        ends.map(|end| (end.code().number(), end.executed() == Executed::No)).collect()
    }

    async fn note(&self, n: u32) {
        self.noted.send_modify(|noted| noted.push(n));
    }
}

/// Both ends of a connection; each serves, and takes so many calls at a time.
struct Pair {
    client: WorkClient,
    near: Peer,
    far: Peer,
    work: Arc<MyWork>,
    caller: Arc<MyWork>,
}

async fn pair(calls: u32) -> Pair {
    let (near, far) = hton::memory();
    over(near, far, calls).await
}

async fn over<S>(near: S, far: DuplexStream, calls: u32) -> Pair
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (work, caller, mut limits) = (MyWork::new(), MyWork::new(), Limits::default());
    limits.calls = calls;
    let near = hton::attach(near, Side::Dialer).limits(limits.clone());
    let near = near.serve(WorkServer::from_arc(caller.clone())).unwrap().start();
    let far = hton::attach(far, Side::Acceptor).limits(limits);
    let far = far.serve(WorkServer::from_arc(work.clone())).unwrap().start();
    let client = WorkClient::new(&near);
    assert_eq!(client.double(0).await.unwrap(), 0); // The limits are known now.
    work.begun.lock().unwrap().clear();
    Pair { client, near, far, work, caller }
}

fn ok<T, E: std::fmt::Debug>(results: Vec<Result<T, CallError<E>>>) -> Vec<T> {
    results.into_iter().map(Result::unwrap).collect()
}

/// How calls ended that did not end well.
pub(crate) fn ends<T: std::fmt::Debug>(
    results: Vec<Result<T, CallError>>,
) -> Vec<(Code, Executed)> {
    let ends = results.into_iter().map(|result| result.expect_err("it fails"));
    ends.map(|error| (error.code(), error.executed())).collect()
}

fn begin<T: Send + 'static, E: Send + 'static>(
    batch: Batch<T, E>,
) -> JoinHandle<Vec<Result<T, CallError<E>>>> {
    tokio::spawn(batch)
}

#[tokio::test]
async fn results_come_in_the_order_of_the_calls_each_with_its_own_error() {
    let pair = pair(256).await;
    let naps = [30, 1, 20, 0].map(|ms| pair.client.nap(ms));
    assert_eq!(ok(hton::batch(naps).await), [30, 1, 20, 0]);
    let halves = hton::batch((0..4).map(|n| pair.client.halve(n)));
    assert_eq!(halves.len(), 4);
    let halves = halves.await;
    assert_eq!(halves.iter().filter_map(|half| half.as_ref().ok()).collect::<Vec<_>>(), [&0, &1]);
    assert!(matches!(&halves[3], Err(CallError::Declared(text)) if text == "3 is odd"));
    let tags = ["a", "b", ""].map(|tag| match tag {
        "" => pair.client.tag(),
        tag => pair.client.tag().metadata("tag", tag),
    });
    assert_eq!(ok(hton::batch(tags).await), ["a", "b", ""]);
}

#[tokio::test]
async fn without_calls_it_is_ready_at_once_and_says_so_once() {
    let mut none = hton::batch::<u32, CallError>([]);
    assert!(none.is_empty());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(matches!(Pin::new(&mut none).poll(&mut cx), Poll::Ready(ends) if ends.is_empty()));
    assert!(Pin::new(&mut none).poll(&mut cx).is_pending());
    assert_eq!(format!("{none:?}"), "Batch { calls: 0, unfinished: 0 }");
    assert!(hton::batch::<u32, CallError>([]).wait().is_empty());
}

#[tokio::test]
async fn a_batch_far_beyond_the_limit_is_sent_in_its_order_and_all_of_it_ends() {
    let pair = pair(256).await;
    let doubles = hton::batch((0..10_000).map(|n| pair.client.double(n))).await;
    assert!(ok(doubles).into_iter().eq((0..10_000).map(|n| 2 * n)));
    assert!(pair.work.begun.lock().unwrap().iter().copied().eq(0..10_000));
    assert_eq!(pair.near.open_calls(), 0);
}

#[tokio::test]
async fn those_who_come_behind_a_batch_in_line_are_sent_behind_it() {
    let pair = pair(2).await;
    let first = begin(hton::batch((0..50).map(|n| pair.client.double(n))));
    let second = begin(hton::batch((50..100).map(|n| pair.client.double(n))));
    tokio::task::yield_now().await;
    assert_eq!(pair.client.double(100).await.unwrap(), 200);
    assert_eq!((ok(first.await.unwrap()).len(), ok(second.await.unwrap()).len()), (50, 50));
    assert!(pair.work.begun.lock().unwrap().iter().copied().eq(0..=100));
}

#[tokio::test(start_paused = true)]
async fn each_call_has_its_own_deadline_also_in_line() {
    let pair = pair(2).await;
    let begin = Instant::now();
    let short = |call: hton::Call<u32>, ms| call.timeout(Duration::from_millis(ms));
    let client = &pair.client;
    let calls = [
        short(client.never(1), 50),
        short(client.never(2), 3_000),
        short(client.never(3), 20), // Never leaves the line.
        short(client.never(4), 60), // Leaves it at 50.
        client.double(5),           // Leaves it at 60.
    ];
    let behind = tokio::spawn(client.double(6));
    let mut results = hton::batch(calls).await;
    assert_eq!(results.pop().unwrap().unwrap(), 10);
    let late = Code::DEADLINE_EXCEEDED;
    let (ran, never) = ((late, Executed::Maybe), (late, Executed::No));
    assert_eq!(ends(results), [ran, ran, never, ran]);
    assert!(begin.elapsed() < Duration::from_millis(3_100), "{:?}", begin.elapsed());
    assert_eq!(behind.await.unwrap().unwrap(), 12);
    assert_eq!(*pair.work.begun.lock().unwrap(), [1, 2, 4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_nobody_looks_at_gives_way_when_the_last_of_it_is_late() {
    let pair = pair(1).await;
    let holder = tokio::spawn(pair.client.never(0));
    tokio::task::yield_now().await;
    let timed = |n| pair.client.never(n).timeout(Duration::from_millis(10 * u64::from(n)));
    let mut batch = hton::batch([timed(1), timed(2)]);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(Pin::new(&mut batch).poll(&mut cx).is_pending());
    let behind = tokio::spawn(pair.client.double(3));
    sleep(Duration::from_millis(30)).await;
    holder.abort();
    assert_eq!(behind.await.unwrap().unwrap(), 6);
    assert_eq!(ends(batch.await), [(Code::DEADLINE_EXCEEDED, Executed::No); 2]);
}

#[tokio::test]
async fn dropping_it_cancels_every_call_and_frees_its_place_in_line() {
    let pair = pair(3).await;
    let batch = begin(hton::batch((0..10).map(|n| pair.client.never(n))));
    pair.work.has_alive(3).await;
    let behind = tokio::spawn(pair.client.double(9));
    tokio::task::yield_now().await;
    batch.abort();
    pair.work.has_alive(0).await;
    assert_eq!(behind.await.unwrap().unwrap(), 18);
    assert_eq!(*pair.work.begun.lock().unwrap(), [0, 1, 2, 9]);
    // One that was never polled has sent nothing.
    drop(hton::batch((0..10).map(|n| pair.client.double(n))));
    assert_eq!(pair.client.double(1).await.unwrap(), 2);
    assert_eq!(pair.work.begun.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn handles_cancel_their_own_calls() {
    let pair = pair(2).await;
    let calls: Vec<_> = (0..4).map(|n| pair.client.never(n)).collect();
    let handles: Vec<_> = calls.iter().map(hton::Call::handle).collect();
    let batch = begin(hton::batch(calls));
    pair.work.has_alive(2).await;
    handles[3].cancel(); // In line.
    handles[0].cancel(); // Makes room for the one in line.
    while !pair.work.begun.lock().unwrap().contains(&2) {
        tokio::task::yield_now().await;
    }
    handles[1].cancel();
    handles[2].cancel();
    let (ran, never) = ((Code::CANCELLED, Executed::Maybe), (Code::CANCELLED, Executed::No));
    assert_eq!(ends(batch.await.unwrap()), [ran, ran, ran, never]);
    pair.work.has_alive(0).await;
    let calls: Vec<_> = (0..3).map(|n| pair.client.double(n)).collect();
    calls[1].handle().cancel();
    let results = hton::batch(calls).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
}

#[tokio::test]
async fn when_the_connection_is_lost_each_call_says_whether_it_may_have_run() {
    let ((near, mut one), (mut other, far)) = (hton::memory(), hton::memory());
    let wire =
        tokio::spawn(
            async move { tokio::io::copy_bidirectional(&mut one, &mut other).await.map(drop) },
        );
    let pair = over(near, far, 2).await;
    let batch = begin(hton::batch([
        pair.client.double(1),
        pair.client.never(2),
        pair.client.never(3),
        pair.client.never(4),
    ]));
    pair.work.has_alive(2).await;
    wire.abort();
    let mut results = batch.await.unwrap();
    assert_eq!(results.remove(0).unwrap(), 2);
    let [maybe, no] = [Executed::Maybe, Executed::No].map(|ran| (Code::UNAVAILABLE, ran));
    assert_eq!(ends(results), [maybe, maybe, no]);
    assert_eq!(ends(hton::batch([pair.client.double(1)]).await), [no]);
}

#[tokio::test(start_paused = true)]
async fn in_a_handler_it_inherits_the_deadline_and_waits_in_no_line() {
    let pair = pair(3).await;
    let late = Code::DEADLINE_EXCEEDED.number();
    let ends = [late, late, late, 8, 8].map(|code| (code, code == 8));
    assert_eq!(pair.client.back(5, 50).await.unwrap(), ends);
    pair.caller.has_alive(0).await;
    assert_eq!(*pair.caller.begun.lock().unwrap(), [0, 1, 2]);
    // Its own deadline is the handler's, long before that of the calls.
    let begin = Instant::now();
    let late = pair.client.back(5, 5_000).timeout(Duration::from_millis(100)).await;
    assert!(late.is_err() || late.is_ok_and(|told| told == ends));
    pair.caller.has_alive(0).await;
    assert!(begin.elapsed() < Duration::from_millis(200), "{:?}", begin.elapsed());
    // A handler that is dropped drops its calls.
    let back = tokio::spawn(pair.client.back(5, 5_000));
    pair.caller.has_alive(3).await;
    back.abort();
    pair.caller.has_alive(0).await;
}

#[tokio::test]
async fn behind_layers_and_one_way_each_is_polled_on_its_own() {
    let pair = pair(4).await;
    let layered = WorkClient::new(pair.near.clone().layer(Timeout::new(Duration::from_secs(5))));
    let calls = (0..50).map(|n| if n % 2 == 0 { layered.double(n) } else { pair.client.double(n) });
    assert!(ok(hton::batch(calls).await).into_iter().eq((0..50).map(|n| 2 * n)));
    assert_eq!(ok(hton::batch((0..50).map(|n| pair.client.note(n))).await).len(), 50);
    let mut noted = pair.work.noted.subscribe();
    let all = noted.wait_for(|noted| noted.len() == 50).await.unwrap();
    assert!(all.iter().copied().eq(0..50));
}

#[tokio::test]
async fn calls_over_several_connections_and_such_that_cannot_be_sent_go_together() {
    let (one, other) = (pair(4).await, pair(4).await);
    let spoiled = one.client.double(7).metadata("no such key!", "");
    let calls = [one.client.double(1), other.client.double(2), spoiled, one.client.double(3)];
    let results = hton::batch(calls).await;
    let [Ok(2), Ok(4), Err(CallError::Failed(failure)), Ok(6)] = &results[..] else {
        panic!("{results:?}");
    };
    assert_eq!((failure.code(), failure.executed()), (Code::INVALID_ARGUMENT, Executed::No));
    other.far.close();
    other.near.closed().await;
    let results = hton::batch([one.client.double(1), other.client.double(2)]).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
}

/// Counts what it is told.
#[derive(Clone, Default)]
struct Count(Arc<[AtomicUsize; 3]>);

impl Observer for Count {
    fn call_started(&self, _: &hton::CallInfo) {
        self.0[0].fetch_add(1, Ordering::SeqCst);
    }

    fn call_ended(&self, _: &hton::CallInfo, code: Code, _: Duration) {
        let which = if code == Code::OK { 1 } else { 2 };
        self.0[which].fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn observers_are_told_of_every_call_and_it_is_counted() {
    let (near, far) = hton::memory();
    let (work, count) = (MyWork::new(), Count::default());
    let far = hton::attach(far, Side::Acceptor).serve(WorkServer::from_arc(work.clone()));
    let _far = far.unwrap().start();
    let near = hton::attach(near, Side::Dialer).observe(count.clone()).start();
    let client = WorkClient::new(&near);
    ok(hton::batch((0..20).map(|n| client.double(n))).await);
    let batch = begin(hton::batch((0..5).map(|n| client.never(n))));
    work.has_alive(5).await;
    batch.abort();
    work.has_alive(0).await;
    assert!(batch.await.is_err());
    let told = [0, 1, 2].map(|n| count.0[n].load(Ordering::SeqCst));
    assert_eq!(told, [25, 20, 5]);
    let calls: u64 = near.stats().asked.iter().map(|method| method.calls()).sum();
    assert_eq!(calls, 25);
}

#[test]
fn a_thread_may_wait_for_it_but_not_in_a_handler() {
    let server = hton::blocking::bind("127.0.0.1:0").unwrap();
    let server = server.serve(WorkServer::from_arc(MyWork::new())).unwrap();
    let peer = hton::blocking::connect(server.local_addr()).unwrap();
    let client = WorkClient::new(&peer);
    let doubles = hton::batch((0..1_000).map(|n| client.double(n))).wait();
    assert!(ok(doubles).into_iter().eq((0..1_000).map(|n| 2 * n)));
    let short = |n| client.never(n).timeout(Duration::from_millis(20));
    let late = ends(hton::batch([short(1), short(2)]).wait());
    assert_eq!(late, [(Code::DEADLINE_EXCEEDED, Executed::Maybe); 2]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let refused = runtime.block_on(async { hton::batch([client.double(1)]).wait() });
    assert_eq!(ends(refused), [(Code::FAILED_PRECONDITION, Executed::No)]);
    let mut again = hton::batch([client.double(1), client.double(2)]);
    assert_eq!(ok(runtime.block_on(&mut again)), [2, 4]);
    assert_eq!(ends(again.wait())[1].0, Code::FAILED_PRECONDITION);
}

#[tokio::test]
async fn its_calls_leave_in_one_write() {
    let (near, far) = hton::memory();
    let writes = Arc::new(AtomicUsize::new(0));
    let pair = over(CountedWrites(near, Arc::clone(&writes)), far, 256).await;
    let before = writes.load(Ordering::SeqCst);
    for _ in 0..10 {
        ok(hton::batch((0..200).map(|n| pair.client.double(n))).await);
    }
    assert_eq!(writes.load(Ordering::SeqCst) - before, 10);
}
