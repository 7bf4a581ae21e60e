//! How many callers the drivers of this thread have woken that may not have run yet.
//!
//! A worker of tokio's multi-thread scheduler has a queue of 256 tasks. What is beyond goes to a queue that all
//! workers share, and that a busy worker looks at once in 61 tasks: whoever is there waits for milliseconds
//! while others are served again and again. So a driver that finds many woken goes behind them before it
//! wakes more.

use crate::sync::thread_local;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// So many, those that one more turn wakes, and the drivers themselves find room in a worker's queue.
const MANY: u64 = 128;
/// How often in a row a driver lets others go first, so that none of very many starves.
const TIMES: u8 = 8;

thread_local! {
    static HERE: Here = const { Here { thread: Cell::new(0), woken: Cell::new(0), run: Cell::new(0) } };
}

/// What a thread counts.
struct Here {
    /// Its number; 0 = it has none yet.
    thread: Cell<u64>,
    /// Callers that were woken on it.
    woken: Cell<u64>,
    /// How many of them, from the first on, have had their turn.
    run: Cell<u64>,
}

impl Here {
    fn thread(&self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if self.thread.get() == 0 {
            self.thread.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        self.thread.get()
    }
}

/// So many callers were woken.
pub(super) fn add(callers: usize) {
    if callers > 0 {
        HERE.with(|here| here.woken.set(here.woken.get().wrapping_add(callers as u64)));
    }
}

/// A driver's place in its worker's queue. The queue is in order, so whoever was woken before the driver stood
/// last has run, here or elsewhere, when the driver runs again.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The thread, and how many had been woken on it.
    stood: Option<(u64, u64)>,
    gave_way: u8,
}

impl Place {
    /// The driver goes to the end of the queue.
    pub(super) fn stands_last(&mut self) {
        self.stood = HERE.with(|here| Some((here.thread(), here.woken.get())));
    }

    /// The driver has its turn. Whether it should go behind once more, because many that were woken have
    /// not run.
    pub(super) fn gives_way(&mut self) -> bool {
        let many = HERE.with(|here| {
            match self.stood.take() {
                Some((thread, woken)) if thread == here.thread.get() => {
                    here.run.set(here.run.get().max(woken));
                }
                _ => {}
            }
            here.woken.get().saturating_sub(here.run.get()) >= MANY
        });
        self.gave_way = if many && self.gave_way < TIMES { self.gave_way + 1 } else { 0 };
        self.gave_way > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its thread has woken nobody before.
    fn fresh(test: fn()) {
        assert!(std::thread::spawn(test).join().is_ok());
    }

    fn wake(callers: u64) {
        add(usize::try_from(callers).unwrap());
    }

    #[test]
    fn who_finds_many_woken_goes_behind_them_once() {
        fresh(|| {
            let (mut one, mut other) = (Place::default(), Place::default());
            wake(MANY - 1);
            assert!(!one.gives_way());
            wake(1);
            assert!(one.gives_way() && other.gives_way());
            one.stands_last();
            assert!(!one.gives_way(), "they have run");
            assert!(!other.gives_way(), "for everybody");
        });
    }

    #[test]
    fn nobody_gives_way_for_ever() {
        fresh(|| {
            let mut place = Place::default();
            for _ in 0..3 {
                for _ in 0..TIMES {
                    wake(MANY);
                    assert!(place.gives_way());
                    place.stands_last();
                    wake(MANY);
                }
                assert!(!place.gives_way());
            }
        });
    }

    #[test]
    fn what_another_thread_has_woken_is_not_waited_for() {
        fresh(|| {
            let mut place = Place::default();
            wake(MANY);
            place.stands_last();
            let moved = std::thread::spawn(move || {
                assert!(!place.gives_way());
                wake(MANY);
                place.stands_last();
                place
            });
            let mut place = moved.join().unwrap();
            // What it knows is of there: those that were woken here may not have run.
            assert!(place.gives_way());
        });
    }
}
