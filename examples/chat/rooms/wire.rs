//! What the two sides of the chat say to each other.

use hton::Stream;
use std::fmt;

/// What the server does for those who chat.
#[hton::service]
pub(crate) trait Chat {
    /// Takes a seat in a room and tells what happens there: first, in one message, all that was missed
    /// since that place, then what is new. Whoever drops the stream has left.
    async fn join(
        &self,
        room: String,
        guest: Guest,
        since: Option<Place>,
    ) -> Result<impl Stream<Item = Batch>, Refusal>;

    /// Says something in a room that one has joined. The number makes it safe to try again: a guest's
    /// numbers rise, and what has been said already is not said twice.
    async fn say(&self, room: String, number: u64, text: String) -> Result<(), Refusal>;

    /// Leaves a room in good order: the stream brings all that was said until then, and ends.
    async fn leave(&self, room: String) -> Result<(), Refusal>;

    /// Who is in the room.
    async fn who(&self, room: String) -> Vec<String>;

    /// All rooms, by name.
    async fn rooms(&self) -> Vec<RoomInfo>;

    /// What the server has done so far.
    async fn stats(&self) -> ChatStats;
}

/// Somebody who wants to chat.
#[hton::data]
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    /// What the others see.
    pub(crate) name: String,
    /// A number that only this guest knows: who comes back with it gets the seat of before.
    pub(crate) key: u64,
}

/// How far somebody has read in a room.
#[hton::data]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// A number that each run of the server draws. Another one: its rooms began anew.
    pub(crate) run: u64,
    /// How many events of the room were before it.
    pub(crate) offset: u64,
}

/// Events of a room that follow each other, in the order that everybody in the room sees.
#[hton::data]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Batch {
    pub(crate) events: Vec<ChatEvent>,
    /// The place behind them.
    pub(crate) next: Place,
    /// Nothing comes behind this batch, for this reason.
    pub(crate) goodbye: Option<Goodbye>,
}

/// What happens in a room.
#[hton::data]
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ChatEvent {
    /// Somebody took a seat.
    Joined { name: String },
    /// Somebody is gone.
    Left { name: String, why: Leaving },
    /// Somebody said something, of one line or of several.
    Said { name: String, text: String },
}

/// Why somebody is gone.
#[hton::data]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    Quit,
    Lost,
    TooSlow,
}

/// Why a room tells no more.
#[hton::data]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goodbye {
    /// The guest has left.
    Left,
    /// The guest did not read, and so many events waited.
    TooSlow { missed: u64 },
    /// The guest came back over another connection.
    Replaced,
    /// The server goes away.
    Closing,
}

/// Why something was not done.
#[hton::data]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Somebody else in the room has that name.
    NameTaken,
    /// No name of a guest or a room: 1 to 24 characters without blanks.
    BadName,
    /// So many bytes may be said at once, and at least one must be.
    BadText { most: u32 },
    /// Say and leave are for those who have joined.
    NotHere,
    /// The server has no place for one more room.
    TooManyRooms,
    /// The server goes away.
    Closing,
}

/// One room.
#[hton::data]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoomInfo {
    pub(crate) name: String,
    pub(crate) people: u64,
    pub(crate) lines: u64,
}

/// What a server has done so far.
#[hton::data]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChatStats {
    /// Connections that are open.
    pub(crate) connections: u64,
    /// Connections that were accepted.
    pub(crate) accepted: u64,
    /// Seats that are taken.
    pub(crate) people: u64,
    pub(crate) rooms: u64,
    /// Lines that were said.
    pub(crate) lines: u64,
    /// Events that were handed to guests, history included.
    pub(crate) delivered: u64,
    /// Guests who were dropped because they did not read.
    pub(crate) too_slow: u64,
}

impl fmt::Display for ChatStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, accepted, people, rooms, lines, delivered, too_slow } = self;
        write!(f, "connections {connections} of {accepted}, people {people}, rooms {rooms}, ")?;
        write!(f, "lines {lines}, delivered {delivered}, too slow {too_slow}")
    }
}

impl fmt::Display for Goodbye {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => f.write_str("you have left"),
            Self::TooSlow { missed } => write!(f, "you did not read, and {missed} events waited"),
            Self::Replaced => f.write_str("you came back over another connection"),
            Self::Closing => f.write_str("the server says goodbye"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken => f.write_str("somebody else here has that name"),
            Self::BadName => f.write_str("a name has 1 to 24 characters and no blanks"),
            Self::BadText { most } => write!(f, "a text has 1 to {most} bytes"),
            Self::NotHere => f.write_str("you are not in that room"),
            Self::TooManyRooms => f.write_str("there is no place for one more room"),
            Self::Closing => f.write_str("the server goes away"),
        }
    }
}
