//! A room: its log, which is the one order for everybody, and how far each guest has read in it.
//!
//! Nothing is queued for anybody: a guest is a place in the log. So a room is as large as its history,
//! whoever reads and whoever does not, and saying something costs a slow guest's neighbours nothing.

use super::wire::{Batch, ChatEvent, Goodbye, Guest, Leaving, Place, Refusal, RoomInfo};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Longest text that may be said at once.
pub(crate) const TEXT_BYTES: usize = 8 * 1024;
/// Bytes of events that a room remembers. All of them fit into one item of a stream (256 KiB).
const HISTORY_BYTES: usize = 192 * 1024;
/// Bytes of events in one batch of news.
const BATCH_BYTES: usize = 64 * 1024;

/// How much a room remembers, and how far a guest may fall behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) history: usize,
    pub(crate) backlog: u64,
}

pub(crate) struct Room {
    name: String,
    run: u64,
    bounds: Bounds,
    state: Mutex<State>,
    /// Rings when there is something to read.
    news: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    log: VecDeque<Entry>,
    /// How many events were forgotten: the offset of the first that is remembered.
    first: u64,
    bytes: usize,
    lines: u64,
    delivered: u64,
    too_slow: u64,
    seats: HashMap<u64, Seated>,
    next_seat: u64,
    is_closed: bool,
}

struct Entry {
    event: ChatEvent,
    /// Who said it, and which of their lines it is.
    by: Option<(u64, u64)>,
}

/// A guest, as the room sees it.
struct Seated {
    guest: Guest,
    /// The offset of the next event to read.
    at: u64,
    /// The number of the guest's last line.
    said: u64,
    /// Up to where to read, and why no further.
    end: Option<(u64, Goodbye)>,
}

/// A seat in a room. Whoever drops it has left.
pub(crate) struct Seat {
    room: Arc<Room>,
    number: u64,
}

impl Entry {
    /// About as much as it takes on the wire.
    fn bytes(&self) -> usize {
        match &self.event {
            ChatEvent::Said { name, text } => 20 + name.len() + text.len(),
            ChatEvent::Joined { name } | ChatEvent::Left { name, .. } => 16 + name.len(),
        }
    }
}

impl State {
    fn end(&self) -> u64 {
        self.first + self.log.len() as u64
    }

    fn present(&self) -> impl Iterator<Item = &Seated> {
        self.seats.values().filter(|seated| seated.end.is_none())
    }

    /// Appends an event, and drops those who are too far behind.
    fn post(&mut self, bounds: Bounds, event: ChatEvent, by: Option<(u64, u64)>) {
        let mut events = VecDeque::from([Entry { event, by }]);
        while let Some(entry) = events.pop_front() {
            self.lines += u64::from(matches!(entry.event, ChatEvent::Said { .. }));
            self.bytes += entry.bytes();
            self.log.push_back(entry);
            while self.bytes > HISTORY_BYTES || self.log.len() > bounds.history {
                let Some(oldest) = self.log.pop_front() else { break };
                self.bytes -= oldest.bytes();
                self.first += 1;
            }
            let (first, end) = (self.first, self.end());
            for seated in self.seats.values_mut().filter(|seated| seated.end.is_none()) {
                let missed = end - seated.at;
                if missed > bounds.backlog || seated.at < first {
                    seated.end = Some((seated.at, Goodbye::TooSlow { missed }));
                    self.too_slow += 1;
                    let name = seated.guest.name.clone();
                    let event = ChatEvent::Left { name, why: Leaving::TooSlow };
                    events.push_back(Entry { event, by: None });
                }
            }
        }
    }

    /// What the seat has not read yet, up to so many bytes. `None` = nothing, for now.
    fn read(&mut self, run: u64, seat: u64, bytes: usize) -> Option<Batch> {
        let end = self.end();
        let seated = self.seats.get_mut(&seat)?;
        let until = seated.end.map_or(end, |(until, _)| until);
        let unread = usize::try_from(seated.at.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let count = usize::try_from(until.saturating_sub(seated.at)).unwrap_or(usize::MAX);
        let mut room = bytes;
        let mut events = Vec::new();
        for entry in self.log.iter().skip(unread).take(count) {
            if entry.bytes() > room && !events.is_empty() {
                break;
            }
            room = room.saturating_sub(entry.bytes());
            events.push(entry.event.clone());
        }
        seated.at += events.len() as u64;
        self.delivered += events.len() as u64;
        let goodbye = seated.end.and_then(|(until, why)| (seated.at >= until).then_some(why));
        let next = Place { run, offset: seated.at };
        (goodbye.is_some() || !events.is_empty()).then_some(Batch { events, next, goodbye })
    }
}

impl Room {
    pub(crate) fn new(name: String, run: u64, bounds: Bounds) -> Arc<Self> {
        let (state, news) = (Mutex::default(), watch::Sender::new(()));
        Arc::new(Self { name, run, bounds, state, news })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a seat, and all that was missed since that place.
    pub(crate) fn join(
        self: &Arc<Self>,
        guest: Guest,
        since: Option<Place>,
    ) -> Result<(Seat, Batch), Refusal> {
        let mut state = self.state();
        if state.is_closed {
            return Err(Refusal::Closing);
        }
        let (end, name) = (state.end(), guest.name.clone());
        let of_before = state.seats.values_mut().find(|s| s.end.is_none() && s.guest.name == name);
        let came_back = match of_before {
            Some(other) if other.guest.key != guest.key => return Err(Refusal::NameTaken),
            Some(same) => {
                same.end = Some((same.at, Goodbye::Replaced));
                true
            }
            None => false,
        };
        let key = guest.key;
        let numbers = state.log.iter().filter_map(|entry| entry.by).filter(|(by, _)| *by == key);
        let said = numbers.map(|(_, number)| number).max().unwrap_or(0);
        let wanted = since.filter(|place| place.run == self.run).map_or(0, |place| place.offset);
        let at = wanted.clamp(state.first, end);
        let number = state.next_seat;
        state.next_seat += 1;
        state.seats.insert(number, Seated { guest, at, said, end: None });
        let whole = HISTORY_BYTES + TEXT_BYTES;
        let mut batch = state.read(self.run, number, whole);
        if !came_back {
            state.post(self.bounds, ChatEvent::Joined { name }, None);
            let joined = state.read(self.run, number, whole);
            batch = match (batch, joined) {
                (Some(mut all), Some(joined)) => {
                    all.events.extend(joined.events);
                    Some(Batch { next: joined.next, ..all })
                }
                (missed, joined) => joined.or(missed),
            };
        }
        drop(state);
        self.news.send_replace(());
        let nothing =
            Batch { events: vec![], next: Place { run: self.run, offset: at }, goodbye: None };
        Ok((Seat { room: Arc::clone(self), number }, batch.unwrap_or(nothing)))
    }

    /// Tells everybody that the room closes, and lets nobody in any more.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        let end = state.end();
        for seated in state.seats.values_mut() {
            seated.end.get_or_insert((end, Goodbye::Closing));
        }
        drop(state);
        self.news.send_replace(());
    }

    /// The names of those who are here.
    pub(crate) fn who(&self) -> Vec<String> {
        let mut names: Vec<_> = self.state().present().map(|s| s.guest.name.clone()).collect();
        names.sort();
        names
    }

    pub(crate) fn info(&self) -> RoomInfo {
        let state = self.state();
        let people = state.present().count() as u64;
        RoomInfo { name: self.name.clone(), people, lines: state.lines }
    }

    /// Events that were handed to guests, and guests who were dropped.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.delivered, state.too_slow)
    }
}

impl Seat {
    /// Says something to the room, unless it was said already.
    pub(crate) fn say(&self, number: u64, text: String) -> Result<(), Refusal> {
        if text.is_empty() || text.len() > TEXT_BYTES {
            return Err(Refusal::BadText { most: u32::try_from(TEXT_BYTES).unwrap_or(u32::MAX) });
        }
        let mut state = self.room.state();
        let seated = state.seats.get_mut(&self.number).filter(|seated| seated.end.is_none());
        let seated = seated.ok_or(Refusal::NotHere)?;
        if number <= seated.said {
            return Ok(());
        }
        seated.said = number;
        let by = Some((seated.guest.key, number));
        let name = seated.guest.name.clone();
        state.post(self.room.bounds, ChatEvent::Said { name, text }, by);
        drop(state);
        self.room.news.send_replace(());
        Ok(())
    }

    /// Gets up. What was said until then can still be read.
    pub(crate) fn leave(&self, why: Leaving) {
        let mut state = self.room.state();
        if let Some(seated) = state.seats.get(&self.number).filter(|seated| seated.end.is_none()) {
            let name = seated.guest.name.clone();
            state.post(self.room.bounds, ChatEvent::Left { name, why }, None);
            let end = state.end();
            if let Some(seated) = state.seats.get_mut(&self.number) {
                seated.end.get_or_insert((end, Goodbye::Left));
            }
        }
        drop(state);
        self.room.news.send_replace(());
    }

    /// The next events, when there are any. Nothing is lost if it is dropped.
    pub(crate) async fn read(&self) -> Batch {
        let mut news = self.room.news.subscribe();
        loop {
            let batch = self.room.state().read(self.room.run, self.number, BATCH_BYTES);
            if let Some(batch) = batch {
                return batch;
            }
            // The sender is in the room, which the seat holds.
            let _ = news.changed().await;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave(Leaving::Lost);
        self.room.state().seats.remove(&self.number);
    }
}
