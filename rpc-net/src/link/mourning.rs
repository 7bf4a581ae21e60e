//! Those who wait for a turn in the life of a connection, such as its end.

use super::{Link, State};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Whoever waits, in the order in which they came. Who gives up waiting leaves: there may be one for each
/// call.
#[derive(Debug, Default)]
pub(super) struct Mourners {
    waiting: BTreeMap<u64, Waker>,
    next: u64,
}

impl Mourners {
    /// Takes everybody out, to be woken after the lock.
    pub(super) fn everybody(&mut self) -> impl Iterator<Item = Waker> + use<> {
        std::mem::take(&mut self.waiting).into_values()
    }

    /// Whether nobody waits.
    #[cfg(all(test, hton_shuttle))]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Joins, or stays at the place that it has. Returns a waker to be dropped after the lock.
    fn stay(&mut self, place: &mut Option<u64>, waker: &Waker) -> Option<Waker> {
        let place = *place.get_or_insert_with(|| {
            self.next += 1;
            self.next
        });
        match self.waiting.get(&place) {
            Some(waiting) if waiting.will_wake(waker) => None,
            _ => self.waiting.insert(place, waker.clone()),
        }
    }
}

/// Waits until `look` finds something. It is asked again when the mourners are woken, under the lock.
#[derive(Debug)]
pub(super) struct When<F> {
    link: Arc<Link>,
    place: Option<u64>,
    look: F,
}

impl Link {
    /// Waits until `look` finds something in the state.
    pub(super) fn when<T, F>(self: Arc<Self>, look: F) -> When<F>
    where
        F: Fn(&State) -> Option<T> + Unpin,
    {
        When { link: self, place: None, look }
    }
}

impl<T, F: Fn(&State) -> Option<T> + Unpin> Future for When<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Self { link, place, look } = &mut *self;
        let mut state = link.lock();
        if let Some(found) = look(&state) {
            return Poll::Ready(found);
        }
        let old = state.mourners.stay(place, cx.waker());
        drop(state);
        drop(old);
        Poll::Pending
    }
}

impl<F> Drop for When<F> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let waker = self.link.lock().mourners.waiting.remove(&place);
            drop(waker);
        }
    }
}
