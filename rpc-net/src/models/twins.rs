//! What stands in for locks, flags, tasks and the clock: shuttle decides who goes on at each of them.

use super::watch::{self, Held};
use shuttle::sync as shuttled;
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{LockResult, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

pub(crate) use shuttle::future::AbortHandle;
pub(crate) use shuttle::sync::atomic::AtomicBool;
pub(crate) use shuttle::thread_local;

/// A lock that knows which task holds it.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(shuttled::Mutex<T>);

#[derive(Debug)]
pub(crate) struct MutexGuard<'a, T> {
    guard: shuttled::MutexGuard<'a, T>,
    _held: Held,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(shuttled::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(MutexGuard { guard, _held: Held::new() })
    }
}

impl<T> std::ops::Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> std::ops::DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// A task that ends by itself or is aborted. Its wakers are watched.
pub(crate) fn spawn<F>(future: F) -> shuttle::future::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    watch::unlocked("a task was spawned");
    shuttle::future::spawn(watch::Watched::new(future))
}

/// Handlers take no time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch;

impl Stopwatch {
    pub(crate) const fn now() -> Self {
        Self
    }

    pub(crate) const fn elapsed(self) -> Duration {
        Duration::ZERO
    }

    pub(crate) const fn duration_since(self, _: Self) -> Duration {
        Duration::ZERO
    }
}

/// The time of one schedule, which only the model moves.
#[derive(Default)]
struct Clock {
    elapsed: Duration,
    sleepers: Vec<(Instant, Waker)>,
}

std::thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::default();
}

/// The clock of a new schedule.
pub(super) fn reset() {
    let old = CLOCK.take();
    drop(old);
}

pub(crate) fn now() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now) + CLOCK.with_borrow(|clock| clock.elapsed)
}

/// Lets time pass, and wakes those who waited for it.
pub(super) fn advance(ms: u64) {
    CLOCK.with_borrow_mut(|clock| clock.elapsed += Duration::from_millis(ms));
    let now = now();
    let sleepers = CLOCK.with_borrow_mut(|clock| std::mem::take(&mut clock.sleepers));
    let (due, later): (Vec<_>, Vec<_>) = sleepers.into_iter().partition(|(at, _)| *at <= now);
    CLOCK.with_borrow_mut(|clock| clock.sleepers.extend(later));
    for (_, waker) in due {
        waker.wake();
    }
}

/// A timer of that clock.
#[derive(Debug)]
pub(crate) struct Sleep {
    at: Instant,
}

pub(crate) fn sleep_until(at: Instant) -> Sleep {
    Sleep { at }
}

impl Sleep {
    pub(crate) const fn deadline(&self) -> Instant {
        self.at
    }

    pub(crate) fn is_elapsed(&self) -> bool {
        self.at <= now()
    }

    pub(crate) fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.at = at;
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_elapsed() {
            return Poll::Ready(());
        }
        let at = self.at;
        CLOCK.with_borrow_mut(|clock| {
            let known =
                |(then, waker): &(Instant, Waker)| *then == at && waker.will_wake(cx.waker());
            if !clock.sleepers.iter().any(known) {
                clock.sleepers.push((at, cx.waker().clone()));
            }
        });
        Poll::Pending
    }
}
