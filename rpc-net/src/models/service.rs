//! The service of the models, its caller's side, and the ledger in which every handler is entered.

use super::watch::{self, Watched};
use crate::call::Call;
use crate::outcome::Outcome;
use crate::peer::Peer;
use crate::request::{Reply, Request};
use crate::service::{Service, Slot, slot};
use crate::stream::{Rx, Stream, Streaming};
use rpc_core::archive::Encoder;
use rpc_core::{Code, Method, MethodId};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

const fn method(name: &'static str, id: u32) -> Method {
    Method::new(name, MethodId::new(id))
}

static METHODS: [Method; 12] = [
    method("Model/echo", 1),
    method("Model/later", 2),
    method("Model/never", 3),
    method("Model/keep", 4).oneway(),
    method("Model/sum", 5).items_in(),
    method("Model/count", 6).items_out(),
    method("Model/twice", 7).items_in().items_out(),
    method("Model/turn", 8).ordered(),
    method("Model/keep_later", 9).oneway(),
    method("Model/large", 10),
    method("Model/aside", 11).items_in(),
    method("Model/first", 12).items_in(),
];
static ECHO: &Method = &METHODS[0];
static LATER: &Method = &METHODS[1];
static NEVER: &Method = &METHODS[2];
static KEEP: &Method = &METHODS[3];
static SUM: &Method = &METHODS[4];
static COUNT: &Method = &METHODS[5];
static TWICE: &Method = &METHODS[6];
static TURN: &Method = &METHODS[7];
static KEEP_LATER: &Method = &METHODS[8];
static LARGE: &Method = &METHODS[9];
static ASIDE: &Method = &METHODS[10];
static FIRST: &Method = &METHODS[11];

/// Bytes of a large result.
pub(super) const LARGE_BYTES: usize = 10_000;

/// Every handler that began, by its argument, which is another one in each call of a model.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    runs: Mutex<BTreeMap<u64, Run>>,
    order: Mutex<Vec<u64>>,
    /// Whoever waits until no handler is left.
    waiting: Mutex<Option<Waker>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Run {
    begun: usize,
    ended: usize,
}

impl Ledger {
    fn run(self: &Arc<Self>, key: u64) -> Running {
        watch::unlocked("a handler ran");
        self.runs.lock().unwrap().entry(key).or_default().begun += 1;
        self.order.lock().unwrap().push(key);
        Running { ledger: Arc::clone(self), key }
    }

    /// How many handlers began with this argument.
    pub(super) fn begun(&self, key: u64) -> usize {
        self.runs.lock().unwrap().get(&key).map_or(0, |run| run.begun)
    }

    /// The arguments, in the order in which their handlers began.
    pub(super) fn order(&self) -> Vec<u64> {
        self.order.lock().unwrap().clone()
    }

    /// Waits until no handler is left: those that were aborted go in their own time.
    pub(super) async fn settled(&self) {
        poll_fn(|cx| {
            if self.runs.lock().unwrap().values().all(|run| run.begun == run.ended) {
                return Poll::Ready(());
            }
            *self.waiting.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// No handler ran twice.
    pub(super) fn check(&self) {
        for (key, run) in &*self.runs.lock().unwrap() {
            assert_eq!((run.begun, run.ended), (1, 1), "the handler of {key}");
        }
    }
}

/// A handler that runs, until it is dropped.
struct Running {
    ledger: Arc<Ledger>,
    key: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        watch::unlocked("a handler was dropped");
        if let Some(run) = self.ledger.runs.lock().unwrap().get_mut(&self.key) {
            run.ended += 1;
        }
        let waiting = self.ledger.waiting.lock().unwrap().take();
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}

pub(super) struct Model {
    ledger: Arc<Ledger>,
}

impl Model {
    pub(super) fn new(ledger: &Arc<Ledger>) -> Self {
        Self { ledger: Arc::clone(ledger) }
    }
}

impl Service for Model {
    fn methods(&self) -> &'static [Method] {
        &METHODS
    }

    fn slot(&self) -> Box<dyn Slot> {
        let ledger = Arc::clone(&self.ledger);
        slot(move |method, request| answer(Arc::clone(&ledger), method, request))
    }
}

async fn answer(ledger: Arc<Ledger>, method: &'static Method, request: Request) -> Reply {
    let key = request.args().value::<u64>("key").unwrap();
    let _running = ledger.run(key);
    let name = method.full_name().trim_start_matches("Model/");
    match name {
        "echo" => request.ok(&key).await,
        "later" | "turn" => {
            shuttle::future::yield_now().await;
            request.ok(&key).await
        }
        "never" => pending().await,
        "keep" => request.done(),
        "keep_later" => {
            shuttle::future::yield_now().await;
            request.done()
        }
        "large" => {
            shuttle::future::yield_now().await;
            request.ok_bytes(&[7; LARGE_BYTES]).await
        }
        "aside" => {
            // The task outlives the handler, and learns how the items end.
            let items = request.rx(|d| d.value("item"));
            let reads = ledger.run(key + 1);
            drop(shuttle::future::spawn(Watched::new(read(items, reads))));
            pending().await
        }
        "first" => {
            let first = request.rx::<u64>(|d| d.value("item")).recv().await;
            assert_eq!(first, Ok(Some(key)));
            pending().await
        }
        "sum" => {
            match sum(request.rx(|d| Ok((d.value("item")?, d.byte_vec("load")?))), key).await {
                Ok(sum) => request.ok(&sum).await,
                Err(status) => request.status(status),
            }
        }
        "count" => {
            let numbers = Numbers { next: 0, end: key, ready: false };
            request.items(numbers, |e, item: &u64| e.value(item)).await
        }
        _ => {
            let twice = Twice(request.rx(|d| d.value("item")));
            request.items(twice, |e, item: &u64| e.value(item)).await
        }
    }
}

/// Adds up items as long as the sum is less than `until`, then reads no more.
async fn sum(mut items: Rx<Item>, until: u64) -> Result<u64, rpc_core::Status> {
    let mut sum = 0;
    while sum < until {
        let Some((value, _)) = items.recv().await? else { break };
        sum += value;
    }
    Ok(sum)
}

/// Reads until the end, which is none that the caller has made.
async fn read(mut items: Rx<u64>, _reads: Running) {
    while let Some(item) = items.recv().await.transpose() {
        if let Err(failure) = item {
            assert!(matches!(failure.code(), Code::UNAVAILABLE | Code::CANCELLED));
            return;
        }
    }
    panic!("a stream that was cut off looks complete");
}

/// An item, and what makes it large.
pub(super) type Item = (u64, Vec<u8>);

/// The numbers from `next`, each after a wait.
struct Numbers {
    next: u64,
    end: u64,
    ready: bool,
}

impl Stream for Numbers {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        watch::unlocked("a stream was polled");
        self.ready = !self.ready;
        if self.ready {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let item = (self.next < self.end).then_some(self.next);
        self.next += 1;
        Poll::Ready(item)
    }
}

/// Twice what comes in.
struct Twice(Rx<u64>);

impl Stream for Twice {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        watch::unlocked("a stream was polled");
        let next = Pin::new(&mut self.0).poll_next(cx);
        next.map(|item| item.and_then(Result::ok).map(|item| 2 * item))
    }
}

/// The stubs of the models.
impl Peer {
    fn model(&self, method: &'static Method, key: u64) -> Call<u64> {
        self.call(method, |e| e.value(&key), |o| o.result(|d| d.value("key")))
    }

    /// Is answered at once.
    pub(super) fn echo(&self, key: u64) -> Call<u64> {
        self.model(ECHO, key)
    }

    /// Is answered by a task.
    pub(super) fn later(&self, key: u64) -> Call<u64> {
        self.model(LATER, key)
    }

    /// Is not answered.
    pub(super) fn never(&self, key: u64) -> Call<u64> {
        self.model(NEVER, key)
    }

    /// Is answered by a task, one after the other.
    pub(super) fn turn(&self, key: u64) -> Call<u64> {
        self.model(TURN, key)
    }

    /// Is not to be answered.
    pub(super) fn keep(&self, key: u64) -> Call<(), Infallible> {
        self.oneway(KEEP, |e| e.value(&key))
    }

    /// Is not to be answered, and runs in a task.
    pub(super) fn keep_later(&self, key: u64) -> Call<(), Infallible> {
        self.oneway(KEEP_LATER, |e| e.value(&key))
    }

    /// Is answered by a task with a run of bytes: how many.
    pub(super) fn large(&self, key: u64) -> Call<usize> {
        let len = |o: Outcome<'_>| o.result(|d| d.bytes("large").map(<[u8]>::len));
        self.call(LARGE, |e| e.value(&key), len)
    }

    /// Adds up items until the sum is `until` or more.
    pub(super) fn sum<S>(&self, until: u64, items: S) -> Call<u64>
    where
        S: Stream<Item = Item> + Send + 'static,
    {
        let item = |e: &mut Encoder, (value, load): &Item| {
            e.value(value)?;
            e.bytes(load)
        };
        self.upload(SUM, |e| e.value(&until), items, item, |o| o.result(|d| d.value("sum")))
    }

    /// Has items read by a task, `key + 1` in the ledger. Is not answered.
    pub(super) fn aside<S>(&self, key: u64, items: S) -> Call<u64>
    where
        S: Stream<Item = u64> + Send + 'static,
    {
        self.endless(ASIDE, key, items)
    }

    /// Has one item read, which is `key`. Is not answered.
    pub(super) fn first<S>(&self, key: u64, items: S) -> Call<u64>
    where
        S: Stream<Item = u64> + Send + 'static,
    {
        self.endless(FIRST, key, items)
    }

    fn endless<S>(&self, method: &'static Method, key: u64, items: S) -> Call<u64>
    where
        S: Stream<Item = u64> + Send + 'static,
    {
        let item = |e: &mut Encoder, item: &u64| e.value(item);
        self.upload(method, |e| e.value(&key), items, item, |o| o.result(|d| d.value("sum")))
    }

    /// The numbers below `key`.
    pub(super) fn count(&self, key: u64) -> Streaming<u64> {
        self.stream(COUNT, |e| e.value(&key), |d| d.value("item"), |o| o.ended())
    }

    /// Twice each of these.
    pub(super) fn twice<S>(&self, key: u64, items: S) -> Streaming<u64>
    where
        S: Stream<Item = u64> + Send + 'static,
    {
        let item = |e: &mut Encoder, item: &u64| e.value(item);
        self.duplex(TWICE, |e| e.value(&key), items, item, |d| d.value("item"), |o| o.ended())
    }
}
