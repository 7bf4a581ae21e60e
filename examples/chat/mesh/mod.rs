//! A chat without a server: every node serves and calls, over the same connections.
//!
//! A node needs one address to begin with. Whoever is met there tells of the others, and the newcomer meets
//! them, too. What is said goes to all neighbours, and from them on; each node takes a word in once. A word
//! that was said while a connection was down goes over the next one: nodes that meet tell each other how
//! far they have seen, and begin there.

mod link;
mod memory;
mod seek;
mod wire;

use crate::commands::{Typing, help};
use crate::rooms::random;
use crate::screen::{Screen, Typed};
use hton::{Context, Peer, Server, Status};
use link::{Link, told};
use memory::{Marks, Memory};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;
use wire::{Card, Node, NodeServer, Seen, Welcome, Word};

/// Longest text that may be said at once.
const TEXT_BYTES: usize = 8 * 1024;
/// Nodes that are known at once.
const NODES: usize = 64;
/// How long the last words may take to reach the neighbours.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// One node of the mesh.
pub(crate) struct Mesh {
    me: Card,
    screen: Screen,
    memory: Mutex<Memory>,
    links: Mutex<Links>,
    /// Rings when a word was taken in, when a link comes or goes, and when the node leaves.
    news: watch::Sender<()>,
}

#[derive(Default)]
struct Links {
    open: BTreeMap<u64, Link>,
    next: u64,
    /// Addresses that are met, or looked for.
    sought: HashSet<String>,
    is_leaving: bool,
}

/// What one connection is served.
pub(super) struct Desk {
    mesh: Arc<Mesh>,
    /// What the other end has seen.
    marks: Arc<Mutex<Marks>>,
}

impl Desk {
    fn new(mesh: &Arc<Mesh>) -> Self {
        Self { mesh: Arc::clone(mesh), marks: Arc::default() }
    }
}

impl Node for Desk {
    async fn meet(&self, cx: &Context, card: Card, seen: Vec<Seen>) -> Result<Welcome, Status> {
        let mesh = &self.mesh;
        if card.id == mesh.me.id {
            return Err(Status::already_exists("that is me"));
        }
        if mesh.links().open.len() >= NODES {
            return Err(Status::resource_exhausted("there are too many of us"));
        }
        *self.marks.lock().unwrap_or_else(PoisonError::into_inner) = seen.into_iter().collect();
        // The others are listed before the newcomer is: of two who come at once, one hears of the other.
        let others = mesh.others();
        let number = mesh.enter(card.clone(), cx.peer());
        mesh.seek(card.address, false);
        let (mesh, marks, peer) = (Arc::clone(mesh), Arc::clone(&self.marks), cx.peer());
        let welcome = Welcome { card: mesh.me.clone(), seen: mesh.seen(), others };
        tokio::spawn(async move { mesh.keep(number, &peer, &marks).await });
        Ok(welcome)
    }

    async fn hear(&self, words: Vec<Word>) {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        for word in &words {
            marks.mark(word.from, word.number);
        }
        drop(marks);
        let mut memory = self.mesh.memory();
        words.into_iter().for_each(|word| memory.take(word));
        drop(memory);
        self.mesh.news.send_replace(());
    }
}

/// Chats until the input ends, `/quit` or Ctrl-C.
pub(crate) async fn chat(
    listen: &str,
    name: String,
    known: Vec<String>,
    screen: Screen,
    typed: Typed,
) -> Result<(), hton::Error> {
    let bound = Server::bind(listen).await?;
    let address = bound.local_addr().to_string();
    let mesh = Mesh::new(Card { id: random(), name, address }, screen);
    let server = bound.serve_with({
        let mesh = Arc::clone(&mesh);
        move |_| NodeServer::new(Desk::new(&mesh))
    })?;
    mesh.screen.note(&format!("listening on {}", mesh.me.address));
    known.into_iter().for_each(|address| mesh.seek(address, true));
    let showing = tokio::spawn(Arc::clone(&mesh).show());
    mesh.read(typed).await;
    mesh.leave().await;
    server.drain().await;
    // It ends when it has shown all.
    let _ = showing.await;
    mesh.screen.note(&mesh.summary());
    Ok(())
}

impl Mesh {
    fn new(me: Card, screen: Screen) -> Arc<Self> {
        let (memory, links, news) = (Mutex::default(), Mutex::default(), watch::Sender::new(()));
        Arc::new(Self { me, screen, memory, links, news })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> Vec<Seen> {
        self.memory().marks.list()
    }

    fn others(&self) -> Vec<Card> {
        self.links().open.values().map(|link| link.card.clone()).collect()
    }

    /// A new link. Its number tells it apart from another one to the same node.
    fn enter(&self, card: Card, peer: Peer) -> u64 {
        let mut links = self.links();
        let is_new = links.open.values().all(|link| link.card.id != card.id);
        let name = card.name.clone();
        let number = links.next;
        links.next += 1;
        links.open.insert(number, Link { card, peer });
        drop(links);
        if is_new {
            self.screen.note(&format!("{name} is here"));
        }
        self.news.send_replace(());
        number
    }

    /// A link that has ended.
    fn exit(&self, number: u64, how: &str) {
        let mut links = self.links();
        let Some(link) = links.open.remove(&number) else { return };
        // Whoever leaves need not be told that everybody else is gone.
        let is_gone = links.open.values().all(|other| other.card.id != link.card.id);
        let is_news = is_gone && !links.is_leaving;
        drop(links);
        if is_news {
            self.screen.note(&format!("{} {how}", link.card.name));
        }
        self.news.send_replace(());
    }

    /// Says what is typed, and does what is commanded.
    async fn read(self: &Arc<Self>, mut typed: Typed) {
        let mut number = 0;
        loop {
            let text = tokio::select! {
                text = typed.recv() => text,
                _ = tokio::signal::ctrl_c() => None,
            };
            match text.map_or(Typing::Quit, Typing::parse) {
                Typing::Quit => return,
                Typing::Text(text) if text.trim().is_empty() => {}
                Typing::Text(text) if text.len() > TEXT_BYTES => {
                    self.screen.warn(&format!("not said: a text has 1 to {TEXT_BYTES} bytes"));
                }
                Typing::Text(text) => {
                    let name = self.me.name.clone();
                    self.memory().take(Word { from: self.me.id, number, name, text });
                    number += 1;
                    self.news.send_replace(());
                }
                Typing::Help => help().for_each(|line| self.screen.note(&line)),
                Typing::Stats => self.screen.note(&self.summary()),
                Typing::Who => {
                    let mut names: Vec<_> = self.others().into_iter().map(|o| o.name).collect();
                    names.push(self.me.name.clone());
                    names.sort();
                    names.dedup();
                    self.screen.note(&format!("{}: {}", names.len(), names.join(", ")));
                }
                Typing::Join(_) | Typing::Rooms => self.screen.note("a mesh is one room"),
                Typing::Unknown(text) => {
                    self.screen.warn(&format!("{text} is no command; /help tells what is"));
                }
            }
        }
    }

    fn summary(&self) -> String {
        let links = self.links().open.len();
        let memory = self.memory();
        format!("links {links}, lines {}, came again {}", memory.end(), memory.again)
    }

    /// Shows all that is said. The screen reads the memory as a neighbour does.
    async fn show(self: Arc<Self>) {
        let (mut place, nothing) = (0, Marks::default());
        let mut news = self.news.subscribe();
        loop {
            news.borrow_and_update();
            let is_leaving = self.links().is_leaving;
            let (words, next) = self.memory().since(place, &nothing);
            let missed = next - place - words.len() as u64;
            place = next;
            if missed > 0 {
                self.screen.warn(&format!("{missed} lines were too many to be shown"));
            }
            for word in &words {
                if word.from != self.me.id || !self.screen.echoes() {
                    self.screen.said(&word.name, &word.text);
                }
            }
            if words.is_empty() {
                if is_leaving && self.links().open.is_empty() {
                    return;
                }
                // The sender is in the mesh.
                let _ = news.changed().await;
            }
        }
    }

    /// Lets the neighbours hear the last words, and closes the connections.
    async fn leave(&self) {
        self.links().is_leaving = true;
        self.news.send_replace(());
        let mut news = self.news.subscribe();
        let gone = async {
            while !self.links().open.is_empty() {
                let _ = news.changed().await;
            }
        };
        if timeout(LAST_WORDS, gone).await.is_err() {
            self.screen.warn("not everybody has heard the last words");
            let late: Vec<u64> = self.links().open.keys().copied().collect();
            late.into_iter().for_each(|number| self.exit(number, "does not answer"));
        }
    }

    /// Tells a neighbour all that it has not seen, until one of the two leaves.
    async fn keep(&self, number: u64, peer: &Peer, marks: &Mutex<Marks>) {
        let how = told(self, peer, marks).await;
        peer.close();
        self.exit(number, how);
    }
}
