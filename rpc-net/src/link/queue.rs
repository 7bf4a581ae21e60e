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

    /// A call of this side has ended: whom to wake, in each line the first who was not called yet. It is not
    /// known whose place became free; who finds none goes on waiting.
    pub(crate) fn call(&mut self, wakers: &mut Vec<Waker>) {
        // Mostly nobody waits, and this is asked for every answer.
        if !self.calls.waiting.is_empty() {
            wakers.extend(self.calls.call());
        }
        if !self.streams.waiting.is_empty() {
            wakers.extend(self.streams.call());
        }
        if !self.oneways.waiting.is_empty() {
            wakers.extend(self.oneways.first());
        }
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

/// The line of waiting calls. Who stands first may try, and so may those behind it who were called, one
/// for each place that became free: many answers that arrive together let as many calls leave together. A
/// call that finds others waiting stands last.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Waiting>,
    /// How many of the first were called and have not tried yet.
    called: usize,
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
    /// To be woken: who may try in its stead, or after it.
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
        match place {
            None => self.waiting.is_empty(),
            Some(place) => self.find(place).is_some_and(|n| n < self.called.max(1)),
        }
    }

    /// Calls the next who was not called. Returns whom to wake.
    fn call(&mut self) -> Option<Waker> {
        let waker = self.waiting.get(self.called)?.waker.clone();
        self.called += 1;
        Some(waker)
    }

    /// Joins the end of the line.
    pub(crate) fn join(&mut self, waker: &Waker, deadline: Option<Time>) -> Place {
        let place = Place(self.next);
        self.next += 1;
        self.deadline = [self.deadline, deadline].into_iter().flatten().min();
        self.waiting.push_back(Waiting { place, waker: waker.clone(), deadline });
        place
    }

    /// Keeps the place for another poll: there was no room, or it was not called. Returns a waker to be
    /// dropped after the lock.
    pub(crate) fn stay(&mut self, place: Place, waker: &Waker) -> Option<Waker> {
        let n = self.find(place)?;
        // Whoever stands behind finds no room either.
        self.called = self.called.min(n);
        let waiting = self.waiting.get_mut(n)?;
        let is_new = !waiting.waker.will_wake(waker);
        is_new.then(|| std::mem::replace(&mut waiting.waker, waker.clone()))
    }

    /// Leaves the line, for it was opened. When all who were called have left there may be more room: the
    /// next one tries.
    pub(crate) fn opened(&mut self, place: Place) -> Left {
        let Some(n) = self.find(place) else { return Left::default() };
        let own = self.waiting.remove(n).map(|waiting| waiting.waker);
        self.called = self.called.saturating_sub(1);
        let next = if self.called == 0 { self.first() } else { None };
        Left { next, own }
    }

    /// Leaves the line without having been opened. Its turn goes to the next.
    pub(crate) fn leave(&mut self, place: Place) -> Left {
        let Some(n) = self.find(place) else { return Left::default() };
        let own = self.waiting.remove(n).map(|waiting| waiting.waker);
        let had_turn = n < self.called.max(1);
        self.called = self.called.min(self.waiting.len());
        let next = self.waiting.get(self.called.saturating_sub(1)).filter(|_| had_turn);
        Left { next: next.map(|next| next.waker.clone()), own }
    }

    /// The waker of the first in line.
    fn first(&self) -> Option<Waker> {
        self.waiting.front().map(|first| first.waker.clone())
    }

    /// Takes everybody whose deadline has come out of the line: a caller who does not look must not
    /// hold up the others. Returns whom to wake: them, and those to whom their turns go.
    fn late(&mut self, now: Time) -> Vec<Waker> {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return Vec::new();
        }
        let turns = self.called.max(1);
        let (mut n, mut kept) = (0, 0);
        let mut wakers = Vec::new();
        self.waiting.retain_mut(|waiting| {
            let late = waiting.deadline.is_some_and(|deadline| deadline <= now);
            if late {
                wakers.push(std::mem::replace(&mut waiting.waker, Waker::noop().clone()));
            } else if n < turns {
                kept += 1;
            }
            n += 1;
            !late
        });
        self.deadline = self.waiting.iter().filter_map(|waiting| waiting.deadline).min();
        self.called = self.called.min(self.waiting.len());
        let heirs = self.waiting.iter().take(turns).skip(kept);
        wakers.extend(heirs.map(|waiting| waiting.waker.clone()));
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

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

    /// A waker that counts in `woken`.
    fn counting() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Waker::from(count))
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn as_many_may_try_as_were_called() {
        let mut queue = Queue::default();
        let places: Vec<_> = (0..4).map(|_| queue.join(Waker::noop(), None)).collect();
        let may_try = |queue: &Queue| places.iter().filter(|p| queue.may_try(Some(**p))).count();
        assert_eq!(may_try(&queue), 1);
        assert!(queue.call().is_some() && queue.call().is_some() && queue.call().is_some());
        assert_eq!(may_try(&queue), 3);
        // In whatever order they come; the last of them makes the one behind try.
        assert!(queue.opened(places[1]).next.is_none());
        assert!(queue.opened(places[0]).next.is_none());
        assert!(queue.opened(places[2]).next.is_some());
        assert_eq!(may_try(&queue), 1);
        assert!(queue.call().is_some() && queue.call().is_none());
    }

    #[test]
    fn who_finds_no_room_takes_the_turn_of_those_behind_and_keeps_its_place() {
        let mut queue = Queue::default();
        let places: Vec<_> = (0..3).map(|_| queue.join(Waker::noop(), None)).collect();
        for _ in 0..3 {
            queue.call();
        }
        queue.stay(places[1], Waker::noop());
        assert!(queue.may_try(Some(places[0])));
        assert!(!queue.may_try(Some(places[1])) && !queue.may_try(Some(places[2])));
        queue.call();
        assert!(queue.may_try(Some(places[1])) && !queue.may_try(Some(places[2])));
    }

    #[test]
    fn the_turn_of_who_gives_up_goes_to_the_next() {
        let mut queue = Queue::default();
        let first = queue.join(Waker::noop(), None);
        let second = queue.join(Waker::noop(), Some(Time::from_millis(5)));
        let (third, waker) = counting();
        let third_place = queue.join(&waker, None);
        let (fourth, waker) = counting();
        let fourth_place = queue.join(&waker, None);
        assert!(queue.call().is_some() && queue.call().is_some());
        // One that was not called has no turn to give.
        assert!(queue.leave(fourth_place).next.is_none());
        let fourth_place = queue.join(&waker, None);
        crate::link::wake(queue.leave(first).next);
        assert_eq!(third.0.load(Ordering::Relaxed), 1);
        assert!(queue.may_try(Some(second)) && queue.may_try(Some(third_place)));
        queue.late(Time::from_millis(5)).into_iter().for_each(Waker::wake);
        assert_eq!(fourth.0.load(Ordering::Relaxed), 1);
        assert!(queue.may_try(Some(third_place)) && queue.may_try(Some(fourth_place)));
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
