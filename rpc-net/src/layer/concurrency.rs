//! The layer that bounds how many calls go on at the same time.

use super::{Finish, Layer, LayerCall, LayerFuture, Next};
use rpc_core::{Retry, Status};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout_at;

/// How many calls wait, unless it is set.
const QUEUED: usize = 1024;

/// Bounds how many calls go on behind this layer at the same time. A stream counts until its end.
///
/// Calls beyond it wait in order, up to a bound of their own and within their deadlines; one more is
/// refused with [`Code::RESOURCE_EXHAUSTED`](rpc_core::Code::RESOURCE_EXHAUSTED) and counts as not
/// executed. A call that a handler makes never waits, because the calls before it may wait for that
/// handler. On the answering side nobody knows such calls: where handlers call their caller back, leave
/// room for the calls that come of it, or [shed](Self::load_shed).
///
/// Clones share one bound, so that several peers or services can.
///
/// ```
/// # fn example(peer: rpc_net::Peer) {
/// use rpc_net::layer::ConcurrencyLimit;
/// let polite = peer.clone().layer(ConcurrencyLimit::new(8));
/// let impatient = peer.layer(ConcurrencyLimit::new(8).load_shed()); // Refuses the ninth at once.
/// # let _ = (polite, impatient); }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ConcurrencyLimit {
    permits: Arc<Semaphore>,
    calls: usize,
    waiting: Arc<AtomicUsize>,
    queued: usize,
}

impl ConcurrencyLimit {
    /// At most this many calls at the same time; 0 refuses every call. 1,024 more wait.
    pub fn new(calls: usize) -> Self {
        let calls = calls.min(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(calls));
        Self { permits, calls, waiting: Arc::default(), queued: QUEUED }
    }

    /// Sets how many calls may wait.
    pub const fn queued(mut self, calls: usize) -> Self {
        self.queued = calls;
        self
    }

    /// Lets no call wait: what is too much is refused at once.
    pub const fn load_shed(self) -> Self {
        self.queued(0)
    }

    /// How many calls go on now.
    #[must_use]
    pub fn running(&self) -> usize {
        self.calls - self.permits.available_permits().min(self.calls)
    }

    /// How many calls wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    async fn pass(&self, call: &mut LayerCall, next: Next<'_>) -> Finish {
        match self.enter(call).await {
            Ok(_permit) => next.run(call).await,
            Err(status) => call.reject(status),
        }
    }

    async fn enter(&self, call: &LayerCall) -> Result<SemaphorePermit<'_>, Status> {
        if let Ok(permit) = self.permits.try_acquire() {
            return Ok(permit);
        }
        if call.is_nested() {
            return Err(self.full("and a call that a handler makes does not wait"));
        }
        let Some(_place) = Waiting::enter(&self.waiting, self.queued, self.calls) else {
            return Err(self.full("and no more may wait"));
        };
        let acquired = match call.deadline() {
            None => Ok(self.permits.acquire().await),
            Some(deadline) => timeout_at(deadline, self.permits.acquire()).await,
        };
        match acquired {
            Ok(Ok(permit)) => Ok(permit),
            // Nobody closes it.
            Ok(Err(_)) => Err(self.full("for good")),
            Err(_) => {
                let text = "the deadline passed while the call waited for others to end";
                Err(Status::deadline_exceeded(text))
            }
        }
    }

    fn full(&self, more: &str) -> Status {
        let text =
            format!("the limit of {} at once is reached (ConcurrencyLimit), {more}", self.calls);
        Status::resource_exhausted(text).with_retry(Retry::Safe)
    }
}

impl Layer for ConcurrencyLimit {
    fn call<'a>(&'a self, call: &'a mut LayerCall, next: Next<'a>) -> LayerFuture<'a> {
        Box::pin(self.pass(call, next))
    }
}

/// A place among those that wait.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    /// Waiting for none would be waiting for ever.
    fn enter(waiting: &'a AtomicUsize, queued: usize, calls: usize) -> Option<Self> {
        let place = Self(waiting);
        // Counted first, so that two who come at once do not both take the last place.
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        (calls > 0 && before < queued).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
