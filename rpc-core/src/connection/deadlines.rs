//! Which calls have outlived their deadline, without a timer for each.
//!
//! Keeps a lower bound of the next deadline; only when that moment comes is the table of calls swept once.
//! Shared by both tables. Knows no frame.

use super::clock::NEVER;
use crate::{CallId, Time};

/// The lower bound, and what the last sweep found.
#[derive(Debug)]
pub(super) struct Deadlines {
    next: Time,
    passed: Vec<CallId>,
}

impl Deadlines {
    pub(super) const fn new() -> Self {
        Self { next: NEVER, passed: Vec::new() }
    }

    /// A call has this deadline.
    pub(super) fn note(&mut self, deadline: Time) {
        self.next = self.next.min(deadline);
    }

    /// No deadline passes before this moment.
    pub(super) fn next(&self) -> Time {
        match self.passed.is_empty() {
            true => self.next,
            false => Time::ZERO,
        }
    }

    /// Whether the table must be swept.
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.passed.is_empty() && now >= self.next
    }

    /// Sorts the calls of the table into those that have passed and those that have not.
    pub(super) fn sweep(&mut self, now: Time, calls: impl Iterator<Item = (CallId, Time)>) {
        self.next = NEVER;
        for (id, deadline) in calls {
            if deadline > now {
                self.next = self.next.min(deadline);
            } else {
                self.passed.push(id);
            }
        }
        // The order of ids, not of slots: what a test sees does not depend on the table's size.
        self.passed.sort_unstable_by_key(|id| std::cmp::Reverse(id.get()));
    }

    /// The next call that the sweep found; it may have ended since.
    pub(super) fn pop(&mut self) -> Option<CallId> {
        self.passed.pop()
    }
}
