//! The calls of this side: who waits for which, and which RESPONSEs are due.
//!
//! A slot is found by its call's id and holds two things that end apart: the waiter, who leaves when he
//! is answered or gives up, and the RESPONSE, which is due until it comes. Knows no bytes.
//!
//! ```text
//!             RESPONSE                    take
//!   Waiting ────────────▶ Answered ──────────────▶ (free)
//!      │ cancel                                       ▲
//!      ├────────────▶ Cancelled ──────────────────────┤ RESPONSE
//!      │ deadline                     take            │
//!      └────────────▶ Answered, due ────────▶ Cancelled
//! ```

use super::clock::NEVER;
use super::deadlines::Deadlines;
use crate::frame::CancelReason;
use crate::{CallId, Side, Time};

/// Slots of the first table; most connections never need more.
const SLOTS_MIN: usize = 8;
/// A smaller table grows before an id is skipped because its slot is taken.
const SLOTS_FEW: usize = 64;

/// What a frame for a call of this side meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Its caller waits.
    Waiting,
    /// Nobody waits, but the RESPONSE is due.
    GivenUp,
    /// It has ended or was never opened.
    Gone,
}

#[derive(Debug)]
struct Slot<W> {
    id: CallId,
    /// It is a streaming call.
    streams: bool,
    /// The RESPONSE has not come.
    due: bool,
    /// The waiter has been told how the call ended.
    answered: bool,
    /// A CANCEL that waits for its budget.
    deferred: Option<CancelReason>,
    /// Bytes of a result that nobody wants.
    spilled: u32,
    deadline: Time,
    /// Place of the request in the outbox.
    position: u64,
    waiter: Option<W>,
}

impl<W> Slot<W> {
    const FREE: Self = Self {
        id: CallId::CONNECTION,
        streams: false,
        due: false,
        answered: false,
        deferred: None,
        spilled: 0,
        deadline: NEVER,
        position: 0,
        waiter: None,
    };

    const fn is_free(&self) -> bool {
        !self.due && self.waiter.is_none()
    }

    const fn is_waiting(&self) -> bool {
        self.due && !self.answered && self.waiter.is_some()
    }
}

/// The table.
#[derive(Debug)]
pub(super) struct Asked<W> {
    side: Side,
    slots: Vec<Slot<W>>,
    last: CallId,
    due: usize,
    /// How many of those are streaming calls.
    due_streams: usize,
    taken: usize,
    deferred: usize,
    pub(super) deadlines: Deadlines,
}

impl<W> Asked<W> {
    pub(super) const fn new(side: Side) -> Self {
        Self {
            side,
            slots: Vec::new(),
            last: CallId::CONNECTION,
            due: 0,
            due_streams: 0,
            taken: 0,
            deferred: 0,
            deadlines: Deadlines::new(),
        }
    }

    /// The call that was opened last; id 0 = none.
    pub(super) const fn last(&self) -> CallId {
        self.last
    }

    /// Calls whose RESPONSE is due.
    pub(super) const fn due(&self) -> usize {
        self.due
    }

    /// Streaming calls whose RESPONSE is due.
    pub(super) const fn due_streams(&self) -> usize {
        self.due_streams
    }

    /// Opens a call: takes the next id whose slot is free.
    ///
    /// Spec: `call.id.order`, `call.id.wrap`.
    pub(super) fn open(
        &mut self,
        waiter: W,
        deadline: Option<Time>,
        position: u64,
        streams: bool,
    ) -> CallId {
        if self.taken * 2 >= self.slots.len() {
            self.grow();
        }
        let id = self.pass();
        let index = self.index(id);
        self.due += 1;
        self.due_streams += usize::from(streams);
        self.taken += 1;
        let deadline = deadline.unwrap_or(NEVER);
        self.deadlines.note(deadline);
        if let Some(slot) = self.slots.get_mut(index) {
            let waiter = Some(waiter);
            *slot = Slot { id, streams, due: true, deadline, position, waiter, ..Slot::FREE };
        }
        id
    }

    /// Takes the next id whose slot is free, and not the slot: for a call without a RESPONSE.
    pub(super) fn pass(&mut self) -> CallId {
        loop {
            self.last = match self.last {
                CallId::CONNECTION => self.side.first(),
                id => id.next(),
            };
            while self.slots.len() < SLOTS_FEW
                && self.slots.get(self.index(self.last)).is_some_and(|slot| !slot.is_free())
            {
                self.grow();
            }
            // At most half of the slots are taken, so a free one is near.
            if self.slots.get(self.index(self.last)).is_none_or(Slot::is_free) {
                return self.last;
            }
        }
    }

    /// Gives an empty table back.
    pub(super) fn shrink(&mut self) {
        if self.taken == 0 {
            self.slots = Vec::new();
            self.deadlines = Deadlines::new();
        }
    }

    /// Whether this is a streaming call.
    pub(super) fn streams(&self, id: CallId) -> bool {
        self.slot(id).is_some_and(|slot| slot.streams)
    }

    pub(super) fn status(&self, id: CallId) -> Status {
        match self.slot(id) {
            Some(slot) if slot.is_waiting() => Status::Waiting,
            Some(slot) if slot.due => Status::GivenUp,
            _ => Status::Gone,
        }
    }

    /// The RESPONSE of a call has come: whoever waits is answered. Returns whether it was a streaming call.
    pub(super) fn end(&mut self, id: CallId) -> bool {
        let Some(slot) = Self::find(&mut self.slots, id) else {
            return false;
        };
        if !slot.due {
            return false;
        }
        let streams = slot.streams;
        slot.due = false;
        slot.answered = true;
        self.due -= 1;
        self.due_streams -= usize::from(streams);
        if slot.deferred.take().is_some() {
            self.deferred -= 1;
        }
        if slot.is_free() {
            self.taken -= 1;
        }
        streams
    }

    /// The caller is answered before the RESPONSE has come.
    pub(super) fn answer_early(&mut self, id: CallId) {
        if let Some(slot) = Self::find(&mut self.slots, id) {
            slot.answered = true;
            slot.deadline = NEVER;
        }
    }

    pub(super) fn waiter(&mut self, id: CallId) -> Option<&mut W> {
        Self::find(&mut self.slots, id)?.waiter.as_mut()
    }

    /// The waiter of an answered call.
    pub(super) fn take(&mut self, id: CallId) -> Option<W> {
        let slot = Self::find(&mut self.slots, id)?;
        if !slot.answered {
            return None;
        }
        let waiter = slot.waiter.take()?;
        if slot.is_free() {
            self.taken -= 1;
        }
        Some(waiter)
    }

    /// The waiter leaves unanswered.
    pub(super) fn give_up(&mut self, id: CallId) -> Option<W> {
        let slot = Self::find(&mut self.slots, id)?;
        slot.deadline = NEVER;
        slot.waiter.take()
    }

    /// A CANCEL waits until its budget allows it.
    pub(super) fn defer_cancel(&mut self, id: CallId, reason: CancelReason) {
        let Some(slot) = Self::find(&mut self.slots, id) else {
            return;
        };
        if slot.deferred.replace(reason).is_none() {
            self.deferred += 1;
        }
    }

    pub(super) const fn has_deferred(&self) -> bool {
        self.deferred > 0
    }

    /// A call whose CANCEL waits.
    pub(super) fn take_deferred(&mut self) -> Option<(CallId, CancelReason)> {
        if self.deferred == 0 {
            return None;
        }
        self.deferred -= 1;
        self.slots.iter_mut().find_map(|slot| slot.deferred.take().map(|reason| (slot.id, reason)))
    }

    /// Counts bytes of a result that nobody wants; returns their sum.
    pub(super) fn spill(&mut self, id: CallId, bytes: usize) -> u32 {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Self::find(&mut self.slots, id).map_or(u32::MAX, |slot| {
            slot.spilled = slot.spilled.saturating_add(bytes);
            slot.spilled
        })
    }

    /// The next call whose deadline has passed while its caller waits.
    pub(super) fn expire(&mut self, now: Time) -> Option<CallId> {
        if self.deadlines.is_due(now) {
            let waiting = self.slots.iter().filter(|slot| slot.is_waiting());
            let deadlines = waiting.map(|slot| (slot.id, slot.deadline));
            self.deadlines.sweep(now, deadlines);
        }
        while let Some(id) = self.deadlines.pop() {
            if self.status(id) == Status::Waiting {
                return Some(id);
            }
        }
        None
    }

    /// No RESPONSE will come for the calls that `is_lost` names: those who wait are answered through
    /// `tell`, which is given the place of their request.
    pub(super) fn fail(
        &mut self,
        is_lost: impl Fn(CallId) -> bool,
        mut tell: impl FnMut(CallId, Option<(&mut W, u64)>),
    ) {
        for slot in &mut self.slots {
            if !slot.due || !is_lost(slot.id) {
                continue;
            }
            slot.due = false;
            self.due -= 1;
            self.due_streams -= usize::from(slot.streams);
            if slot.deferred.take().is_some() {
                self.deferred -= 1;
            }
            let told = slot.answered;
            slot.answered = true;
            match &mut slot.waiter {
                Some(waiter) if !told => tell(slot.id, Some((waiter, slot.position))),
                Some(_) => tell(slot.id, None),
                None => {
                    self.taken -= 1;
                    tell(slot.id, None);
                }
            }
        }
    }

    /// Twice the slots. Calls that had slots of their own keep them apart under a longer mask.
    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(SLOTS_MIN);
        let mut slots = Vec::with_capacity(len);
        slots.resize_with(len, || Slot::FREE);
        let old = std::mem::replace(&mut self.slots, slots);
        for slot in old {
            if slot.is_free() {
                continue;
            }
            let index = self.index(slot.id);
            if let Some(place) = self.slots.get_mut(index) {
                debug_assert!(place.is_free(), "two calls in one slot");
                *place = slot;
            }
        }
    }

    fn index(&self, id: CallId) -> usize {
        index(id, self.slots.len())
    }

    fn slot(&self, id: CallId) -> Option<&Slot<W>> {
        let slot = self.slots.get(self.index(id))?;
        (slot.id == id && !slot.is_free()).then_some(slot)
    }

    fn find(slots: &mut [Slot<W>], id: CallId) -> Option<&mut Slot<W>> {
        let slot = slots.get_mut(index(id, slots.len()))?;
        (slot.id == id && !slot.is_free()).then_some(slot)
    }
}

/// The slot of an id in a table of this many slots, which is 0 or a power of two.
const fn index(id: CallId, slots: usize) -> usize {
    (id.get() >> 1) as usize & slots.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Asked<u32> {
        Asked::new(Side::Dialer)
    }

    fn finish(asked: &mut Asked<u32>, id: CallId) {
        asked.end(id);
        assert!(asked.take(id).is_some());
    }

    #[test]
    fn ids_count_up_by_two_and_wrap_past_the_connection() {
        let mut asked = table();
        assert_eq!(asked.open(0, None, 0, false), CallId::new(1));
        assert_eq!(asked.open(0, None, 0, false), CallId::new(3));
        finish(&mut asked, CallId::new(1));
        asked.last = CallId::new(u32::MAX - 2);
        assert_eq!(asked.open(0, None, 0, false), CallId::new(u32::MAX));
        assert_eq!(asked.open(0, None, 0, false), CallId::new(1));
        assert_eq!(
            asked.open(0, None, 0, false),
            CallId::new(5),
            "3 is still open, so its slot is skipped"
        );

        let mut asked = Asked::new(Side::Acceptor);
        assert_eq!(asked.open(0, None, 0, false), CallId::new(2));
        asked.last = CallId::new(u32::MAX - 3);
        assert_eq!(asked.open(0, None, 0, false), CallId::new(u32::MAX - 1));
        assert_eq!(asked.open(0, None, 0, false), CallId::new(4), "2 is still open");
    }

    #[test]
    fn an_id_with_the_slot_of_an_open_call_is_skipped() {
        let mut asked = table();
        let long = asked.open(0, None, 0, false);
        let mut last = long;
        let mut skipped = 0;
        for _ in 0..1_000 {
            let id = asked.open(0, None, 0, false);
            assert_ne!(index(id, asked.slots.len()), index(long, asked.slots.len()), "{id}");
            skipped += usize::from(id != last.next());
            last = id;
            finish(&mut asked, id);
        }
        assert_eq!(asked.slots.len(), SLOTS_FEW);
        // One round of the table is 64 ids, and the long call's slot is met once in each.
        assert_eq!(skipped, 1_000 / (SLOTS_FEW - 1));
        assert_eq!(asked.status(long), Status::Waiting);
    }

    #[test]
    fn a_table_shrinks_when_it_is_empty_and_goes_on_with_the_next_id() {
        let mut asked = table();
        let ids: Vec<_> = (0..100).map(|n| asked.open(n, None, 0, false)).collect();
        let (last, others) = ids.split_last().unwrap();
        for id in others {
            finish(&mut asked, *id);
        }
        asked.answer_early(*last);
        assert_eq!(asked.take(*last), Some(99));
        asked.shrink();
        assert_eq!(asked.status(*last), Status::GivenUp, "its RESPONSE is due");
        asked.end(*last);
        asked.shrink();
        assert_eq!((asked.slots.len(), asked.status(*last)), (0, Status::Gone));
        assert_eq!(asked.open(0, None, 0, false), last.next());
        assert_eq!(asked.slots.len(), SLOTS_MIN);
    }

    #[test]
    fn a_table_grows_without_losing_a_call() {
        let mut asked = table();
        let ids: Vec<_> = (0..1_000).map(|n| asked.open(n, None, 0, false)).collect();
        assert_eq!((asked.due(), asked.taken), (1_000, 1_000));
        for (n, id) in ids.into_iter().enumerate() {
            assert_eq!(asked.waiter(id).copied(), u32::try_from(n).ok());
            finish(&mut asked, id);
            assert_eq!(asked.status(id), Status::Gone);
        }
        assert_eq!((asked.due(), asked.taken), (0, 0));
    }

    #[test]
    fn a_waiter_and_a_response_end_apart() {
        let mut asked = table();
        let id = asked.open(7, None, 0, false);
        assert_eq!(asked.take(id), None, "not answered");
        asked.answer_early(id);
        assert_eq!(asked.status(id), Status::GivenUp);
        assert_eq!(asked.take(id), Some(7));
        assert_eq!(asked.take(id), None);
        assert_eq!((asked.due(), asked.taken), (1, 1), "the id stays taken");
        asked.end(id);
        asked.end(id);
        assert_eq!((asked.due(), asked.taken), (0, 0));
    }
}
