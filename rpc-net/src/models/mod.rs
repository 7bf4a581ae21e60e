//! Models of concurrency: the real links, drivers, calls and streams under schedules that shuttle draws.
//!
//! `RUSTFLAGS="--cfg hton_shuttle" cargo test -p hton-rpc-net --lib models` runs them. Every lock, flag, task
//! and step of the pipe is a place where another thread may go on; the clock moves when the model says.
//! A model checks what is true at the end of every schedule, and that there is an end: a waker that gets
//! lost leaves a task asleep, which shuttle reports as a deadlock. A model of a race also says how it may
//! come out, and fails if its schedules never saw one of these. The schedules are the same each time; the variable
//! `SHUTTLE_RANDOM_SEED` takes another seed, with which they are drawn.

mod batch;
mod calls;
mod ends;
mod feed;
mod pipe;
mod queue;
mod service;
mod streams;
pub(crate) mod twins;
mod watch;
mod world;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, FailurePersistence, Runner};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;

/// Schedules of each model and scheduler, unless `HTON_SCHEDULES` says otherwise.
const SCHEDULES: usize = 1_000;
/// Where their choice begins, unless `SHUTTLE_RANDOM_SEED` says otherwise: the same for the same tree.
const SEED: u64 = 1;
/// Preemptions that matter in schedules of the second kind.
const PCT_DEPTH: usize = 3;

thread_local! {
    static SEEN: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// The race came out so.
fn saw(outcome: &'static str) {
    SEEN.with_borrow_mut(|seen| seen.insert(outcome));
}

/// Runs a model that has more than one right outcome: each of these must come about.
fn race(outcomes: &[&'static str], race: fn()) {
    SEEN.take();
    model(race);
    let seen = SEEN.take();
    assert!(outcomes.iter().all(|outcome| seen.contains(outcome)), "{outcomes:?}, saw {seen:?}");
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().and_then(|n| n.parse().ok())
}

/// Runs the model under many schedules: random ones, and such that have few preemptions.
fn model(model: fn()) {
    let schedules = number("HTON_SCHEDULES").and_then(|n| n.try_into().ok()).unwrap_or(SCHEDULES);
    let seed = number("SHUTTLE_RANDOM_SEED").unwrap_or(SEED);
    eprintln!("SHUTTLE_RANDOM_SEED={seed}");
    let run = move || {
        twins::reset();
        watch::reset();
        model();
        twins::reset();
        watch::check();
    };
    let mut config = Config::new();
    config.stack_size = 512 * 1024;
    config.silence_warnings = true;
    config.failure_persistence = FailurePersistence::None;
    config.ungraceful_shutdown_config.immediately_return_on_panic = true;
    Runner::new(RandomScheduler::new_from_seed(seed, schedules), config.clone()).run(run);
    Runner::new(PctScheduler::new_from_seed(seed, PCT_DEPTH, schedules), config).run(run);
}
