//! What came of it: how many messages, how fast, and what was wrong.

use crate::options::Options;
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// Faults that are printed; more are only counted.
const SHOWN: usize = 5;
/// The longest bar of the histogram.
const BAR: u64 = 40;

/// What one task has seen, or all of them together.
pub(crate) struct Tally {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// In microseconds.
    latency: Histogram<u64>,
    pub(crate) mismatches: Vec<String>,
    pub(crate) failures: Vec<String>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        // From a microsecond up to ten minutes, two digits: the bounds are good ones.
        let latency = Histogram::new_with_bounds(1, 600_000_000, 2);
        let latency = latency.unwrap_or_else(|_| unreachable!("the bounds are good ones"));
        Self { messages: 0, bytes: 0, latency, mismatches: Vec::new(), failures: Vec::new() }
    }

    /// A message has come back as it was.
    pub(crate) fn count(&mut self, bytes: usize, took: Duration) {
        self.messages += 1;
        self.bytes += bytes as u64;
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.latency.saturating_record(micros.max(1));
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.latency += other.latency;
        self.mismatches.extend(other.mismatches);
        self.failures.extend(other.failures);
    }

    pub(crate) fn is_good(&self) -> bool {
        self.mismatches.is_empty() && self.failures.is_empty()
    }

    pub(crate) fn print(&self, took: Duration) {
        let seconds = took.as_secs_f64().max(1e-6);
        #[allow(clippy::cast_precision_loss, reason = "rates are not exact")]
        let (rate, megabytes) = (self.messages as f64 / seconds, self.bytes as f64 / 1e6 / seconds);
        println!("{} messages, {} bytes in {seconds:.1} s", self.messages, self.bytes);
        println!("{rate:.0} msgs/s, {megabytes:.1} MB/s in each direction");
        let (wrong, failed) = (self.mismatches.len(), self.failures.len());
        println!("{wrong} mismatches, {failed} failures");
        for fault in self.mismatches.iter().take(SHOWN).chain(self.failures.iter().take(SHOWN)) {
            println!("  {fault}");
        }
        if !self.latency.is_empty() {
            self.print_latency();
        }
    }

    fn print_latency(&self) {
        let at = |part| millis(self.latency.value_at_quantile(part));
        let max = millis(self.latency.max());
        println!("latency: p50 {}, p99 {}, max {max} ms", at(0.5), at(0.99));
        let steps: Vec<_> = self.latency.iter_log(self.latency.min().max(16), 2.0).collect();
        let most = steps.iter().map(|step| step.count_since_last_iteration()).max().unwrap_or(1);
        for step in steps.iter().skip_while(|step| step.count_since_last_iteration() == 0) {
            let count = step.count_since_last_iteration();
            let bar = usize::try_from((count * BAR).div_ceil(most.max(1))).unwrap_or_default();
            let bound = millis(step.value_iterated_to() + 1);
            println!("  < {bound:>9} ms {count:>9} {}", "▇".repeat(bar));
        }
    }
}

fn millis(micros: u64) -> String {
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

/// A bar of what is done, on a terminal; nothing elsewhere.
#[derive(Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
    until: Option<Duration>,
}

impl Progress {
    /// By the time if that ends it, otherwise by the messages.
    pub(crate) fn new(options: &Options, messages: u64) -> Self {
        let until = options.time();
        let length = until.map_or(messages, |until| u64::try_from(until.as_millis()).unwrap_or(0));
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {percent}% {msg}") {
            bar.set_style(style);
        }
        Self { bar, started: Instant::now(), until }
    }

    /// One more message is done.
    pub(crate) fn step(&self) {
        match self.until {
            Some(_) => {
                let millis = self.started.elapsed().as_millis();
                self.bar.set_position(u64::try_from(millis).unwrap_or(u64::MAX));
            }
            None => self.bar.inc(1),
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
