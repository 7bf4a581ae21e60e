//! Calls that wait, in order, until the peer's limit allows them.

use crate::call::Kind;
use rpc_core::Time;
use std::collections::VecDeque;
use std::task::Waker;

/// One line for each kind of call, because the peer limits each apart: who waits in one must not hold up
/// another.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    calls: Queue,
    streams: Queue,
    oneways: Queue,
}

impl Lines {
    /// The line of this kind of call.
    pub(crate) const fn of(&mut self, kind: &Kind) -> &mut Queue {
        match kind {
            Kind::Unary => &mut self.calls,
            Kind::Streams { .. } => &mut self.streams,
            Kind::OneWay => &mut self.oneways,
        }
    }

    fn all(&self) -> [&Queue; 3] {
        [&self.calls, &self.streams, &self.oneways]
    }

    /// How many calls wait.
    pub(crate) fn len(&self) -> usize {
        self.all().map(|line| line.waiting.len()).iter().sum()
    }

    /// The wakers of those who stand first.
    pub(crate) fn firsts(&self) -> impl Iterator<Item = Waker> {
        self.all().into_iter().filter_map(Queue::first)
    }

    /// Everybody in every line.
    pub(crate) fn everybody(&self) -> impl Iterator<Item = Waker> {
        self.all().into_iter().flat_map(Queue::everybody)
    }

    /// See [`Queue::late`].
    pub(crate) fn late(&mut self, now: Time, wakers: &mut Vec<Waker>) {
        for line in [&mut self.calls, &mut self.streams, &mut self.oneways] {
            wakers.append(&mut line.late(now));
        }
    }

    /// A lower bound of the first moment at which somebody is late.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.all().into_iter().filter_map(Queue::deadline).min()
    }
}

/// The line of waiting calls. Who stands first may try; a call that finds others waiting stands last.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Waiting>,
    next: u64,
    /// Before this moment nobody is late; it may come without anybody being late.
    deadline: Option<Time>,
}

/// A place in the line. Places are never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u64);

/// Those whom it concerns that a call has left the line, for after the lock.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// To be woken: the new first, if the first left.
    pub(crate) next: Option<Waker>,
    /// To be dropped: whoever left.
    pub(crate) own: Option<Waker>,
}

#[derive(Debug)]
struct Waiting {
    place: Place,
    waker: Waker,
    deadline: Option<Time>,
}

impl Queue {
    /// Whether a call with this place, or a new one, may try now.
    pub(crate) fn may_try(&self, place: Option<Place>) -> bool {
        self.waiting.front().is_none_or(|first| Some(first.place) == place)
    }

    /// Joins the end of the line.
    pub(crate) fn join(&mut self, waker: &Waker, deadline: Option<Time>) -> Place {
        let place = Place(self.next);
        self.next += 1;
        self.deadline = [self.deadline, deadline].into_iter().flatten().min();
        self.waiting.push_back(Waiting { place, waker: waker.clone(), deadline });
        place
    }

    /// Keeps the place for another poll. Returns a waker to be dropped after the lock.
    pub(crate) fn stay(&mut self, place: Place, waker: &Waker) -> Option<Waker> {
        let waiting = self.find(place).and_then(|n| self.waiting.get_mut(n))?;
        let is_new = !waiting.waker.will_wake(waker);
        is_new.then(|| std::mem::replace(&mut waiting.waker, waker.clone()))
    }

    /// Leaves the line.
    pub(crate) fn leave(&mut self, place: Place) -> Left {
        let Some(n) = self.find(place) else { return Left::default() };
        let own = self.waiting.remove(n).map(|waiting| waiting.waker);
        let next = if n == 0 { self.first() } else { None };
        Left { next, own }
    }

    /// The waker of the first in line.
    fn first(&self) -> Option<Waker> {
        self.waiting.front().map(|first| first.waker.clone())
    }

    /// Takes everybody whose deadline has come out of the line: a caller who does not look must not
    /// hold up the others. Returns whom to wake: them, and the new first if the first was late.
    fn late(&mut self, now: Time) -> Vec<Waker> {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return Vec::new();
        }
        let first = self.waiting.front().map(|first| first.place);
        let mut wakers = Vec::new();
        self.waiting.retain_mut(|waiting| {
            let late = waiting.deadline.is_some_and(|deadline| deadline <= now);
            if late {
                wakers.push(std::mem::replace(&mut waiting.waker, Waker::noop().clone()));
            }
            !late
        });
        self.deadline = self.waiting.iter().filter_map(|waiting| waiting.deadline).min();
        if self.waiting.front().map(|first| first.place) != first {
            wakers.extend(self.first());
        }
        wakers
    }

    /// Everybody in line.
    fn everybody(&self) -> impl Iterator<Item = Waker> {
        self.waiting.iter().map(|waiting| waiting.waker.clone())
    }

    /// A lower bound of the first moment at which somebody in line is late.
    fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    fn find(&self, place: Place) -> Option<usize> {
        self.waiting.binary_search_by_key(&place, |waiting| waiting.place).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_in_line_may_try() {
        let mut queue = Queue::default();
        assert!(queue.may_try(None));
        let first = queue.join(Waker::noop(), None);
        let second = queue.join(Waker::noop(), None);
        assert!(queue.may_try(Some(first)) && !queue.may_try(Some(second)) && !queue.may_try(None));
        assert!(queue.leave(second).next.is_none());
        assert!(queue.leave(first).next.is_none());
        assert!(queue.may_try(None));
        let again = queue.leave(first);
        assert!(again.next.is_none() && again.own.is_none());
    }

    #[test]
    fn who_leaves_first_hands_on_to_the_next() {
        let mut queue = Queue::default();
        let first = queue.join(Waker::noop(), None);
        queue.join(Waker::noop(), None);
        let left = queue.leave(first);
        assert!(left.next.is_some() && left.own.is_some());
        assert_eq!(queue.waiting.len(), 1);
    }

    #[test]
    fn the_late_are_told_once_and_the_others_stay() {
        let mut queue = Queue::default();
        queue.join(Waker::noop(), Some(Time::from_millis(5)));
        queue.join(Waker::noop(), Some(Time::from_millis(9)));
        queue.join(Waker::noop(), None);
        assert_eq!(queue.late(Time::from_millis(4)).len(), 0);
        assert_eq!(queue.deadline(), Some(Time::from_millis(5)));
        assert_eq!(queue.late(Time::from_millis(5)).len(), 2);
        assert_eq!(queue.late(Time::from_millis(5)).len(), 0);
        assert_eq!(queue.deadline(), Some(Time::from_millis(9)));
        assert_eq!(queue.everybody().count(), 2);
    }
}
