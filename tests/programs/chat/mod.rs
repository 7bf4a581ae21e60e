//! The chat: its rooms as code in this process, its programs as their users run them.

mod mesh;
mod rooms;
mod slow;
mod terminal;
mod versions;

/// The server of the programs.
#[path = "../../../examples/chat/rooms/mod.rs"]
mod house;

use house::wire::{Batch, ChatClient, ChatEvent, Goodbye, Guest, Place, Refusal};
use house::{Bounds, House};
use hton::{CallError, Peer, Streaming};
use std::collections::VecDeque;

async fn open(history: usize, backlog: u64) -> House {
    House::open("127.0.0.1:0", Bounds { history, backlog }, false).await.unwrap()
}

/// Somebody in a room.
struct Sitting {
    peer: Peer,
    chat: ChatClient,
    name: String,
    news: Streaming<Batch, Refusal>,
    /// Events that have come and were not asked for.
    events: VecDeque<ChatEvent>,
    place: Option<Place>,
    said: u64,
}

impl Sitting {
    async fn new(house: &House, room: &str, name: &str) -> Self {
        let peer = hton::connect(house.address()).await.unwrap();
        let mut sitting = Self::over(peer, room, name, None);
        assert_eq!(sitting.until_joined(name).await.last(), Some(&joined(name)));
        sitting
    }

    fn over(peer: Peer, room: &str, name: &str, since: Option<Place>) -> Self {
        let chat = ChatClient::new(&peer);
        let guest = Guest { name: name.into(), key: house::random() };
        let news = chat.join(room.into(), guest, since);
        let (name, events) = (name.to_owned(), VecDeque::new());
        Self { peer, chat, name, news, events, place: None, said: 0 }
    }

    /// The next message as it came. `None` = the stream has ended well.
    async fn batch(&mut self) -> Option<Batch> {
        let batch = self.news.recv().await.unwrap()?;
        let before = self.place.map_or(0, |place| place.offset);
        if self.place.is_some() {
            assert_eq!(batch.next.offset, before + batch.events.len() as u64, "no gap, none twice");
        }
        self.place = Some(batch.next);
        Some(batch)
    }

    async fn event(&mut self) -> ChatEvent {
        while self.events.is_empty() {
            let batch = self.batch().await.expect("there is more to hear");
            assert_eq!(batch.goodbye, None, "{}", self.name);
            self.events.extend(batch.events);
        }
        self.events.pop_front().unwrap()
    }

    /// All events up to that somebody has joined.
    async fn until_joined(&mut self, name: &str) -> Vec<ChatEvent> {
        let mut events = Vec::new();
        while events.last() != Some(&joined(name)) {
            events.push(self.event().await);
        }
        events
    }

    /// The next so many lines, whoever comes and goes between them.
    async fn lines(&mut self, count: usize) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        while lines.len() < count {
            if let ChatEvent::Said { name, text } = self.event().await {
                lines.push((name, text));
            }
        }
        lines
    }

    /// All that is still to be heard, and the goodbye behind it.
    async fn rest(mut self) -> (Vec<ChatEvent>, Goodbye) {
        let mut events: Vec<_> = self.events.drain(..).collect();
        loop {
            let batch = self.batch().await.expect("a goodbye comes before the end");
            events.extend(batch.events);
            if let Some(goodbye) = batch.goodbye {
                assert_eq!(self.batch().await, None, "nothing comes behind a goodbye");
                return (events, goodbye);
            }
        }
    }

    async fn say(&mut self, room: &str, text: &str) -> Result<(), CallError<Refusal>> {
        self.said += 1;
        self.chat.say(room.into(), self.said, text.into()).await
    }
}

fn joined(name: &str) -> ChatEvent {
    ChatEvent::Joined { name: name.into() }
}

fn said(name: &str, text: &str) -> ChatEvent {
    ChatEvent::Said { name: name.into(), text: text.into() }
}

fn left(name: &str, why: house::wire::Leaving) -> ChatEvent {
    ChatEvent::Left { name: name.into(), why }
}

fn declared<T: std::fmt::Debug>(result: Result<T, CallError<Refusal>>) -> Refusal {
    match result {
        Err(CallError::Declared(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}
