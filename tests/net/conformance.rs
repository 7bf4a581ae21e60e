//! One suite of promises, unchanged over every way in which two peers can be connected.

use hton::{Bytes, CloseCode, Code, Executed, Peer, Rx, Server, Side, Stream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::time::timeout;

#[hton::service]
trait There {
    async fn join(&self, a: String, b: String) -> String;
    async fn halve(&self, n: u32) -> Result<u32, Odd>;
    async fn blob(&self, bytes: Bytes) -> Bytes;
    async fn wait(&self);
    async fn ask_back(&self, cx: &hton::Context, rounds: u32) -> u32;
    async fn break_down(&self);
    fn count(&self, to: u32) -> impl Stream<Item = u32>;
    async fn sum(&self, numbers: Rx<u32>) -> u64;
    fn upper(&self, words: Rx<String>) -> impl Stream<Item = String>;
    #[hton(oneway)]
    async fn note(&self, word: String);
    async fn noted(&self) -> u32;
}

#[hton::service]
trait Here {
    async fn round(&self, cx: &hton::Context, left: u32) -> u32;
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Odd(u32);

#[derive(Default)]
struct Host {
    /// Handlers of `wait` that exist.
    waiting: Arc<AtomicUsize>,
    notes: AtomicUsize,
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl There for Host {
    async fn join(&self, a: String, b: String) -> String {
        a + &b
    }

    async fn halve(&self, n: u32) -> Result<u32, Odd> {
        if n % 2 == 0 { Ok(n / 2) } else { Err(Odd(n)) }
    }

    async fn blob(&self, bytes: Bytes) -> Bytes {
        bytes
    }

    async fn wait(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _counted = Counted(Arc::clone(&self.waiting));
        std::future::pending().await
    }

    async fn ask_back(&self, cx: &hton::Context, rounds: u32) -> u32 {
        match rounds {
            0 => 0,
            _ => 1 + HereClient::new(cx.peer()).round(rounds - 1).await.expect("the caller serves"),
        }
    }

    async fn break_down(&self) {
        panic!("as it must");
    }

    fn count(&self, to: u32) -> impl Stream<Item = u32> {
        hton::stream::iter(0..to)
    }

    async fn sum(&self, mut numbers: Rx<u32>) -> u64 {
        let mut sum = 0;
        while let Ok(Some(number)) = numbers.recv().await {
            sum += u64::from(number);
        }
        sum
    }

    fn upper(&self, words: Rx<String>) -> impl Stream<Item = String> {
        hton::stream::unfold(words, async |mut words| {
            let word = words.recv().await.ok()??;
            Some((word.to_uppercase(), words))
        })
    }

    async fn note(&self, word: String) {
        self.notes.fetch_add(word.len(), Ordering::SeqCst);
    }

    async fn noted(&self) -> u32 {
        u32::try_from(self.notes.load(Ordering::SeqCst)).expect("few")
    }
}

struct Home;

impl Here for Home {
    async fn round(&self, cx: &hton::Context, left: u32) -> u32 {
        match left {
            0 => 0,
            _ => 1 + ThereClient::new(cx.peer()).ask_back(left - 1).await.expect("it answers"),
        }
    }
}

/// Two peers that are connected, and what keeps them so.
struct Rig {
    peer: Peer,
    there: ThereClient,
    waiting: Arc<AtomicUsize>,
    far: Far,
}

enum Far {
    Server(Server),
    Peer(Peer),
}

impl Rig {
    fn new(peer: Peer, waiting: Arc<AtomicUsize>, far: Far) -> Self {
        Self { there: ThereClient::new(&peer), peer, waiting, far }
    }

    /// Over a server at this address.
    async fn at(
        address: impl Into<hton::Address>,
        dial: impl Fn(&Server) -> hton::Address,
    ) -> Self {
        let host = Host::default();
        let waiting = Arc::clone(&host.waiting);
        let server = Server::bind(address).await.expect("it is free");
        let server = server.serve(ThereServer::new(host)).expect("no collision");
        let connect = hton::connect(dial(&server)).serve(HereServer::new(Home));
        let peer = connect.expect("no collision").await.expect("the server listens");
        Self::new(peer, waiting, Far::Server(server))
    }

    /// Over two ends of a stream.
    fn over<S>(near: S, far: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let host = Host::default();
        let waiting = Arc::clone(&host.waiting);
        let far = hton::attach(far, Side::Acceptor).serve(ThereServer::new(host)).unwrap().start();
        let near = hton::attach(near, Side::Dialer).serve(HereServer::new(Home)).unwrap().start();
        Self::new(near, waiting, Far::Peer(far))
    }

    async fn until_waiting(&self, count: usize) {
        let reached = async {
            while self.waiting.load(Ordering::SeqCst) != count {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(5), reached)
            .await
            .expect("as many handlers as there should be");
    }
}

fn itself(server: &Server) -> hton::Address {
    server.local_addr()
}

async fn tcp4() -> Rig {
    Rig::at("127.0.0.1:0", itself).await
}

async fn tcp6() -> Rig {
    Rig::at("[::1]:0", itself).await
}

/// An IPv4 client of a server for both families.
async fn dual() -> Rig {
    Rig::at("[::]:0", |server| {
        ("127.0.0.1", server.local_addr().port().expect("a TCP server")).into()
    })
    .await
}

#[cfg(unix)]
async fn unix() -> Rig {
    Rig::at(crate::unix::fresh_path("conform"), itself).await
}

async fn memory() -> Rig {
    let (near, far) = hton::memory();
    Rig::over(near, far)
}

/// A stream of the user's that moves few bytes at a time, and stops again and again.
struct Dribble {
    stream: DuplexStream,
    reads: usize,
    writes: usize,
}

impl Dribble {
    fn new(stream: DuplexStream) -> Self {
        Self { stream, reads: 0, writes: 3 }
    }

    /// How much may move now, if anything.
    fn next(turn: &mut usize, cx: &Context<'_>) -> Option<usize> {
        const SIZES: [usize; 7] = [1, 15, 3, 0, 9_997, 16, 0];
        let size = SIZES[*turn % SIZES.len()];
        *turn += 1;
        if size == 0 {
            cx.waker().wake_by_ref();
        }
        Some(size).filter(|size| *size > 0)
    }
}

impl AsyncRead for Dribble {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let Some(size) = Self::next(&mut self.reads, cx) else { return Poll::Pending };
        let mut space = vec![0; size.min(out.remaining())];
        let mut few = ReadBuf::new(&mut space);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut few);
        out.put_slice(few.filled());
        polled
    }
}

impl AsyncWrite for Dribble {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let Some(size) = Self::next(&mut self.writes, cx) else { return Poll::Pending };
        let few = &bytes[..size.min(bytes.len())];
        Pin::new(&mut self.stream).poll_write(cx, few)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

async fn dribble() -> Rig {
    let (near, far) = tokio::io::duplex(16 * 1024);
    Rig::over(Dribble::new(near), Dribble::new(far))
}

/// A stream that a server was given instead of having accepted it.
async fn adopted() -> Rig {
    let host = Host::default();
    let waiting = Arc::clone(&host.waiting);
    let server = Server::bind("127.0.0.1:0").await.unwrap().serve(ThereServer::new(host)).unwrap();
    let (near, far) = hton::memory();
    server.adopt(far, hton::PeerInfo::default());
    let near = hton::attach(near, Side::Dialer).serve(HereServer::new(Home)).unwrap().start();
    Rig::new(near, waiting, Far::Server(server))
}

mod promise {
    use super::*;

    pub(super) async fn calls_return_results(rig: Rig) {
        for n in 0..20 {
            let joined = rig.there.join(n.to_string(), "ß".into()).await.unwrap();
            assert_eq!(joined, format!("{n}ß"));
        }
    }

    pub(super) async fn errors_travel_typed_and_panics_harm_one_call(rig: Rig) {
        assert_eq!(rig.there.halve(6).await.unwrap(), 3);
        assert_eq!(rig.there.halve(7).await.unwrap_err().declared(), Some(&Odd(7)));
        let broken = rig.there.break_down().await.unwrap_err();
        assert_eq!((broken.code(), broken.executed()), (Code::INTERNAL, Executed::Maybe));
        assert_eq!(rig.there.halve(8).await.unwrap(), 4);
    }

    pub(super) async fn dropping_a_call_drops_its_handler(rig: Rig) {
        let calls: Vec<_> = (0..10).map(|_| tokio::spawn(rig.there.wait())).collect();
        rig.until_waiting(10).await;
        for call in calls {
            call.abort();
        }
        rig.until_waiting(0).await;
        assert_eq!(rig.there.halve(2).await.unwrap(), 1);
    }

    pub(super) async fn both_ends_call_each_other(rig: Rig) {
        assert_eq!(rig.there.ask_back(10).await.unwrap(), 10);
    }

    pub(super) async fn large_messages_arrive_whole_beside_small_ones(rig: Rig) {
        let bytes: Vec<u8> = (0..400_000_u32).map(|n| (n % 251) as u8).collect();
        let bytes = Bytes::from(bytes);
        let large: Vec<_> = (0..3).map(|_| tokio::spawn(rig.there.blob(bytes.clone()))).collect();
        assert_eq!(rig.there.join("a".into(), "b".into()).await.unwrap(), "ab");
        for call in large {
            assert!(call.await.unwrap().unwrap() == bytes);
        }
    }

    pub(super) async fn items_flow_in_each_direction_and_in_order(rig: Rig) {
        let mut count = rig.there.count(5_000);
        for n in 0..5_000 {
            assert_eq!(count.recv().await.unwrap(), Some(n));
        }
        assert_eq!(count.recv().await.unwrap(), None);
        assert_eq!(rig.there.sum(hton::stream::iter(0..5_000_u32)).await.unwrap(), 12_497_500);
        let words: Vec<_> = (0..100).map(|n| format!("w{n}")).collect();
        let mut upper = rig.there.upper(hton::stream::iter(words.clone()));
        for word in words {
            assert_eq!(upper.recv().await.unwrap(), Some(word.to_uppercase()));
        }
        assert_eq!(upper.recv().await.unwrap(), None);
    }

    pub(super) async fn a_one_way_call_is_sent_and_its_handler_runs(rig: Rig) {
        for _ in 0..10 {
            rig.there.note("abc".into()).await.unwrap();
        }
        let noted = async {
            while rig.there.noted().await.unwrap() < 30 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(5), noted).await.expect("all of them run");
    }

    pub(super) async fn a_deadline_ends_the_call_at_both_ends(rig: Rig) {
        let late = rig.there.wait().timeout(Duration::from_millis(30)).await.unwrap_err();
        assert_eq!(late.code(), Code::DEADLINE_EXCEEDED, "{late}");
        rig.until_waiting(0).await;
    }

    pub(super) async fn closing_is_seen_at_both_ends(rig: Rig) {
        assert_eq!(rig.there.halve(2).await.unwrap(), 1);
        assert!(!rig.peer.is_closed());
        rig.peer.close();
        let closed = timeout(Duration::from_secs(5), rig.peer.closed()).await.expect("it ends");
        assert_eq!((closed.code, closed.by_peer), (Some(CloseCode::GRACEFUL), false), "{closed}");
        match &rig.far {
            Far::Server(server) => {
                let empty = async {
                    while server.connections() > 0 {
                        tokio::task::yield_now().await;
                    }
                };
                timeout(Duration::from_secs(5), empty).await.expect("it ends there, too");
            }
            Far::Peer(peer) => {
                let closed = timeout(Duration::from_secs(5), peer.closed()).await.expect("it ends");
                assert_eq!((closed.code, closed.by_peer), (Some(CloseCode::GRACEFUL), true));
            }
        }
        let late = rig.there.halve(2).await.unwrap_err();
        assert_eq!((late.code(), late.executed()), (Code::UNAVAILABLE, Executed::No));
    }

    pub(super) async fn a_drain_finishes_what_was_accepted(rig: Rig) {
        let Far::Server(server) = rig.far else { return };
        let large = tokio::spawn(rig.there.blob(Bytes::from(vec![7; 200_000])));
        assert_eq!(rig.there.halve(2).await.unwrap(), 1);
        let (report, large) = tokio::join!(server.drain(), large);
        assert_eq!(large.unwrap().map(|bytes| bytes.len()).ok(), Some(200_000));
        assert_eq!((report.connections, report.connections_cut, report.cut), (1, 0, 0), "{report}");
        assert_eq!(rig.peer.closed().await.code, Some(CloseCode::GRACEFUL));
    }
}

macro_rules! conform {
    ($($(#[$attribute:meta])* $way:ident)+) => {$(
        $(#[$attribute])*
        mod $way {
            conform! { @ $way
                calls_return_results
                errors_travel_typed_and_panics_harm_one_call
                dropping_a_call_drops_its_handler
                both_ends_call_each_other
                large_messages_arrive_whole_beside_small_ones
                items_flow_in_each_direction_and_in_order
                a_one_way_call_is_sent_and_its_handler_runs
                a_deadline_ends_the_call_at_both_ends
                closing_is_seen_at_both_ends
                a_drain_finishes_what_was_accepted
            }
        }
    )+};
    (@ $way:ident $($promise:ident)+) => {$(
        #[tokio::test]
        async fn $promise() {
            super::promise::$promise(super::$way().await).await;
        }
    )+};
}

conform! {
    tcp4
    tcp6
    dual
    #[cfg(unix)]
    unix
    memory
    dribble
    adopted
}
