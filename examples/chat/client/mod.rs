//! Somebody who chats through a server: joins, says, hears, and comes back when the connection is lost.

mod asking;
mod outbox;

use crate::commands::{Typing, help};
use crate::rooms::random;
use crate::rooms::wire::{Batch, ChatClient, ChatEvent, Goodbye, Guest, Leaving, Place, Refusal};
use crate::screen::{Screen, Typed};
use hton::{Backoff, CallError, Peer, Streaming};
use outbox::Outbox;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long everything may take that is still to be done when somebody quits.
const LEAVING: Duration = Duration::from_secs(10);
/// After how long one is told that there is nobody.
const NOBODY: Duration = Duration::from_secs(1);

/// Somebody who chats.
pub(crate) struct Client {
    peer: Peer,
    chat: ChatClient,
    screen: Screen,
    address: String,
    me: Guest,
    room: String,
    /// How far everything was shown; `None` = nothing of this room.
    place: Option<Place>,
    outbox: Outbox,
    asking: JoinSet<()>,
}

/// What comes after a seat.
enum Next {
    /// Another one, in the same room or in the one that was chosen.
    Join,
    /// Nothing, for a good reason or a bad one.
    End(Result<(), String>),
}

/// What a room tells.
type News = Streaming<Batch, Refusal>;

impl Client {
    /// Connects when it first joins. A server that is not there is looked for so long.
    pub(crate) fn new(
        address: String,
        name: String,
        room: String,
        patience: Duration,
        screen: Screen,
    ) -> Result<Self, hton::Error> {
        let backoff = Backoff::default().longest(Duration::from_secs(2)).give_up_after(patience);
        let peer = hton::connect(address.as_str()).retry(backoff).reconnecting().lazy()?;
        let chat = ChatClient::new(&peer);
        let me = Guest { name, key: random() };
        let (outbox, asking) = (Outbox::default(), JoinSet::new());
        Ok(Self { peer, chat, screen, address, me, room, place: None, outbox, asking })
    }

    /// Chats until the input ends, `/quit`, Ctrl-C, or the server's goodbye.
    ///
    /// # Errors
    ///
    /// Why it ended otherwise, in a sentence.
    pub(crate) async fn run(mut self, mut typed: Typed) -> Result<(), String> {
        let end = loop {
            let news = self.chat.join(self.room.clone(), self.me.clone(), self.place);
            match self.sit(news, &mut typed).await {
                Next::Join => {}
                Next::End(end) => break end,
            }
        };
        while self.asking.join_next().await.is_some() {}
        if let Some(unsaid) = self.outbox.unsaid() {
            self.screen.warn(&format!("{unsaid} of your lines may not have been said"));
        }
        self.peer.close();
        // What was said and heard is complete; nobody has to wait for a server that does not answer.
        let _ = timeout(Duration::from_secs(1), self.peer.closed()).await;
        end
    }

    /// Takes a seat, and keeps it until there is a reason not to.
    async fn sit(&mut self, mut news: News, typed: &mut Typed) -> Next {
        let (mut is_here, mut nobody) = (false, Box::pin(sleep(NOBODY)));
        self.outbox.pause();
        loop {
            let overdue = self.outbox.overdue();
            tokio::select! {
                heard = news.recv() => match heard {
                    Ok(Some(batch)) => {
                        let goodbye = batch.goodbye;
                        self.hear(batch, !is_here);
                        is_here = true;
                        self.outbox.resume();
                        if let Some(next) = goodbye.and_then(|goodbye| self.part(goodbye)) {
                            return next;
                        }
                    }
                    Ok(None) => return self.lost("the server has ended the room"),
                    Err(CallError::Declared(refusal)) => return self.refused(refusal, is_here),
                    Err(error) if is_here => return self.lost(error.message()),
                    Err(error) => return Next::End(Err(format!("no chat: {}", error.message()))),
                },
                said = self.outbox.done(), if self.outbox.is_busy() => self.was_said(said),
                text = typed.recv(), if self.listens(is_here) => self.take(text),
                _ = tokio::signal::ctrl_c(), if !self.outbox.is_leaving() => self.take(None),
                Some(_) = self.asking.join_next(), if !self.asking.is_empty() => {}
                () = &mut nobody, if !is_here && !nobody.is_elapsed() => {
                    self.screen.note(&format!("looking for the server at {} …", self.address));
                }
                () = overdue => return Next::End(Err("there was no time for a goodbye".into())),
            }
            self.outbox.go_on(&self.chat, &self.room);
        }
    }

    /// Shows a batch. The first one of a seat holds what was missed.
    fn hear(&mut self, batch: Batch, is_first: bool) {
        let Batch { events, next, .. } = batch;
        let begins = next.offset.saturating_sub(events.len() as u64);
        if let (true, Some(place)) = (is_first, self.place) {
            if place.run != next.run {
                self.screen.note("back; the server is a new one and remembers nothing of before");
            } else if place.offset < begins {
                let forgotten = begins - place.offset;
                self.screen
                    .note(&format!("back; {forgotten} events were too many to be remembered"));
            } else {
                self.screen.note(&format!("back; events while you were away: {}", events.len()));
            }
        }
        self.place = Some(next);
        for event in events {
            match event {
                ChatEvent::Joined { name } if name == self.me.name => {
                    self.screen.note(&format!("you are in {}", self.room));
                }
                ChatEvent::Joined { name } => self.screen.note(&format!("{name} is here")),
                ChatEvent::Left { name, why } => {
                    let how = match why {
                        Leaving::Quit => "has left",
                        Leaving::Lost => "is gone: the connection was lost",
                        Leaving::TooSlow => "was dropped: too slow",
                    };
                    self.screen.note(&format!("{name} {how}"));
                }
                ChatEvent::Said { name, text } => {
                    let stands_there = name == self.me.name && self.screen.echoes() && !is_first;
                    if !stands_there {
                        self.screen.said(&name, &text);
                    }
                }
            }
        }
    }

    /// What the server's goodbye means.
    fn part(&mut self, goodbye: Goodbye) -> Option<Next> {
        match goodbye {
            Goodbye::Left => Some(match self.outbox.destination() {
                Some(room) => {
                    (self.room, self.place) = (room, None);
                    Next::Join
                }
                None => Next::End(Ok(())),
            }),
            Goodbye::TooSlow { .. } => {
                self.screen.warn(&format!("dropped: {goodbye}; joining again"));
                Some(Next::Join)
            }
            Goodbye::Replaced => {
                Some(Next::End(Err("you came back over another connection".into())))
            }
            Goodbye::Closing => {
                self.screen.note(&goodbye.to_string());
                Some(Next::End(Ok(())))
            }
        }
    }

    fn lost(&self, why: &str) -> Next {
        if self.outbox.is_leaving() && self.outbox.destination_is_none() {
            return Next::End(Err(format!("the connection was lost on leaving: {why}")));
        }
        self.screen.warn(&format!("the connection is lost: {why}"));
        Next::Join
    }

    fn refused(&self, refusal: Refusal, is_here: bool) -> Next {
        match refusal {
            Refusal::Closing if is_here => Next::End(Ok(())),
            refusal => Next::End(Err(format!("no place in {}: {refusal}", self.room))),
        }
    }

    fn was_said(&mut self, said: Result<(), CallError<Refusal>>) {
        match said {
            Ok(()) => self.outbox.said(),
            Err(CallError::Declared(Refusal::NotHere)) => self.outbox.pause(),
            Err(CallError::Declared(refusal)) => {
                self.outbox.said();
                self.screen.warn(&format!("not said: {refusal}"));
            }
            // It is said again after the next join; its number keeps it from being said twice.
            Err(_) => self.outbox.pause(),
        }
    }

    /// Whether to take what is typed. A terminal may always type; lines of a file or a pipe wait until what
    /// was before them is done.
    fn listens(&self, is_here: bool) -> bool {
        let is_done = is_here && self.outbox.is_idle() && self.asking.is_empty();
        !self.outbox.is_leaving() && (is_done || self.screen.echoes())
    }

    /// Does what was typed.
    fn take(&mut self, text: Option<String>) {
        match text.map_or(Typing::Quit, Typing::parse) {
            Typing::Text(text) if text.trim().is_empty() => {}
            Typing::Text(text) => self.outbox.say(text),
            Typing::Join(room) if room == self.room => self.screen.note("you are there"),
            Typing::Join(room) => self.outbox.leave(Some(room), LEAVING),
            Typing::Quit => self.outbox.leave(None, LEAVING),
            Typing::Help => help().for_each(|line| self.screen.note(&line)),
            Typing::Unknown(text) => {
                self.screen.warn(&format!("{text} is no command; /help tells what is"));
            }
            Typing::Rooms => self.ask_rooms(),
            Typing::Stats => self.ask_stats(),
            Typing::Who => self.ask_who(),
        }
    }
}
