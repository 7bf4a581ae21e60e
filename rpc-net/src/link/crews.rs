//! Calls that are awaited together: whoever waits for them is woken once, when the last of them has ended.

use std::task::Waker;

/// The crews of one connection.
#[derive(Debug, Default)]
pub(crate) struct Crews {
    crews: Vec<Crew>,
    /// Places that nobody has.
    free: Vec<usize>,
}

#[derive(Debug, Default)]
struct Crew {
    /// How many of its calls are open and have not ended.
    left: usize,
    /// Whoever waits, unless that was woken.
    waker: Option<Waker>,
}

/// Names a crew for as long as one of its calls has a slot. Given again after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CrewId(usize);

/// Who is told that a call has ended.
#[derive(Debug)]
pub(crate) enum Told {
    /// Whoever awaits it alone.
    Task(Waker),
    /// Its crew.
    Crew(CrewId),
    /// It has been told.
    Nobody,
}

impl Told {
    /// Whoever awaits it alone, until told.
    pub(crate) const fn task(&self) -> Option<&Waker> {
        match self {
            Self::Task(waker) => Some(waker),
            Self::Crew(_) | Self::Nobody => None,
        }
    }
}

impl Crews {
    /// A crew without calls.
    pub(crate) fn found(&mut self, waker: &Waker) -> CrewId {
        let at = self.free.pop().unwrap_or_else(|| {
            self.crews.push(Crew::default());
            self.crews.len() - 1
        });
        if let Some(crew) = self.crews.get_mut(at) {
            *crew = Crew { left: 0, waker: Some(waker.clone()) };
        }
        CrewId(at)
    }

    /// So many calls more are open.
    pub(crate) fn open(&mut self, id: CrewId, calls: usize) {
        if let Some(crew) = self.crews.get_mut(id.0) {
            crew.left += calls;
        }
    }

    /// How many of its calls have not ended.
    pub(crate) fn left(&self, id: CrewId) -> usize {
        self.crews.get(id.0).map_or(0, |crew| crew.left)
    }

    /// One of its calls has ended. Returns whom to wake.
    #[inline]
    pub(crate) fn ended(&mut self, id: CrewId) -> Option<Waker> {
        let crew = self.crews.get_mut(id.0)?;
        crew.left = crew.left.saturating_sub(1);
        if crew.left == 0 { crew.waker.take() } else { None }
    }

    /// One of its calls is given up. Nobody is woken for that.
    pub(crate) fn leave(&mut self, id: CrewId) {
        if let Some(crew) = self.crews.get_mut(id.0) {
            crew.left = crew.left.saturating_sub(1);
        }
    }

    /// Goes on waiting. Returns a waker to be dropped after the lock.
    pub(crate) fn stay(&mut self, id: CrewId, waker: &Waker) -> Option<Waker> {
        let crew = self.crews.get_mut(id.0)?;
        match &crew.waker {
            Some(same) if same.will_wake(waker) => None,
            _ => crew.waker.replace(waker.clone()),
        }
    }

    /// None of its calls has a slot any more. Returns a waker to be dropped after the lock.
    pub(crate) fn disband(&mut self, id: CrewId) -> Option<Waker> {
        self.free.push(id.0);
        std::mem::take(self.crews.get_mut(id.0)?).waker
    }

    /// Tells whoever is to be told, once. Returns whom to wake after the lock.
    #[inline]
    pub(crate) fn tell(&mut self, told: &mut Told) -> Option<Waker> {
        match std::mem::replace(told, Told::Nobody) {
            Told::Task(waker) => Some(waker),
            Told::Crew(id) => self.ended(id),
            Told::Nobody => None,
        }
    }

    /// Gives an empty table back.
    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.crews.len() == self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crew_is_woken_when_its_last_call_has_ended() {
        let mut crews = Crews::default();
        let (one, other) = (crews.found(Waker::noop()), crews.found(Waker::noop()));
        crews.open(one, 2);
        crews.open(other, 1);
        let (mut first, mut last) = (Told::Crew(one), Told::Crew(one));
        assert!(crews.tell(&mut first).is_none());
        assert!(crews.tell(&mut first).is_none(), "it was told");
        assert_eq!((crews.left(one), crews.left(other)), (1, 1));
        assert!(crews.tell(&mut last).is_some());
        assert!(crews.tell(&mut Told::Crew(other)).is_some());
    }

    #[test]
    fn a_place_is_given_again() {
        let mut crews = Crews::default();
        let first = crews.found(Waker::noop());
        crews.open(first, 3);
        assert!(crews.disband(first).is_some());
        let second = crews.found(Waker::noop());
        assert_eq!((second, crews.left(second)), (first, 0));
    }

    #[test]
    fn what_many_crews_have_left_is_given_back_when_none_is_there() {
        let mut crews = Crews::default();
        let ids: Vec<_> = (0..100).map(|_| crews.found(Waker::noop())).collect();
        for id in &ids[1..] {
            crews.disband(*id);
        }
        crews.open(ids[0], 1);
        crews.shrink();
        assert_eq!(crews.left(ids[0]), 1, "it is still there");
        crews.disband(ids[0]);
        crews.shrink();
        assert_eq!((crews.crews.capacity(), crews.free.capacity()), (0, 0));
    }

    #[test]
    fn who_calls_alone_is_woken_at_once() {
        let mut told = Told::Task(Waker::noop().clone());
        let mut crews = Crews::default();
        assert!(crews.tell(&mut told).is_some() && crews.tell(&mut told).is_none());
    }
}
