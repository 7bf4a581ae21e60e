//! What silence means: the peer's HELLO must come, then signs of life must.
//!
//! Told when bytes came; answers when to ping and when to give up. Reads no clock, knows no call.

use crate::{Limits, Time};

/// Shortest silence before a ping: the peer bears ten pings a second.
const KEEPALIVE_AFTER_MS_MIN: u64 = 100;

/// A moment that never comes.
pub(super) const NEVER: Time = Time::from_millis(u64::MAX);

/// What is to be done about silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Ask for a sign of life.
    Ping(u32),
    /// The peer did not send its HELLO.
    NoHello,
    /// The peer did not answer.
    NoAnswer,
}

/// When the peer was last heard, and what it owes.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    after_ms: u64,
    answer_ms: u64,
    next: Time,
    waits_for: Silence,
    pings: u32,
}

impl Clock {
    pub(super) fn new(limits: &Limits, now: Time) -> Self {
        Self {
            after_ms: limits.keepalive_after_ms.max(KEEPALIVE_AFTER_MS_MIN),
            answer_ms: limits.keepalive_answer_ms,
            next: now.plus_millis(limits.hello_ms),
            waits_for: Silence::NoHello,
            pings: 0,
        }
    }

    /// The peer's HELLO has come.
    pub(super) fn opened(&mut self, now: Time) {
        self.waits_for = Silence::Ping(self.pings);
        self.next = now.plus_millis(self.after_ms);
    }

    /// Bytes have come: whoever sends is alive, whatever it sends.
    pub(super) fn heard(&mut self, now: Time) {
        if self.waits_for != Silence::NoHello {
            self.opened(now);
        }
    }

    pub(super) const fn next(&self) -> Time {
        self.next
    }

    /// What is due by `now`, if anything.
    pub(super) fn expire(&mut self, now: Time) -> Option<Silence> {
        if now < self.next {
            return None;
        }
        let due = self.waits_for;
        match due {
            Silence::Ping(_) => {
                self.pings = self.pings.wrapping_add(1);
                self.waits_for = Silence::NoAnswer;
                self.next = now.plus_millis(self.answer_ms);
            }
            Silence::NoHello | Silence::NoAnswer => self.next = NEVER,
        }
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_asked_about_and_then_ends_the_connection() {
        let limits = Limits::default();
        let mut clock = Clock::new(&limits, Time::ZERO);
        clock.heard(Time::from_millis(4_000));
        assert_eq!(clock.next(), Time::from_millis(5_000), "bytes are not a HELLO");
        clock.opened(Time::from_millis(4_500));
        assert_eq!(clock.expire(Time::from_millis(14_499)), None);
        assert_eq!(clock.expire(Time::from_millis(14_500)), Some(Silence::Ping(0)));
        clock.heard(Time::from_millis(15_000));
        assert_eq!(clock.expire(Time::from_millis(25_000)), Some(Silence::Ping(1)));
        assert_eq!(clock.expire(Time::from_millis(34_999)), None);
        assert_eq!(clock.expire(Time::from_millis(35_000)), Some(Silence::NoAnswer));
        assert_eq!(clock.expire(Time::from_millis(99_000)), None);
    }
}
