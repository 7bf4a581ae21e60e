//! The calls of a batch that are polled each on its own: behind layers, over redialing peers, with streams,
//! one-way.

use super::members::{Calls, Tell};
use crate::sync::{AtomicBool, Mutex, MutexGuard};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// The calls; one is polled again when its bell was rung.
#[derive(Debug, Default)]
pub(super) struct Apart {
    bells: Vec<Arc<Bell>>,
    rung: Arc<Rung>,
    begun: bool,
}

/// Whose bells were rung.
#[derive(Debug, Default)]
struct Rung {
    state: Mutex<RungState>,
}

#[derive(Debug, Default)]
struct RungState {
    /// Their places among the bells.
    rung: Vec<usize>,
    /// Whoever awaits the batch, unless that was woken.
    waker: Option<Waker>,
}

impl Rung {
    fn state(&self) -> MutexGuard<'_, RungState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The waker of one call.
#[derive(Debug)]
struct Bell {
    number: u32,
    place: usize,
    is_rung: AtomicBool,
    rung: Arc<Rung>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_rung.swap(true, Ordering::AcqRel) {
            return;
        }
        let waker = {
            let mut state = self.rung.state();
            state.rung.push(self.place);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Apart {
    pub(super) fn add(&mut self, number: u32) {
        let (place, rung) = (self.bells.len(), Arc::clone(&self.rung));
        self.bells.push(Arc::new(Bell { number, place, is_rung: AtomicBool::new(false), rung }));
    }

    /// How many there are and were.
    pub(super) fn len(&self) -> usize {
        self.bells.len()
    }

    /// Polls those whose bells were rung; all of them the first time.
    pub(super) fn poll(&mut self, calls: &mut Calls, cx: &Context<'_>, tell: &mut Tell<'_>) {
        let (old, rung) = {
            let mut state = self.rung.state();
            let is_new = !state.waker.as_ref().is_some_and(|same| same.will_wake(cx.waker()));
            let old = is_new.then(|| state.waker.replace(cx.waker().clone()));
            (old, std::mem::take(&mut state.rung))
        };
        drop(old);
        if std::mem::replace(&mut self.begun, true) {
            for place in rung {
                self.poll_one(place, calls, tell);
            }
        } else {
            for place in 0..self.bells.len() {
                self.poll_one(place, calls, tell);
            }
        }
    }

    fn poll_one(&self, place: usize, calls: &mut Calls, tell: &mut Tell<'_>) {
        let Some(bell) = self.bells.get(place) else { return };
        // What rings from here on is heard at the next poll.
        bell.is_rung.swap(false, Ordering::AcqRel);
        let Some(call) = calls.get(bell.number).filter(|call| !call.has_ended()) else { return };
        let waker = Waker::from(Arc::clone(bell));
        if let Poll::Ready(ending) = call.poll(&mut Context::from_waker(&waker)) {
            calls.end(bell.number, &ending, tell);
        }
    }
}
