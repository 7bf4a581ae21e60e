//! All rooms of a server, and the desk at which each connection asks for them.

use super::door::Door;
use super::room::{Bounds, Room, Seat};
use super::wire::{Batch, Chat, ChatStats, Guest, Leaving, Place, Refusal, RoomInfo};
use hton::{Stream, stream};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A room stays, with its history, when the last guest has left.
const ROOMS: usize = 256;
const NAME_CHARS: usize = 24;

/// All rooms of a server.
pub(crate) struct Hall {
    run: u64,
    bounds: Bounds,
    door: Arc<Door>,
    rooms: Mutex<Rooms>,
}

#[derive(Default)]
struct Rooms {
    by_name: BTreeMap<String, Arc<Room>>,
    is_closed: bool,
}

impl Hall {
    pub(crate) fn new(bounds: Bounds, door: Arc<Door>) -> Arc<Self> {
        let run = super::random();
        Arc::new(Self { run, bounds, door, rooms: Mutex::default() })
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self, name: &str) -> Result<Arc<Room>, Refusal> {
        let mut rooms = self.rooms();
        if rooms.is_closed {
            return Err(Refusal::Closing);
        }
        if let Some(room) = rooms.by_name.get(name) {
            return Ok(Arc::clone(room));
        }
        if rooms.by_name.len() >= ROOMS {
            return Err(Refusal::TooManyRooms);
        }
        let room = Room::new(name.to_owned(), self.run, self.bounds);
        rooms.by_name.insert(name.to_owned(), Arc::clone(&room));
        Ok(room)
    }

    /// Says goodbye in every room. Those who are in one hear it after all that was said before.
    pub(crate) fn close(&self) {
        let mut rooms = self.rooms();
        rooms.is_closed = true;
        rooms.by_name.values().for_each(|room| room.close());
    }

    /// What was done so far.
    pub(crate) fn stats(&self) -> ChatStats {
        let (connections, accepted) = self.door.counts();
        let mut stats = ChatStats { connections, accepted, ..ChatStats::default() };
        for room in self.rooms().by_name.values() {
            let (info, (delivered, too_slow)) = (room.info(), room.counts());
            stats.rooms += 1;
            stats.people += info.people;
            stats.lines += info.lines;
            stats.delivered += delivered;
            stats.too_slow += too_slow;
        }
        stats
    }
}

/// What one connection is served: each has its own, and with it its own seats.
pub(crate) struct Desk {
    hall: Arc<Hall>,
    /// The stream of a room holds the seat; here is only how to find it.
    seats: Mutex<HashMap<String, Weak<Seat>>>,
}

impl Desk {
    pub(crate) fn new(hall: &Arc<Hall>) -> Self {
        Self { hall: Arc::clone(hall), seats: Mutex::default() }
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<String, Weak<Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seat(&self, room: &str) -> Result<Arc<Seat>, Refusal> {
        self.seats().get(room).and_then(Weak::upgrade).ok_or(Refusal::NotHere)
    }
}

impl Chat for Desk {
    async fn join(
        &self,
        room: String,
        guest: Guest,
        since: Option<Place>,
    ) -> Result<impl Stream<Item = Batch>, Refusal> {
        if !is_name(&room) || !is_name(&guest.name) {
            return Err(Refusal::BadName);
        }
        let (seat, missed) = self.hall.room(&room)?.join(guest, since)?;
        let seat = Arc::new(seat);
        let mut seats = self.seats();
        seats.retain(|_, seat| seat.strong_count() > 0);
        seats.insert(room, Arc::downgrade(&seat));
        drop(seats);
        Ok(stream::unfold((Some(seat), Some(missed)), async |(seat, missed)| {
            let seat = seat?;
            let batch = match missed {
                Some(batch) => batch,
                None => seat.read().await,
            };
            let goes_on = batch.goodbye.is_none();
            Some((batch, (goes_on.then_some(seat), None)))
        }))
    }

    async fn say(&self, room: String, number: u64, text: String) -> Result<(), Refusal> {
        self.seat(&room)?.say(number, text)
    }

    async fn leave(&self, room: String) -> Result<(), Refusal> {
        self.seat(&room)?.leave(Leaving::Quit);
        Ok(())
    }

    async fn who(&self, room: String) -> Vec<String> {
        let room = self.hall.rooms().by_name.get(&room).cloned();
        room.map(|room| room.who()).unwrap_or_default()
    }

    async fn rooms(&self) -> Vec<RoomInfo> {
        self.hall.rooms().by_name.values().map(|room| room.info()).collect()
    }

    async fn stats(&self) -> ChatStats {
        self.hall.stats()
    }
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control();
    (1..=NAME_CHARS).contains(&name.chars().count()) && name.chars().all(plain)
}
