//! One line of calls that wait, in order, until the peer's limit allows them.

use rpc_core::Time;
use std::collections::VecDeque;
use std::task::Waker;

/// The line of waiting calls. Who stands first may try, and so may those behind it who were called, one
/// for each place that became free: many answers that arrive together let as many calls leave together. A
/// call that finds others waiting stands last.
///
/// Many calls that are awaited together have one place, and as many turns of it as they are: nobody behind
/// them is called before they had these.
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

/// How many calls have one place, and how long they wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Many {
    pub(crate) calls: usize,
    /// No deadline of theirs is before this one.
    pub(crate) first: Option<Time>,
    /// All of them are late from here on; `None` = one has no deadline.
    pub(crate) last: Option<Time>,
}

#[derive(Debug)]
struct Waiting {
    place: Place,
    waker: Waker,
    many: Many,
    /// How many of them were called.
    turns: usize,
}

impl Waiting {
    /// It may try, in somebody's stead.
    fn inherit(&mut self) -> Waker {
        self.turns = self.turns.max(1);
        self.waker.clone()
    }
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a call with this place, or a new one, may try now.
    pub(crate) fn may_try(&self, place: Option<Place>) -> bool {
        match place {
            None => self.waiting.is_empty(),
            Some(place) => self.find(place).is_some_and(|n| n < self.called.max(1)),
        }
    }

    /// How many calls with this place, or new ones, may try now. The first may try them all.
    pub(crate) fn turns(&self, place: Option<Place>) -> usize {
        let Some(place) = place else {
            return if self.waiting.is_empty() { usize::MAX } else { 0 };
        };
        match self.find(place) {
            Some(0) => usize::MAX,
            Some(n) if n < self.called => self.waiting.get(n).map_or(0, |waiting| waiting.turns),
            _ => 0,
        }
    }

    /// Calls the next who was not called. Returns whom to wake.
    pub(super) fn call(&mut self) -> Option<Waker> {
        let last = self.called.checked_sub(1).and_then(|n| self.waiting.get_mut(n));
        if let Some(last) = last.filter(|last| last.turns < last.many.calls) {
            // It was woken for its first turn.
            last.turns += 1;
            return None;
        }
        let next = self.waiting.get_mut(self.called)?;
        next.turns = 1;
        self.called += 1;
        Some(next.waker.clone())
    }

    /// Joins the end of the line.
    pub(crate) fn join(&mut self, waker: &Waker, deadline: Option<Time>) -> Place {
        self.join_many(waker, Many { calls: 1, first: deadline, last: deadline })
    }

    /// Joins the end of the line with so many calls.
    pub(crate) fn join_many(&mut self, waker: &Waker, many: Many) -> Place {
        let place = Place(self.next);
        self.next += 1;
        self.note(many.first);
        self.waiting.push_back(Waiting { place, waker: waker.clone(), many, turns: 0 });
        place
    }

    /// Somebody is late from here on.
    fn note(&mut self, deadline: Option<Time>) {
        self.deadline = [self.deadline, deadline].into_iter().flatten().min();
    }

    /// As [`stay`](Self::stay), with so many calls that are still not opened.
    pub(crate) fn stay_many(&mut self, place: Place, waker: &Waker, many: Many) -> Option<Waker> {
        let waiting = self.find(place).and_then(|n| self.waiting.get_mut(n))?;
        waiting.many = many;
        self.note(many.first);
        self.stay(place, waker)
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
        let next = self.waiting.get_mut(self.called.saturating_sub(1)).filter(|_| had_turn);
        Left { next: next.map(Waiting::inherit), own }
    }

    /// The waker of the first in line.
    pub(super) fn first(&self) -> Option<Waker> {
        self.waiting.front().map(|first| first.waker.clone())
    }

    /// Takes everybody whose deadline has come out of the line: a caller who does not look must not
    /// hold up the others. Of many calls with one place only the last deadline counts for that. Returns
    /// whom to wake: them, those of whom some are late, and those to whom their turns go.
    pub(super) fn late(&mut self, now: Time) -> Vec<Waker> {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return Vec::new();
        }
        let turns = self.called.max(1);
        let (mut n, mut kept) = (0, 0);
        let mut wakers = Vec::new();
        self.waiting.retain_mut(|waiting| {
            let Many { first, last, .. } = &mut waiting.many;
            let late = last.is_some_and(|deadline| deadline <= now);
            if late {
                wakers.push(std::mem::replace(&mut waiting.waker, Waker::noop().clone()));
            } else {
                kept += usize::from(n < turns);
                if first.is_some_and(|deadline| deadline <= now) {
                    *first = *last;
                    wakers.push(waiting.waker.clone());
                }
            }
            n += 1;
            !late
        });
        self.deadline = self.waiting.iter().filter_map(|waiting| waiting.many.first).min();
        self.called = self.called.min(self.waiting.len());
        let heirs = self.waiting.iter_mut().take(turns).skip(kept);
        wakers.extend(heirs.map(Waiting::inherit));
        wakers
    }

    /// Everybody in line.
    pub(super) fn everybody(&self) -> impl Iterator<Item = Waker> {
        self.waiting.iter().map(|waiting| waiting.waker.clone())
    }

    /// Gives back the space of those who have left.
    pub(super) fn shrink(&mut self) {
        self.waiting.shrink_to_fit();
    }

    /// A lower bound of the first moment at which somebody in line is late.
    pub(super) fn deadline(&self) -> Option<Time> {
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

    #[test]
    fn nobody_behind_many_is_called_before_they_had_their_turns() {
        let mut queue = Queue::default();
        let first = queue.join(Waker::noop(), None);
        let of = |calls| Many { calls, first: None, last: None };
        let many = queue.join_many(Waker::noop(), of(3));
        let behind = queue.join(Waker::noop(), None);
        assert!(queue.call().is_some() && queue.call().is_some());
        // The second turn needs no second wake-up.
        assert!(queue.call().is_none());
        assert_eq!((queue.turns(Some(first)), queue.turns(Some(many))), (usize::MAX, 2));
        assert_eq!((queue.turns(Some(behind)), queue.turns(None)), (0, 0));
        queue.stay_many(many, Waker::noop(), of(1));
        assert_eq!((queue.turns(Some(many)), queue.may_try(Some(first))), (0, true));
        queue.opened(first);
        assert_eq!(queue.turns(Some(many)), usize::MAX, "it is the first");
        assert!(queue.call().is_some() && queue.call().is_some());
        assert!(queue.may_try(Some(behind)) && queue.opened(many).next.is_none());
    }

    #[test]
    fn many_stay_in_line_until_the_last_of_them_is_late() {
        let at = |ms| Some(Time::from_millis(ms));
        let mut queue = Queue::default();
        queue.join_many(Waker::noop(), Many { calls: 2, first: at(5), last: at(9) });
        let endless = queue.join_many(Waker::noop(), Many { calls: 2, first: at(5), last: None });
        assert_eq!(queue.late(Time::from_millis(5)).len(), 2);
        assert_eq!((queue.waiting.len(), queue.deadline()), (2, at(9)));
        assert_eq!(queue.late(Time::from_millis(5)).len(), 0, "they are told once");
        // One is late, and its turn goes to the other.
        assert_eq!(queue.late(Time::from_millis(9)).len(), 2);
        assert_eq!((queue.waiting.len(), queue.deadline()), (1, None));
        queue.stay_many(endless, Waker::noop(), Many { calls: 1, first: at(11), last: at(11) });
        assert_eq!(queue.deadline(), at(11));
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
