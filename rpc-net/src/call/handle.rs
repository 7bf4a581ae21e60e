//! Ends a call from elsewhere than where it is awaited.

use crate::sync::{AtomicBool, Mutex, MutexGuard};
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Waker};

/// Cancels the call that it was made from, also from another thread. All clones cancel the same call.
///
/// It keeps nothing of the call alive, and cancelling a call that has ended does nothing.
#[derive(Clone)]
pub struct CallHandle {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    cancelled: AtomicBool,
    /// Whoever awaits the call.
    waker: Mutex<Option<Waker>>,
}

impl CallHandle {
    pub(crate) fn new() -> Self {
        Self { shared: Arc::default() }
    }

    /// Ends the call at once with [`Code::CANCELLED`](rpc_core::Code::CANCELLED): the peer is told and
    /// drops the handler. A call that was not sent yet counts as not executed.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Release);
        let waker = self.shared.waker().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Acquire)
    }

    /// Whether it was cancelled; if not, `cx` is woken when it is.
    pub(crate) fn poll_cancelled(&self, cx: &Context<'_>) -> bool {
        if self.is_cancelled() {
            return true;
        }
        let old = self.shared.waker().replace(cx.waker().clone());
        drop(old);
        // A cancel between the look and the place found no waker, or the old one.
        self.is_cancelled()
    }
}

impl Shared {
    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CallHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cancelled = self.shared.cancelled.load(Ordering::Relaxed);
        f.debug_struct("CallHandle").field("cancelled", &cancelled).finish()
    }
}
