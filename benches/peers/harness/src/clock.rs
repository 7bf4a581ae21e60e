//! When a run counts, and what one caller counted.

use crate::results::Measured;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Replies before `begin` are warm-up; the first reply after `end` is a caller's last.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub begin: Instant,
    pub end: Instant,
}

impl Clock {
    /// Begins after a warm-up of a quarter of the time.
    pub fn start(time: Duration) -> Self {
        let begin = Instant::now() + time / 4;
        Self { begin, end: begin + time }
    }

    /// Begins at once: for runs whose first replies come late.
    pub fn start_cold(time: Duration) -> Self {
        let begin = Instant::now();
        Self { begin, end: begin + time }
    }
}

/// What one caller counted.
#[derive(Debug, Default)]
pub struct Tally {
    pub calls: u64,
    /// When the last counted reply came.
    pub last: Option<Instant>,
    /// Times from call to reply, in ns; not of every call.
    pub samples: Vec<u64>,
    pub errors: BTreeMap<String, u64>,
}

impl Tally {
    /// Forgets the warm-up; says whether the time is over. Called after a reply.
    pub fn look(&mut self, now: Instant, clock: &Clock) -> bool {
        if now < clock.begin {
            self.calls = 0;
            self.samples.clear();
        }
        self.last = Some(now);
        now >= clock.end
    }

    pub fn sample(&mut self, time: Duration) {
        self.samples.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Counts a failed call by its text, in which each number is one sign.
    pub fn error(&mut self, text: &str) {
        let mut plain = String::new();
        for letter in text.chars().take(300) {
            match letter.is_ascii_digit() {
                true if plain.ends_with('#') => {}
                true => plain.push('#'),
                false => plain.push(letter),
            }
        }
        plain.truncate(plain.floor_char_boundary(160));
        *self.errors.entry(plain).or_default() += 1;
    }

    pub fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.last = self.last.max(other.last);
        self.samples.extend(other.samples);
        for (text, count) in other.errors {
            *self.errors.entry(text).or_default() += count;
        }
    }

    /// Seconds from the clock's begin to the last reply.
    pub fn seconds(&self, clock: &Clock) -> f64 {
        let last = self.last.unwrap_or(clock.end).max(clock.begin + Duration::from_micros(1));
        (last - clock.begin).as_secs_f64()
    }

    /// Calls per second, and the times in µs.
    pub fn measured(mut self, clock: &Clock) -> Measured {
        let mut measured =
            Measured { value: self.calls as f64 / self.seconds(clock), ..<_>::default() };
        self.samples.sort_unstable();
        for (name, share) in [("p50 µs", 0.5), ("p99 µs", 0.99), ("p99.9 µs", 0.999)] {
            if let Some(last) = self.samples.len().checked_sub(1) {
                let nanos = self.samples[(last as f64 * share) as usize];
                measured.figures.insert(name.to_owned(), nanos as f64 / 1000.0);
            }
        }
        measured.errors = self.errors;
        measured
    }
}

/// The lengths of streams one after the other, so that each takes a fraction of the run.
#[derive(Debug)]
pub struct Portions {
    clock: Clock,
    before: Instant,
    pub items: u64,
}

impl Portions {
    pub fn new(clock: Clock) -> Self {
        Self { clock, before: Instant::now(), items: 256 }
    }

    /// Counts a stream that has ended; says whether the time is over.
    pub fn ended(&mut self, tally: &mut Tally) -> bool {
        let (before, now) = (self.before, Instant::now());
        let clock = &self.clock;
        tally.calls += self.items;
        if before < clock.begin && now >= clock.begin {
            // Half warm-up, half not: its items count for the part after the begin.
            let share = (now - clock.begin).as_secs_f64() / (now - before).as_secs_f64();
            tally.calls = (self.items as f64 * share) as u64;
        }
        if now - before < (clock.end - clock.begin) / 8 {
            self.items *= 2;
        }
        self.before = now;
        tally.look(now, clock)
    }
}
