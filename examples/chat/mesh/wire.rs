//! What the nodes of a mesh say to each other. Both ends of a connection serve it, and both call it.

use hton::{Context, Status};

#[hton::service]
pub(crate) trait Node {
    /// The first call over a connection, by whoever opened it: who one is, and what one has seen already.
    async fn meet(&self, cx: &Context, card: Card, seen: Vec<Seen>) -> Result<Welcome, Status>;

    /// Something was said, somewhere in the mesh. Each speaker's words come in the order of their numbers.
    async fn hear(&self, words: Vec<Word>);
}

/// A node.
#[hton::data]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Card {
    /// Drawn when the node starts: one that comes back is another one.
    pub(crate) id: u64,
    pub(crate) name: String,
    /// Where it listens.
    pub(crate) address: String,
}

/// Something that was said.
#[hton::data]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// The id of the node where it was said.
    pub(crate) from: u64,
    /// How many that node said before it.
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Of this node the words up to this number have been seen.
#[hton::data]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) from: u64,
    pub(crate) next: u64,
}

/// The answer of a node that was met.
#[hton::data]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Welcome {
    pub(crate) card: Card,
    pub(crate) seen: Vec<Seen>,
    /// The others that it knows.
    pub(crate) others: Vec<Card>,
}
