//! How often a peer may do what it has no reason to do often.
//!
//! Token buckets in virtual time: one number each, no timer. Knows no frame and no call.

use super::flow::FRAME_COST;
use crate::Time;

/// Frames without an item that may be on their way when a streaming call ends: END, credit, CANCEL.
const LATE_FREE_FRAMES: u32 = 4;

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
    late: Bucket,
    /// Late frames beside those: what was on its way on streaming calls when they ended.
    late_allowance: u64,
    /// PINGs of the peer.
    pub(super) pings: Bucket,
    /// CANCELs of the peer.
    pub(super) cancels: Bucket,
    /// LIMITS of the peer.
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
            late_allowance: 0,
            pings: Bucket::new(10, 100),
            cancels: Bucket::new(100, 1_000),
            limits: Bucket::new(10, 100),
            own_cancels: Bucket::new(50, 500),
        }
    }

    /// A streaming call has ended while its peer could still send items of this cost: that many of the
    /// smallest frames, and a few that cost nothing, are borne beside the budget.
    ///
    /// Spec: `stream.late.allowance`.
    pub(super) fn bear_late(&mut self, unused_credit: u32) {
        let frames = unused_credit / FRAME_COST + LATE_FREE_FRAMES;
        self.late_allowance = self.late_allowance.saturating_add(u64::from(frames));
    }

    /// A late frame has come; `false` = too many have.
    pub(super) fn take_late(&mut self, now: Time) -> bool {
        match self.late_allowance.checked_sub(1) {
            Some(left) => {
                self.late_allowance = left;
                true
            }
            None => self.late.take(now),
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
