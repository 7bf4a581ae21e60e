//! How often a peer may do what it has no reason to do often.
//!
//! Token buckets in virtual time: one number each, no timer. Knows no frame and no call.

use crate::Time;

/// A bucket that fills at a steady rate up to its burst.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    interval_ms: u64,
    slack_ms: u64,
    /// When the bucket is full again if nothing more is taken.
    full_at: u64,
}

impl Bucket {
    /// `burst` at once, then `per_second`, which must divide 1,000.
    const fn new(per_second: u64, burst: u64) -> Self {
        let interval_ms = 1_000 / per_second;
        Self { interval_ms, slack_ms: interval_ms * (burst - 1), full_at: 0 }
    }

    /// Takes one token; `false` = there is none.
    pub(super) fn take(&mut self, now: Time) -> bool {
        let now = now.as_millis();
        let full_at = self.full_at.max(now);
        if full_at.saturating_sub(now) > self.slack_ms {
            return false;
        }
        self.full_at = full_at.saturating_add(self.interval_ms);
        true
    }

    /// When there will be a token, if there is none.
    pub(super) const fn next(&self) -> Time {
        Time::from_millis(self.full_at.saturating_sub(self.slack_ms))
    }
}

/// All budgets of one connection.
///
/// Spec: `conn.budget.late`, `conn.budget.skipped`, `conn.budget.ping`, `conn.budget.cancel`.
#[derive(Clone, Debug)]
pub(super) struct Budgets {
    /// Frames of unknown types that may be skipped.
    pub(super) skipped: Bucket,
    /// Frames for calls that have ended.
    pub(super) late: Bucket,
    /// PINGs of the peer.
    pub(super) pings: Bucket,
    /// CANCELs of the peer.
    pub(super) cancels: Bucket,
    /// LIMITS and graceful GOAWAYs of the peer.
    pub(super) limits: Bucket,
    /// CANCELs of this side: half of what the peer must bear, so that frames which the network
    /// bunches up never reach the peer's bound.
    pub(super) own_cancels: Bucket,
}

impl Budgets {
    pub(super) const fn new() -> Self {
        Self {
            skipped: Bucket::new(100, 1_000),
            late: Bucket::new(1_000, 10_000),
            pings: Bucket::new(10, 100),
            cancels: Bucket::new(100, 1_000),
            limits: Bucket::new(10, 100),
            own_cancels: Bucket::new(50, 500),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let mut bucket = Bucket::new(10, 100);
        let now = Time::from_millis(5_000);
        assert_eq!((0..200).filter(|_| bucket.take(now)).count(), 100);
        assert!(!bucket.take(now.plus_millis(99)));
        assert_eq!(bucket.next(), now.plus_millis(100));
        assert!(bucket.take(now.plus_millis(100)));
        assert!(!bucket.take(now.plus_millis(100)));
        assert_eq!((0..200).filter(|_| bucket.take(now.plus_millis(60_000))).count(), 100);
    }
}
