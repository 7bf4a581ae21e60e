//! Counters of calls, and the snapshot that users see.

use rpc_core::Code;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Codes that are counted one by one; the rest share the last place.
const CODES: usize = 20;
/// Buckets of the histogram: below 1 µs, below 2 µs, and so on by powers of two; the last has the rest.
const BUCKETS: usize = 27;

/// The calls of one method. Written from many threads; read while it is written to.
#[derive(Debug)]
pub(crate) struct Counters {
    by_code: [AtomicU64; CODES],
    buckets: [AtomicU64; BUCKETS],
    nanos: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            by_code: [const { AtomicU64::new(0) }; CODES],
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            nanos: AtomicU64::new(0),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
        }
    }
}

impl Counters {
    /// Counts calls that ended with the same code after the same time.
    pub(crate) fn count(&self, calls: u64, code: Code, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let by_code = self.by_code.get(usize::from(code.number())).or_else(|| self.by_code.last());
        let bucket = self.buckets.get(bucket(nanos));
        for counter in [by_code, bucket].into_iter().flatten() {
            counter.fetch_add(calls, Ordering::Relaxed);
        }
        self.nanos.fetch_add(nanos.saturating_mul(calls), Ordering::Relaxed);
        // Looked at first: most calls change neither.
        if self.min.load(Ordering::Relaxed) > nanos {
            self.min.fetch_min(nanos, Ordering::Relaxed);
        }
        if self.max.load(Ordering::Relaxed) < nanos {
            self.max.fetch_max(nanos, Ordering::Relaxed);
        }
    }

    /// What was counted so far; `None` = nothing.
    pub(crate) fn snapshot(&self, method: &'static str) -> Option<MethodStats> {
        let mut stats = MethodStats::new(method);
        for (count, counter) in stats.codes.iter_mut().zip(&self.by_code) {
            *count = counter.load(Ordering::Relaxed);
        }
        for (count, counter) in stats.buckets.iter_mut().zip(&self.buckets) {
            *count = counter.load(Ordering::Relaxed);
        }
        stats.nanos = self.nanos.load(Ordering::Relaxed);
        stats.min = self.min.load(Ordering::Relaxed);
        stats.max = self.max.load(Ordering::Relaxed);
        (stats.calls() > 0).then_some(stats)
    }
}

fn bucket(nanos: u64) -> usize {
    let micros = nanos / 1_000;
    (u64::BITS.saturating_sub(micros.leading_zeros()) as usize).min(BUCKETS - 1)
}

/// What a server or a peer has counted since it began. Taken while calls go on: its parts may be a call
/// apart.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections that are open.
    pub connections: usize,
    /// Connections that were accepted, or opened.
    pub accepted: u64,
    /// Connections that were refused: for lack of a place, or by the verifier.
    pub rejected: u64,
    /// Bytes that were read, frames and all.
    pub bytes_in: u64,
    /// Bytes that were written.
    pub bytes_out: u64,
    /// One-way calls of the other end that came to nothing: see [`Peer::oneway_faults`](crate::Peer::oneway_faults).
    pub oneway_faults: u64,
    /// Calls that were answered here, by method: those of which there was one. What no handler got, such as
    /// a call of a method that is not there, is not among them.
    pub answered: Vec<MethodStats>,
    /// Calls that were asked from here, by method. Counted only where an observer is set.
    pub asked: Vec<MethodStats>,
}

impl Stats {
    /// The method with this full name among those that were answered.
    #[must_use]
    pub fn method(&self, full_name: &str) -> Option<&MethodStats> {
        self.answered.iter().find(|stats| stats.method == full_name)
    }
}

/// The calls of one method.
#[derive(Clone, PartialEq)]
pub struct MethodStats {
    method: &'static str,
    codes: [u64; CODES],
    buckets: [u64; BUCKETS],
    nanos: u64,
    min: u64,
    max: u64,
}

impl MethodStats {
    fn new(method: &'static str) -> Self {
        Self { method, codes: [0; CODES], buckets: [0; BUCKETS], nanos: 0, min: u64::MAX, max: 0 }
    }

    /// `"Service/method"`.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// How many calls have ended.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.codes.iter().sum()
    }

    /// How many of them ended with this code. The codes that this version does not know are one.
    #[must_use]
    pub fn with_code(&self, code: Code) -> u64 {
        let place = usize::from(code.number()).min(CODES - 1);
        self.codes.get(place).copied().unwrap_or_default()
    }

    /// Every code that calls ended with, and how many did.
    pub fn by_code(&self) -> impl Iterator<Item = (Code, u64)> {
        let codes = (0..).map(Code::from_number).zip(self.codes);
        codes.filter(|(_, count)| *count > 0)
    }

    /// The shortest time from a request's arrival to its answer's departure into the send buffer.
    /// Answers that were ready at once leave together, and count with the time of the last of them.
    #[must_use]
    pub fn min(&self) -> Duration {
        Duration::from_nanos(if self.min == u64::MAX { 0 } else { self.min })
    }

    /// The mean of it.
    #[must_use]
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.nanos.checked_div(self.calls()).unwrap_or(0))
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// How many calls took less than each bound and not less than the bound before; the last bound is
    /// [`Duration::MAX`]. The bounds are 1 µs, 2 µs, and so on by powers of two.
    pub fn histogram(&self) -> impl Iterator<Item = (Duration, u64)> {
        self.buckets.into_iter().enumerate().map(|(n, count)| {
            let last = n + 1 == BUCKETS;
            let bound = if last { Duration::MAX } else { Duration::from_micros(1 << n) };
            (bound, count)
        })
    }

    /// The bound below which at least this part of the calls stayed, 0.5 for a half. `None` = no calls.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let calls = self.calls();
        let mut below = 0;
        self.histogram().find_map(|(bound, count)| {
            below += count;
            #[allow(clippy::cast_precision_loss, reason = "a part of a count is not exact")]
            let reached = below > 0 && below as f64 >= part * calls as f64;
            reached.then_some(bound)
        })
    }

    /// Adds what another counter of the same method has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        for (count, more) in self.codes.iter_mut().zip(other.codes) {
            *count += more;
        }
        for (count, more) in self.buckets.iter_mut().zip(other.buckets) {
            *count += more;
        }
        self.nanos = self.nanos.saturating_add(other.nanos);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

impl fmt::Debug for MethodStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MethodStats")
            .field("method", &self.method)
            .field("calls", &self.calls())
            .field("by_code", &self.by_code().collect::<Vec<_>>())
            .field("min", &self.min())
            .field("mean", &self.mean())
            .field("max", &self.max())
            .finish()
    }
}

/// Adds to the methods of `all` those of `more`.
pub(crate) fn merge(all: &mut Vec<MethodStats>, more: impl IntoIterator<Item = MethodStats>) {
    for stats in more {
        match all.iter_mut().find(|known| known.method == stats.method) {
            Some(known) => known.add(&stats),
            None => all.push(stats),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_code_and_by_time() {
        let counters = Counters::default();
        assert_eq!(counters.snapshot("A/b"), None);
        counters.count(3, Code::OK, Duration::from_nanos(999));
        counters.count(1, Code::NOT_FOUND, Duration::from_micros(5));
        counters.count(1, Code::from_number(200), Duration::from_secs(1000));
        let stats = counters.snapshot("A/b").unwrap();
        assert_eq!(stats.calls(), 5);
        assert_eq!(
            [Code::OK, Code::NOT_FOUND, Code::INTERNAL].map(|c| stats.with_code(c)),
            [3, 1, 0]
        );
        assert_eq!(stats.with_code(Code::from_number(99)), 1, "whatever is unknown");
        assert_eq!(
            (stats.min(), stats.max()),
            (Duration::from_nanos(999), Duration::from_secs(1000))
        );
        let filled: Vec<_> = stats.histogram().filter(|(_, count)| *count > 0).collect();
        let micros = Duration::from_micros;
        assert_eq!(filled, [(micros(1), 3), (micros(8), 1), (Duration::MAX, 1)]);
        assert_eq!(stats.quantile(0.5), Some(micros(1)));
        assert_eq!(stats.quantile(0.8), Some(micros(8)));
        assert_eq!(stats.quantile(1.0), Some(Duration::MAX));
    }

    #[test]
    fn two_counters_of_one_method_are_one() {
        let [a, b] = [Counters::default(), Counters::default()];
        a.count(1, Code::OK, Duration::from_micros(1));
        b.count(2, Code::OK, Duration::from_micros(4));
        let mut all = Vec::new();
        merge(&mut all, a.snapshot("A/b"));
        merge(&mut all, b.snapshot("A/b"));
        merge(&mut all, b.snapshot("A/c"));
        assert_eq!(all.iter().map(MethodStats::calls).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(all[0].mean(), Duration::from_micros(3));
    }
}
