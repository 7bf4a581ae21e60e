//! The layer that sends calls again that came to nothing.

use super::{Finish, Kind, Layer, LayerCall, LayerFuture, Next};
use crate::backoff::{Backoff, Waits};
use crate::events::Role;
use rpc_core::{Code, Executed, Retry as Advice};
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Tries of one call, unless the backoff says otherwise.
const TRIES: u32 = 4;
/// What a call adds to the budget of retries.
const RATIO: f64 = 0.1;
/// What a second adds to it.
const PER_SECOND: f64 = 10.0;
/// How many seconds of that it holds.
const SECONDS: f64 = 10.0;

/// Sends calls of a peer again that came to nothing and that may come to something now: those that ended
/// with [`UNAVAILABLE`](Code::UNAVAILABLE), [`RESOURCE_EXHAUSTED`](Code::RESOURCE_EXHAUSTED) or
/// [`ABORTED`](Code::ABORTED).
///
/// Only where it is safe: where nothing was executed and the peer does not say
/// [`Retry::Never`](rpc_core::Retry::Never). A method that may run twice is to be named by
/// [`idempotent`](Self::idempotent); its calls are sent again, too, when their handler may have run, and
/// when a [`Timeout`](super::Timeout) inside of this layer ended one try. Streams pass untouched, for their
/// items pass once, and handlers pass untouched on the answering side.
///
/// Between two tries it waits as the [`Backoff`] says, which ends them, too: four tries within a minute unless it is set. A
/// call is not tried again beyond its deadline. All calls share a budget: each adds a tenth of a retry, and
/// each second ten; when many calls fail, few of them are tried again, so that retries do not keep a
/// crowded server down. Clones share one budget.
///
/// ```
/// # fn example(peer: rpc_net::Peer) {
/// use rpc_net::layer::Retry;
/// let patient = peer.layer(Retry::new().idempotent(["Calc/add"]));
/// # let _ = patient; }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Retry {
    backoff: Backoff,
    idempotent: HashSet<String>,
    budget: Arc<Mutex<Budget>>,
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

impl Retry {
    /// Tries each call up to four times.
    pub fn new() -> Self {
        Self {
            backoff: Backoff::default().attempts(TRIES),
            idempotent: HashSet::new(),
            budget: Arc::new(Mutex::new(Budget::new(RATIO, PER_SECOND))),
        }
    }

    /// Sets how often a call is tried, and how long is waited in between.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Names methods whose calls do no harm when they run twice, by their full names, such as `"Calc/add"`.
    pub fn idempotent<M: Into<String>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.idempotent.extend(methods.into_iter().map(Into::into));
        self
    }

    /// Sets the budget: how many retries each call adds, and how many each second. Ten seconds' worth are
    /// there at first, and no more is ever saved; 0 and 0 never try again.
    pub fn budget(mut self, per_call: f64, per_second: f64) -> Self {
        self.budget = Arc::new(Mutex::new(Budget::new(per_call, per_second)));
        self
    }

    async fn pass(&self, call: &mut LayerCall, next: Next<'_>) -> Finish {
        self.with_budget(Budget::call);
        let started = Instant::now();
        let mut waits: Option<Waits> = None;
        loop {
            let finish = next.run(call).await;
            if !self.helps(call, &finish) {
                return finish;
            }
            let waits = waits.get_or_insert_with(|| self.backoff.waits());
            let Some(wait) = waits.after(started.elapsed()) else { return finish };
            let begins = Instant::now().checked_add(wait);
            if begins.zip(call.deadline()).is_none_or(|(begins, deadline)| begins < deadline)
                && self.with_budget(Budget::retry)
            {
                sleep(wait).await;
            } else {
                return finish;
            }
        }
    }

    /// Whether another try does no harm and may help.
    fn helps(&self, call: &LayerCall, finish: &Finish) -> bool {
        let twice = self.idempotent.contains(call.method());
        let passes = match finish.code() {
            Code::UNAVAILABLE | Code::RESOURCE_EXHAUSTED | Code::ABORTED => true,
            Code::DEADLINE_EXCEEDED => twice,
            _ => false,
        };
        passes && finish.retry() != Advice::Never && (twice || finish.executed() == Executed::No)
    }

    fn with_budget<R>(&self, ask: impl FnOnce(&mut Budget, Instant) -> R) -> R {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        ask(&mut budget, Instant::now())
    }
}

impl Layer for Retry {
    fn call<'a>(&'a self, call: &'a mut LayerCall, next: Next<'a>) -> LayerFuture<'a> {
        if call.role() == Role::Answering || call.kind() == Kind::Streams || !call.keep() {
            return next.run(call);
        }
        Box::pin(self.pass(call, next))
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("backoff", &self.backoff)
            .field("idempotent", &self.idempotent)
            .finish_non_exhaustive()
    }
}

/// How many retries all calls together may make.
#[derive(Debug)]
struct Budget {
    per_call: f64,
    per_second: f64,
    left: f64,
    /// What the time until then has added is in `left`.
    counted: Option<Instant>,
}

impl Budget {
    fn new(per_call: f64, per_second: f64) -> Self {
        // Not `clamp`: what is no number becomes 0.
        let (per_call, per_second) = (per_call.max(0.0), per_second.max(0.0));
        Self { per_call, per_second, left: per_second * SECONDS, counted: None }
    }

    /// A call begins.
    fn call(&mut self, now: Instant) {
        self.add(now, self.per_call);
    }

    /// Takes one retry, if there is one.
    fn retry(&mut self, now: Instant) -> bool {
        self.add(now, 0.0);
        let may = self.left >= 1.0;
        if may {
            self.left -= 1.0;
        }
        may
    }

    fn add(&mut self, now: Instant, more: f64) {
        let since = self.counted.replace(now).map(|then| now.saturating_duration_since(then));
        let by_time = since.unwrap_or(Duration::ZERO).as_secs_f64() * self.per_second;
        // A budget without a share of time still saves what calls add.
        let most = (self.per_second * SECONDS).max(self.per_call * 100.0);
        self.left = (self.left + by_time + more).min(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_what_calls_and_seconds_have_added() {
        let start = Instant::now();
        let mut budget = Budget::new(0.1, 10.0);
        let taken = |budget: &mut Budget, now| (0..1000).take_while(|_| budget.retry(now)).count();
        assert_eq!(taken(&mut budget, start), 100);
        let later = start + Duration::from_secs(2);
        assert_eq!(taken(&mut budget, later), 20);
        (0..55).for_each(|_| budget.call(later));
        assert_eq!(taken(&mut budget, later), 5);
        let much_later = start + Duration::from_secs(3600);
        assert_eq!(taken(&mut budget, much_later), 100, "no more is saved");
    }

    #[test]
    fn a_budget_of_nothing_never_allows_a_retry() {
        for (per_call, per_second) in [(0.0, 0.0), (f64::NAN, f64::NAN), (-1.0, -1.0)] {
            let mut budget = Budget::new(per_call, per_second);
            budget.call(Instant::now());
            assert!(!budget.retry(Instant::now() + Duration::from_secs(9)));
        }
    }
}
