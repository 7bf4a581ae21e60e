//! One-way calls that wait until they are written to the socket.

use super::State;
use super::desk::After;
use rpc_core::{Executed, Time};
use std::collections::VecDeque;
use std::task::Waker;

/// The one-way calls that are in the outbox, in the order in which they leave.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    calls: VecDeque<Call>,
    next: u64,
    /// Before this moment nobody is late; it may come without anybody being late.
    deadline: Option<Time>,
}

/// Stands for one of them. Never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

#[derive(Debug)]
struct Call {
    ticket: Ticket,
    /// It has left when everything before this position has.
    position: u64,
    deadline: Option<Time>,
    late: bool,
    waker: Waker,
}

/// Whether a one-way call was written.
#[derive(Debug)]
pub(crate) enum Written {
    NotYet,
    Yes,
    /// Its deadline came first.
    Late(Executed),
    /// The connection ended, for this reason.
    Never(Executed, String),
}

impl Leaving {
    pub(crate) fn join(&mut self, position: u64, deadline: Option<Time>, waker: &Waker) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.deadline = [self.deadline, deadline].into_iter().flatten().min();
        let waker = waker.clone();
        self.calls.push_back(Call { ticket, position, deadline, late: false, waker });
        ticket
    }

    /// Nobody waits for this one any more. Returns a waker to be dropped after the lock.
    pub(crate) fn forget(&mut self, ticket: Ticket) -> Option<Waker> {
        let at = self.find(ticket)?;
        self.calls.remove(at).map(|call| call.waker)
    }

    /// A lower bound of the first moment at which one of them is late.
    pub(super) const fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// Everything that was handed over has been written: takes those out that were, to be woken.
    pub(super) fn written(&mut self, has_left: impl Fn(u64) -> bool, wakers: &mut Vec<Waker>) {
        while let Some(call) = self.calls.pop_front() {
            if !has_left(call.position) {
                self.calls.push_front(call);
                return;
            }
            wakers.push(call.waker);
        }
        self.deadline = None;
    }

    /// Marks those whose deadline has come, and wakes them.
    pub(super) fn late(&mut self, now: Time, wakers: &mut Vec<Waker>) {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        for call in &mut self.calls {
            if call.deadline.take_if(|deadline| *deadline <= now).is_some() {
                call.late = true;
                wakers.push(call.waker.clone());
            }
        }
        self.deadline = self.calls.iter().filter_map(|call| call.deadline).min();
    }

    /// Whoever waits.
    pub(super) fn everybody(&self) -> impl Iterator<Item = Waker> {
        self.calls.iter().map(|call| call.waker.clone())
    }

    fn find(&self, ticket: Ticket) -> Option<usize> {
        self.calls.binary_search_by_key(&ticket, |call| call.ticket).ok()
    }
}

impl State {
    /// Everything that was handed over has been written.
    pub(super) fn all_written(&mut self, after: &mut After) {
        let Self { machine, leaving, .. } = self;
        leaving.written(|position| machine.has_left(position), &mut after.wakers);
    }

    /// Whether the one-way call was written; if not yet, `waker` is woken. Returns also a waker to be
    /// dropped after the lock.
    pub(crate) fn written(&mut self, ticket: Ticket, waker: &Waker) -> (Written, Option<Waker>) {
        let Some(at) = self.leaving.find(ticket) else { return (Written::Yes, None) };
        let Some(call) = self.leaving.calls.get_mut(at) else { return (Written::Yes, None) };
        // What waits in the outbox may leave with the last words.
        let may_leave = self.machine.has_left(call.position) || self.machine.has_output();
        let executed = if may_leave { Executed::Maybe } else { Executed::No };
        let written = match (&self.ended, call.late) {
            (Some(reason), _) => Written::Never(executed, reason.to_string()),
            // What waits in the outbox still leaves.
            (None, true) => Written::Late(Executed::Maybe),
            (None, false) if call.waker.will_wake(waker) => return (Written::NotYet, None),
            (None, false) => {
                let old = std::mem::replace(&mut call.waker, waker.clone());
                return (Written::NotYet, Some(old));
            }
        };
        (written, self.leaving.forget(ticket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_leave_whose_bytes_have_left() {
        let mut leaving = Leaving::default();
        let first = leaving.join(10, None, Waker::noop());
        let second = leaving.join(20, None, Waker::noop());
        let mut wakers = Vec::new();
        leaving.written(|position| position <= 10, &mut wakers);
        assert_eq!((wakers.len(), leaving.find(first), leaving.find(second)), (1, None, Some(0)));
        assert!(leaving.forget(second).is_some() && leaving.forget(second).is_none());
    }

    #[test]
    fn the_late_are_told_once() {
        let mut leaving = Leaving::default();
        leaving.join(10, Some(Time::from_millis(5)), Waker::noop());
        leaving.join(20, None, Waker::noop());
        let mut wakers = Vec::new();
        leaving.late(Time::from_millis(4), &mut wakers);
        assert!(wakers.is_empty());
        leaving.late(Time::from_millis(5), &mut wakers);
        leaving.late(Time::from_millis(6), &mut wakers);
        assert_eq!((wakers.len(), leaving.deadline()), (1, None));
    }
}
