//! The service whose streams the tests read and write, and two peers that both serve it.

use hton::{Bytes, Context, Limits, Peer, Rx, Side, Status, Stream, stream};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, watch};

#[hton::service]
pub(crate) trait Flows {
    async fn sum(&self, numbers: Rx<u64>) -> Result<u64, Status>;
    fn count(&self, from: u64, to: u64) -> impl Stream<Item = u64>;
    fn double(&self, numbers: Rx<u64>) -> impl Stream<Item = u64>;
    /// Yields that many items, then the status.
    fn status_after(&self, items: u32) -> impl Stream<Item = Result<u32, Status>>;
    /// Yields items of so many bytes, then the error.
    fn error_after(&self, items: u32, bytes: u32) -> impl Stream<Item = Result<Bytes, Oops>>;
    /// Refuses before it streams, or streams one item.
    async fn guarded(&self, open: bool) -> Result<impl Stream<Item = u32>, Oops>;
    /// Takes one number, wants no more, and goes on until it is released.
    async fn first(&self, numbers: Rx<u64>) -> u64;
    async fn release(&self);
    /// Gives the stream away and answers; what became of it is told by `watched`.
    async fn give_away(&self, numbers: Rx<u64>);
    /// Reads in another task, and never answers.
    async fn hand_over(&self, numbers: Rx<u64>);
    /// Yields for ever; `made` tells how many were made.
    fn forever(&self) -> impl Stream<Item = u64>;
    async fn made(&self) -> u64;
    /// Yields so many items and then panics.
    fn panic_after(&self, items: u32) -> impl Stream<Item = u32>;
    fn chunks(&self, chunks: u32, bytes: u32) -> impl Stream<Item = Bytes>;
    async fn swallow(&self, chunks: Rx<Bytes>) -> Result<u64, Status>;
    async fn units(&self, units: Rx<()>) -> Result<u32, Status>;
    /// Asks the caller to add one to each number.
    fn ask_back(&self, cx: &Context, numbers: Rx<u64>) -> impl Stream<Item = u64>;
    async fn add_one(&self, n: u64) -> u64;
    /// Opens a stream to the caller as long as it can, and tells how many it could.
    async fn greedy(&self, cx: &Context) -> u32;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Oops {
    Closed,
    After(u32),
}

pub(crate) struct MyFlows {
    pub(crate) made: AtomicU64,
    /// How many streams of `forever` exist.
    pub(crate) alive: watch::Sender<u32>,
    pub(crate) released: watch::Sender<bool>,
    /// What became of streams that were read elsewhere: their items, and how they ended.
    pub(crate) watched: mpsc::UnboundedSender<(u64, Option<String>)>,
}

pub(crate) type Watched = mpsc::UnboundedReceiver<(u64, Option<String>)>;

impl MyFlows {
    pub(crate) fn new() -> (Arc<Self>, Watched) {
        let (watched, told) = mpsc::unbounded_channel();
        let mine = Self {
            made: AtomicU64::new(0),
            alive: watch::Sender::new(0),
            released: watch::Sender::new(false),
            watched,
        };
        (Arc::new(mine), told)
    }

    fn read_elsewhere(&self, mut numbers: Rx<u64>) {
        let watched = self.watched.clone();
        tokio::spawn(async move {
            let mut read = 0;
            let end = loop {
                match numbers.recv().await {
                    Ok(Some(_)) => read += 1,
                    Ok(None) => break None,
                    Err(failure) => break Some(failure.to_string()),
                }
            };
            watched.send((read, end)).ok();
        });
    }
}

/// Counts itself while it exists.
pub(crate) struct Alive(watch::Sender<u32>);

impl Alive {
    pub(crate) fn new(count: &watch::Sender<u32>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Flows for MyFlows {
    async fn sum(&self, mut numbers: Rx<u64>) -> Result<u64, Status> {
        let mut sum = 0_u64;
        while let Some(number) = numbers.recv().await? {
            sum = sum.wrapping_add(number);
        }
        Ok(sum)
    }

    fn count(&self, from: u64, to: u64) -> impl Stream<Item = u64> {
        stream::iter(from..to)
    }

    fn double(&self, numbers: Rx<u64>) -> impl Stream<Item = u64> {
        stream::unfold(numbers, async |mut numbers| {
            let number = numbers.recv().await.ok().flatten()?;
            Some((2 * number, numbers))
        })
    }

    fn status_after(&self, items: u32) -> impl Stream<Item = Result<u32, Status>> {
        let end = Err(Status::not_found("no more").with_app(404));
        stream::iter((0..items).map(Ok).chain([end]))
    }

    fn error_after(&self, items: u32, bytes: u32) -> impl Stream<Item = Result<Bytes, Oops>> {
        let item = Bytes::from(vec![7; bytes as usize]);
        let end = Err(Oops::After(items));
        stream::iter((0..items).map(move |_| Ok(item.clone())).chain([end]))
    }

    async fn guarded(&self, open: bool) -> Result<impl Stream<Item = u32>, Oops> {
        if open { Ok(stream::once(7)) } else { Err(Oops::Closed) }
    }

    async fn first(&self, mut numbers: Rx<u64>) -> u64 {
        let first = numbers.recv().await.ok().flatten().unwrap_or(0);
        drop(numbers);
        let mut released = self.released.subscribe();
        released.wait_for(|released| *released).await.expect("the sender lives in `self`");
        first
    }

    async fn release(&self) {
        self.released.send_replace(true);
    }

    async fn give_away(&self, numbers: Rx<u64>) {
        self.read_elsewhere(numbers);
    }

    async fn hand_over(&self, numbers: Rx<u64>) {
        self.read_elsewhere(numbers);
        std::future::pending().await
    }

    fn forever(&self) -> impl Stream<Item = u64> {
        let alive = Alive::new(&self.alive);
        stream::unfold((0, alive), move |(n, alive)| async move {
            self.made.fetch_add(1, Ordering::SeqCst);
            Some((n, (n + 1, alive)))
        })
    }

    async fn made(&self) -> u64 {
        self.made.load(Ordering::SeqCst)
    }

    fn panic_after(&self, items: u32) -> impl Stream<Item = u32> {
        stream::iter((0..=items).inspect(move |n| assert!(*n < items, "the secret of the stream")))
    }

    fn chunks(&self, chunks: u32, bytes: u32) -> impl Stream<Item = Bytes> {
        let chunk = Bytes::from(vec![7; bytes as usize]);
        stream::iter((0..chunks).map(move |_| chunk.clone()))
    }

    async fn swallow(&self, mut chunks: Rx<Bytes>) -> Result<u64, Status> {
        let mut bytes = 0;
        while let Some(chunk) = chunks.recv().await? {
            bytes += chunk.len() as u64;
        }
        Ok(bytes)
    }

    async fn units(&self, mut units: Rx<()>) -> Result<u32, Status> {
        let mut count = 0;
        while let Some(()) = units.recv().await? {
            count += 1;
        }
        Ok(count)
    }

    fn ask_back(&self, cx: &Context, numbers: Rx<u64>) -> impl Stream<Item = u64> {
        let caller = FlowsClient::new(cx.peer());
        stream::unfold((caller, numbers), async |(caller, mut numbers)| {
            let number = numbers.recv().await.ok().flatten()?;
            let more = caller.add_one(number).await.ok()?;
            Some((more, (caller, numbers)))
        })
    }

    async fn add_one(&self, n: u64) -> u64 {
        n + 1
    }

    async fn greedy(&self, cx: &Context) -> u32 {
        let caller = FlowsClient::new(cx.peer());
        let mut open = Vec::new();
        loop {
            let mut items = caller.forever();
            match items.recv().await {
                Ok(_) => open.push(items),
                Err(error) => {
                    assert_eq!(error.code(), hton::Code::RESOURCE_EXHAUSTED, "{error}");
                    assert_eq!(error.executed(), hton::Executed::No, "{error}");
                    return u32::try_from(open.len()).expect("few");
                }
            }
        }
    }
}

/// Two peers in one process, both of which serve; what the second one has is told, too.
pub(crate) struct Pair {
    pub(crate) near: Peer,
    pub(crate) far: Peer,
    pub(crate) served: Arc<MyFlows>,
    pub(crate) watched: Watched,
}

pub(crate) fn pair() -> Pair {
    pair_with(Limits::default())
}

pub(crate) fn pair_with(limits: Limits) -> Pair {
    let (near, far) = hton::memory();
    let (served, watched) = MyFlows::new();
    let (own, _) = MyFlows::new();
    let serve = |stream, side, mine| {
        let attach = hton::attach(stream, side).limits(limits.clone());
        attach.serve(FlowsServer::from_arc(mine)).expect("one service").start()
    };
    let near = serve(near, Side::Dialer, own);
    let far = serve(far, Side::Acceptor, served.clone());
    Pair { near, far, served, watched }
}
