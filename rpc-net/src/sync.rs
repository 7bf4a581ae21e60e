//! The one place that names what the models of concurrency replace: locks, flags, tasks and the clock.
//!
//! Under `--cfg hton_shuttle` the tests get twins of these, with which shuttle decides who runs next and
//! the model decides what time it is; see `models`. Everywhere else they are what std and tokio have.

#[cfg(all(test, hton_shuttle))]
pub(crate) use crate::models::twins::{
    AbortHandle, AtomicBool, Mutex, MutexGuard, Sleep, Stopwatch, now, sleep_until, spawn,
    thread_local,
};

#[cfg(not(all(test, hton_shuttle)))]
pub(crate) use self::real::*;

#[cfg(not(all(test, hton_shuttle)))]
mod real {
    pub(crate) use std::sync::atomic::AtomicBool;
    pub(crate) use std::sync::{Mutex, MutexGuard};
    pub(crate) use std::thread_local;
    /// Tells how long something took.
    pub(crate) use std::time::Instant as Stopwatch;
    pub(crate) use tokio::spawn;
    pub(crate) use tokio::task::AbortHandle;
    pub(crate) use tokio::time::{Sleep, sleep_until};

    /// The moment, by the clock that the timers keep.
    pub(crate) fn now() -> tokio::time::Instant {
        tokio::time::Instant::now()
    }
}
