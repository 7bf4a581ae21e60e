//! When things go badly: crowded lines, floods, streams that buffer, handlers that panic when dropped.

use crate::raw::{Raw, hello, request};
use crate::service::{CalcClient, CalcServer, MyCalc, serve_with};
use hton::{Bytes, Code, Limits, Server, Side};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

fn poll_once<F: Future + Unpin>(f: &mut F) -> Poll<F::Output> {
    Pin::new(f).poll(&mut Context::from_waker(Waker::noop()))
}

#[hton::service]
trait Store {
    async fn keep(&self, bytes: Bytes);
    async fn kept(&self) -> u32;
    async fn ping(&self) -> u32;
    async fn wait(&self) -> u32;
    async fn go(&self);
    async fn big(&self) -> Big;
    async fn grumpy(&self);
    async fn nosy(&self, cx: &hton::Context) -> Bytes;
}

#[derive(Default)]
struct MyStore {
    kept: AtomicUsize,
    go: tokio::sync::Notify,
}

static ENCODED: AtomicUsize = AtomicUsize::new(0);

/// A result of 1 MiB that counts how often it is encoded (an `Encoder` may look at the length first).
struct Big;
impl serde::Serialize for Big {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ENCODED.fetch_add(1, Ordering::SeqCst);
        vec![0_u8; 1 << 20].serialize(serializer)
    }
}
impl<'de> serde::Deserialize<'de> for Big {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Vec::<u8>::deserialize(d).map(|_| Self)
    }
}

struct Grumpy;
impl Drop for Grumpy {
    fn drop(&mut self) {
        panic!("grumpy");
    }
}

impl Store for MyStore {
    async fn keep(&self, _bytes: Bytes) {
        self.kept.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
    async fn kept(&self) -> u32 {
        u32::try_from(self.kept.load(Ordering::SeqCst)).unwrap()
    }
    async fn ping(&self) -> u32 {
        1
    }
    async fn wait(&self) -> u32 {
        self.go.notified().await;
        7
    }
    async fn go(&self) {
        self.go.notify_one();
    }
    async fn big(&self) -> Big {
        Big
    }
    async fn nosy(&self, cx: &hton::Context) -> Bytes {
        Bytes::from_owner(Nosy(cx.peer(), vec![0; 20_000]))
    }
    async fn grumpy(&self) {
        let _g = Grumpy;
        std::future::pending().await
    }
}

async fn store(limits: Limits) -> (Server, Arc<MyStore>) {
    let store = Arc::new(MyStore::default());
    let bound = Server::bind("127.0.0.1:0").await.unwrap().limits(limits);
    (bound.serve(StoreServer::from_arc(store.clone())).unwrap(), store)
}

#[tokio::test]
async fn a_large_call_begins_when_there_is_room_for_it() {
    let (server, store) = store(Limits::default()).await;
    let calc = StoreClient::connect(server.local_addr()).await.unwrap();
    assert_eq!(calc.ping().await.unwrap(), 1);
    let blob = Bytes::from(vec![0; 4_000_000]);
    let calls: Vec<_> = (0..3).map(|_| tokio::spawn(calc.keep(blob.clone()))).collect();
    timeout(Duration::from_secs(3), async {
        while store.kept.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the third begins when the first two have left");
    drop(calls);
}

#[tokio::test]
async fn an_answer_is_not_held_back_by_room_for_a_large_call() {
    let (server, store) = store(Limits::default()).await;
    let calc = StoreClient::connect(server.local_addr()).await.unwrap();
    let other = StoreClient::connect(server.local_addr()).await.unwrap();
    assert_eq!(calc.ping().await.unwrap(), 1);
    let wait = tokio::spawn(calc.wait());
    let blob = Bytes::from(vec![0; 4_000_000]);
    let calls: Vec<_> = (0..3).map(|_| tokio::spawn(calc.keep(blob.clone()))).collect();
    while store.kept.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    other.go().await.unwrap();
    let answer = timeout(Duration::from_secs(5), wait).await.expect("the answer has come");
    assert_eq!(answer.unwrap().unwrap(), 7);
    drop(calls);
}

#[tokio::test]
async fn a_broken_write_ends_the_connection_though_more_is_to_be_written() {
    let (read, _keep) = tokio::io::duplex(1024);
    let (write, gone) = tokio::io::duplex(1024);
    drop(gone);
    let peer = hton::attach(tokio::io::join(read, write), Side::Dialer).start();
    tokio::task::yield_now().await; // The HELLO cannot be written.
    let error = timeout(Duration::from_secs(3), CalcClient::new(&peer).add(1, 2));
    let error = error.await.expect("within the second that the peer's reason is waited for");
    assert_eq!(error.unwrap_err().code(), Code::UNAVAILABLE);
}

/// A peer that never stops talking: REQUESTs of an unknown method, one after the other.
struct Flood {
    id: u32,
    rest: Vec<u8>,
}
impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        while self.rest.len() < buf.remaining() {
            let next = request(self.id, 0x0bad_cafe, &[0; 1000]);
            self.id += 2;
            self.rest.extend(next);
        }
        let n = buf.remaining();
        buf.put_slice(&self.rest[..n]);
        self.rest.drain(..n);
        Poll::Ready(Ok(()))
    }
}
impl AsyncWrite for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        b: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(b.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_deadline_is_kept_while_the_peer_never_stops_talking() {
    let peer = hton::attach(Flood { id: 2, rest: hello() }, Side::Dialer).start();
    let call = CalcClient::new(&peer).never().timeout(Duration::from_millis(50));
    let error = timeout(Duration::from_secs(2), call).await.expect("about 50 ms");
    assert_eq!(error.unwrap_err().code(), Code::DEADLINE_EXCEEDED);
}

#[tokio::test]
async fn a_stream_with_a_buffer_is_flushed() {
    let (near, far) = hton::memory();
    let serve = hton::attach(tokio::io::BufStream::new(far), Side::Acceptor);
    let _far = serve.serve(CalcServer::new(MyCalc::new())).unwrap().start();
    let near = hton::attach(tokio::io::BufStream::new(near), Side::Dialer).start();
    let sum = timeout(Duration::from_secs(2), CalcClient::new(&near).add(1, 2)).await;
    assert_eq!(sum.expect("bytes leave").unwrap(), 3);
}

#[tokio::test]
async fn a_handler_that_panics_when_it_is_dropped_is_answered() {
    let mut limits = Limits::default();
    limits.calls = 1;
    let (server, _) = store(limits).await;
    let calc = StoreClient::connect(server.local_addr()).await.unwrap();
    assert_eq!(calc.ping().await.unwrap(), 1);
    let error = calc.grumpy().timeout(Duration::from_millis(30)).await.unwrap_err();
    // Both ends keep the deadline, and either may be first: here, or there with what the drop came to.
    assert!(matches!(error.code(), Code::DEADLINE_EXCEEDED | Code::INTERNAL), "{error}");
    let ping = timeout(Duration::from_secs(2), calc.ping()).await;
    assert_eq!(ping.expect("the slot is free again").unwrap(), 1);
}

#[tokio::test]
async fn results_that_wait_stay_within_the_send_buffer() {
    let mut limits = Limits::default();
    limits.send_buffer_bytes = 4 << 20;
    let (server, _) = store(limits).await;
    let id = 0xefb1_1c93; // Store/big
    let mut raw = Raw::greet(server.local_addr()).await;
    let requests: Vec<u8> = (0..120).flat_map(|n| request(2 * n + 1, id, &[])).collect();
    raw.send(&requests).await;
    while ENCODED.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let encoded = ENCODED.load(Ordering::SeqCst);
    assert!(encoded <= 20, "{encoded} results of 1 MiB wait encoded, the send buffer has 4 MiB");
}

#[tokio::test]
async fn a_call_in_line_begins_though_the_one_that_ended_is_not_looked_at() {
    let mut limits = Limits::default();
    limits.calls = 1;
    let (server, store) = store(limits).await;
    let calc = StoreClient::connect(server.local_addr()).await.unwrap();
    assert_eq!(calc.ping().await.unwrap(), 1);
    let mut first = Box::pin(calc.wait());
    assert!(poll_once(&mut first).is_pending());
    let second = tokio::spawn(calc.ping());
    tokio::task::yield_now().await;
    store.go.notify_one();
    let second = timeout(Duration::from_secs(2), second).await;
    assert_eq!(second.expect("there is room").unwrap().unwrap(), 1);
    assert_eq!(first.await.unwrap(), 7);
}

#[tokio::test]
async fn a_call_in_line_that_nobody_polls_leaves_at_its_deadline() {
    let mut limits = Limits::default();
    limits.calls = 1;
    let (server, store) = store(limits).await;
    let calc = StoreClient::connect(server.local_addr()).await.unwrap();
    assert_eq!(calc.ping().await.unwrap(), 1);
    let first = tokio::spawn(calc.wait());
    tokio::task::yield_now().await;
    let mut forgotten = Box::pin(calc.ping().timeout(Duration::from_millis(50)));
    assert!(poll_once(&mut forgotten).is_pending());
    let third = tokio::spawn(calc.ping());
    tokio::task::yield_now().await;
    store.go.notify_one();
    first.await.unwrap().unwrap();
    let third = timeout(Duration::from_secs(2), third).await;
    assert_eq!(third.expect("there is room").unwrap().unwrap(), 1);
    drop(forgotten);
}

#[tokio::test]
async fn calls_in_line_are_refused_when_their_connection_is_closed() {
    let mut limits = Limits::default();
    limits.calls = 1;
    let (server, _) = store(limits).await;
    let peer = hton::connect(server.local_addr()).await.unwrap();
    let calc = StoreClient::new(&peer);
    assert_eq!(calc.ping().await.unwrap(), 1);
    let _first = tokio::spawn(calc.wait());
    tokio::task::yield_now().await;
    let second = tokio::spawn(calc.ping());
    tokio::task::yield_now().await;
    peer.close();
    let second = timeout(Duration::from_secs(2), second).await.expect("at once");
    assert_eq!(second.unwrap().unwrap_err().code(), Code::UNAVAILABLE);
}

struct Nosy(hton::Peer, Vec<u8>);
impl AsRef<[u8]> for Nosy {
    fn as_ref(&self) -> &[u8] {
        &self.1
    }
}
impl Drop for Nosy {
    fn drop(&mut self) {
        let _ = self.0.is_closed();
    }
}

#[test]
fn a_payload_of_the_user_is_not_dropped_under_the_lock() {
    let (done, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (near, far) = hton::memory();
            let far = hton::attach(far, Side::Acceptor);
            let _far = far.serve(StoreServer::new(MyStore::default())).unwrap().start();
            let mut limits = Limits::default();
            limits.message_bytes = 1000;
            let near = hton::attach(near, Side::Dialer).limits(limits).start();
            let error = StoreClient::new(&near).nosy().await.unwrap_err();
            assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
        });
        done.send(()).unwrap();
    });
    wait.recv_timeout(Duration::from_secs(2)).expect("no deadlock");
}

#[tokio::test]
async fn the_side_that_goes_away_says_how_long_calls_may_take() {
    let mut limits = Limits::default();
    limits.drain_ms = 5_000;
    let server = serve_with(limits.clone()).await;
    limits.drain_ms = 50;
    let peer = hton::connect(server.local_addr()).limits(limits).await.unwrap();
    let calc = CalcClient::new(&peer);
    let sleeping = tokio::spawn(calc.sleep(500));
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    server.drain().await;
    assert_eq!(sleeping.await.unwrap().unwrap(), 500);
}

#[tokio::test]
async fn late_calls_in_line_are_told_in_time_again_and_again() {
    let mut limits = Limits::default();
    limits.calls = 1;
    let (server, _) = store(limits).await;
    let calc = StoreClient::connect(server.local_addr()).await.unwrap();
    assert_eq!(calc.ping().await.unwrap(), 1);
    let first = tokio::spawn(calc.wait());
    tokio::task::yield_now().await;
    for n in 0..50 {
        let started = Instant::now();
        let late = calc.ping().timeout(Duration::from_millis(20));
        let e = timeout(Duration::from_secs(2), late).await.unwrap_or_else(|_| panic!("hangs {n}"));
        assert_eq!(e.unwrap_err().code(), Code::DEADLINE_EXCEEDED);
        assert!(started.elapsed() < Duration::from_millis(120));
    }
    drop(first);
}

#[hton::service]
trait Mixed {
    async fn heavy(&self) -> u64;
    async fn light(&self) -> u64;
}
/// The number of the task that runs this.
fn task() -> u64 {
    tokio::task::try_id().map_or(0, |id| id.to_string().parse().unwrap())
}

struct MyMixed;

impl Mixed for MyMixed {
    async fn heavy(&self) -> u64 {
        std::thread::sleep(Duration::from_millis(5));
        task()
    }
    async fn light(&self) -> u64 {
        task()
    }
}

#[tokio::test]
async fn a_method_that_computes_for_long_is_found_among_light_ones() {
    let server =
        Server::bind("127.0.0.1:0").await.unwrap().serve(MixedServer::new(MyMixed)).unwrap();
    let c = MixedClient::connect(server.local_addr()).await.unwrap();
    let driver = c.light().await.unwrap();
    let mut heavy = 0;
    for _ in 0..20 {
        heavy = c.heavy().await.unwrap();
        assert_eq!(c.light().await.unwrap(), driver);
    }
    assert_ne!(heavy, driver, "after 20 calls of 5 ms it still runs in the connection's task");
}

/// A stream that counts how often it is written to.
pub(crate) struct CountedWrites(pub(crate) tokio::io::DuplexStream, pub(crate) Arc<AtomicUsize>);

impl AsyncRead for CountedWrites {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for CountedWrites {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn many_frames_leave_in_one_write_at_both_ends() {
    let (near, far) = hton::memory();
    let [asked, answered] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let far = hton::attach(CountedWrites(far, Arc::clone(&answered)), Side::Acceptor);
    let _far = far.serve(CalcServer::new(MyCalc::new())).unwrap().start();
    let near = CountedWrites(near, Arc::clone(&asked));
    let calc = CalcClient::new(hton::attach(near, Side::Dialer).start());
    for _ in 0..10 {
        let calls: Vec<_> = (0..100).map(|n| tokio::spawn(calc.add(n, n))).collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
    }
    let writes = [asked, answered].map(|count| count.load(Ordering::SeqCst));
    assert!(writes.iter().all(|writes| (10..50).contains(writes)), "{writes:?} for 1,000 calls");
}
