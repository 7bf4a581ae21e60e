//! A thread that waits for a future.

use crate::link::Link;
use rpc_core::Code;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::time::{Duration, Instant};
use tokio::runtime::RuntimeFlavor;

/// How long a runtime that has never run the connection is given to begin.
const FIRST_TURN: Duration = Duration::from_secs(1);
/// How long a runtime that has run the connection before may be busy with something else.
const NEXT_TURN: Duration = Duration::from_secs(5);

/// The waker of a thread that sleeps. It leaves the token of `std::thread::park` to the program.
#[derive(Debug, Default)]
pub(super) struct Parker {
    woken: Mutex<bool>,
    wakes: Condvar,
}

impl Parker {
    fn woken(&self) -> MutexGuard<'_, bool> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until it is woken. False when `until` came first.
    pub(super) fn park(&self, until: Option<Instant>) -> bool {
        let mut woken = self.woken();
        while !std::mem::take(&mut *woken) {
            woken = match until {
                None => self.wakes.wait(woken).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    let waited = self.wakes.wait_timeout(woken, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.woken() = true;
        self.wakes.notify_one();
    }
}

/// What the waiting thread calls from time to time.
pub(super) type Hook<'a> = dyn FnMut() -> ControlFlow<()> + Send + 'a;

/// What bounds the wait for one call.
#[derive(Default)]
pub(super) struct Watch<'a> {
    pub(super) deadline: Option<Instant>,
    /// Called again after each such time.
    pub(super) hook: Option<(Duration, Box<Hook<'a>>)>,
    pub(super) next_hook: Option<Instant>,
    pub(super) driven: Option<Driven>,
}

/// When the connection was last seen to be run.
#[derive(Clone, Copy)]
pub(super) struct Driven {
    turns: u64,
    since: Instant,
}

/// Why the thread looks at the call again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// It was woken.
    Awake,
    /// The hook wants the call cancelled.
    Cancelled,
    /// The call is to end so.
    Ends(Code, &'static str),
}

impl Watch<'_> {
    /// Sleeps until the call is to be looked at again. `link` is the connection that carries it, when one
    /// alone does.
    pub(super) fn park(&mut self, parker: &Parker, link: Option<&Link>) -> Woken {
        loop {
            let patience = link.and_then(|link| self.patience(link));
            let next_hook = self.next_hook();
            let until = [self.deadline, next_hook, patience].into_iter().flatten().min();
            if parker.park(until) {
                return Woken::Awake;
            }
            let now = Instant::now();
            if self.deadline.is_some_and(|at| at <= now) {
                return Woken::Ends(Code::DEADLINE_EXCEEDED, "the deadline passed");
            }
            if next_hook.is_some_and(|at| at <= now) && self.call_hook().is_break() {
                return Woken::Cancelled;
            }
            let undriven = link.and_then(|link| self.patience(link)).is_some_and(|at| at <= now);
            if undriven {
                let text = "nobody runs the connection: its current-thread runtime makes progress only \
                    inside of `block_on`";
                return Woken::Ends(Code::FAILED_PRECONDITION, text);
            }
        }
    }

    fn next_hook(&mut self) -> Option<Instant> {
        let (every, _) = self.hook.as_ref()?;
        Some(*self.next_hook.get_or_insert_with(|| after(*every)))
    }

    fn call_hook(&mut self) -> ControlFlow<()> {
        let Some((_, hook)) = &mut self.hook else { return ControlFlow::Continue(()) };
        self.next_hook = None;
        hook()
    }

    /// Until when the connection must have been run, if it is one that the program itself has to run.
    fn patience(&mut self, link: &Link) -> Option<Instant> {
        let flavor = link.runtime()?.runtime_flavor();
        if flavor == RuntimeFlavor::MultiThread {
            return None;
        }
        let Some(turns) = link.lock().turns_if_due() else {
            self.driven = None;
            return None;
        };
        let fresh = Driven { turns, since: Instant::now() };
        let driven = self.driven.get_or_insert(fresh);
        if driven.turns != turns {
            *driven = fresh;
        }
        let given = if turns == 0 { FIRST_TURN } else { NEXT_TURN };
        driven.since.checked_add(given)
    }
}

/// So much later than now; a time that no clock can tell is far enough away.
pub(super) fn after(time: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let now = Instant::now();
    now.checked_add(time.min(FAR)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_before_the_park_is_not_lost_and_counts_once() {
        let parker = Arc::new(Parker::default());
        parker.wake_by_ref();
        parker.wake_by_ref();
        assert!(parker.park(None));
        assert!(!parker.park(Some(Instant::now())));
    }

    #[test]
    fn a_wake_from_another_thread_ends_the_park() {
        let parker = Arc::new(Parker::default());
        let other = Arc::clone(&parker);
        let thread = std::thread::spawn(move || other.wake());
        assert!(parker.park(None));
        assert!(thread.join().is_ok());
    }

    #[test]
    fn the_deadline_comes_before_the_hook_and_the_hook_may_cancel() {
        let parker = Parker::default();
        let mut called = 0;
        let mut watch = Watch {
            hook: Some((
                Duration::from_millis(1),
                Box::new(|| {
                    called += 1;
                    if called < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                }),
            )),
            ..Watch::default()
        };
        assert_eq!(watch.park(&parker, None), Woken::Cancelled);
        drop(watch);
        assert_eq!(called, 3);
        let mut watch = Watch { deadline: Some(Instant::now()), ..Watch::default() };
        let late = Woken::Ends(Code::DEADLINE_EXCEEDED, "the deadline passed");
        assert_eq!(watch.park(&parker, None), late);
    }
}
