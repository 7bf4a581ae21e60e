//! The calls of the peer: which of them run here, and how far they have come.
//!
//! Bounded by this side's limit of calls; what a peer may choose is only the keys. Knows no bytes.

use super::clock::NEVER;
use super::deadlines::Deadlines;
use crate::{CallId, Time};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// How far a call of the peer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its message comes in fragments and is not whole.
    Gathering,
    /// Its handler runs.
    Running,
    /// Its handler runs, and the peer has cancelled it.
    Cancelled,
    /// Its result waits in the outbox for its turns.
    Replying,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    stage: Stage,
    streams: bool,
    deadline: Time,
}

/// The table.
#[derive(Debug)]
pub(super) struct Owed {
    calls: HashMap<CallId, Entry, IdHash>,
    /// How many of them are streaming calls; a message that is not whole counts as unary.
    streams: usize,
    last: CallId,
    accepted: CallId,
    pub(super) deadlines: Deadlines,
}

impl Owed {
    pub(super) fn new() -> Self {
        Self {
            calls: HashMap::with_hasher(IdHash::random()),
            streams: 0,
            last: CallId::CONNECTION,
            accepted: CallId::CONNECTION,
            deadlines: Deadlines::new(),
        }
    }

    /// The id of the last REQUEST that came; 0 = none.
    pub(super) const fn last(&self) -> CallId {
        self.last
    }

    /// A REQUEST with this id has come.
    pub(super) const fn saw(&mut self, id: CallId) {
        self.last = id;
    }

    /// The last call that got or will get a RESPONSE; 0 = none.
    pub(super) const fn accepted(&self) -> CallId {
        self.accepted
    }

    /// This call gets a RESPONSE, whatever it says.
    pub(super) const fn accept(&mut self, id: CallId) {
        self.accepted = id;
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Gives an empty table back.
    pub(super) fn shrink(&mut self) {
        if self.calls.is_empty() {
            self.calls.shrink_to_fit();
            self.deadlines = Deadlines::new();
        }
    }

    /// Streaming calls among them.
    pub(super) const fn streams(&self) -> usize {
        self.streams
    }

    /// Unary calls among them, and those of which it is not known yet.
    pub(super) fn unary(&self) -> usize {
        self.calls.len() - self.streams
    }

    /// Takes a call up.
    pub(super) fn insert(&mut self, id: CallId, stage: Stage, deadline: Option<Time>) {
        let deadline = deadline.unwrap_or(NEVER);
        self.deadlines.note(deadline);
        self.accepted = id;
        self.calls.insert(id, Entry { stage, streams: false, deadline });
    }

    pub(super) fn stage(&self, id: CallId) -> Option<Stage> {
        self.calls.get(&id).map(|entry| entry.stage)
    }

    /// How far a call has come, and whether it is a streaming call.
    pub(super) fn find(&self, id: CallId) -> Option<(Stage, bool)> {
        self.calls.get(&id).map(|entry| (entry.stage, entry.streams))
    }

    /// An open call turns out to be a streaming call.
    pub(super) fn stream(&mut self, id: CallId) {
        if let Some(entry) = self.calls.get_mut(&id) {
            entry.streams = true;
            self.streams += 1;
        }
    }

    pub(super) fn deadline(&self, id: CallId) -> Option<Time> {
        let deadline = self.calls.get(&id)?.deadline;
        (deadline != NEVER).then_some(deadline)
    }

    /// Moves an open call on.
    pub(super) fn enter(&mut self, id: CallId, stage: Stage) {
        if let Some(entry) = self.calls.get_mut(&id) {
            entry.stage = stage;
            if stage == Stage::Replying {
                entry.deadline = NEVER;
            }
        }
    }

    /// The call is answered. Returns whether it was a streaming call.
    pub(super) fn remove(&mut self, id: CallId) -> bool {
        let streams = self.calls.remove(&id).is_some_and(|entry| entry.streams);
        self.streams -= usize::from(streams);
        streams
    }

    /// The next call whose deadline has passed while its message came or its handler ran. Told once.
    pub(super) fn expire(&mut self, now: Time) -> Option<(CallId, Stage)> {
        if self.deadlines.is_due(now) {
            let deadlines = self.calls.iter().map(|(id, entry)| (*id, entry.deadline));
            self.deadlines.sweep(now, deadlines);
        }
        while let Some(id) = self.deadlines.pop() {
            let Some(entry) = self.calls.get_mut(&id) else {
                continue;
            };
            // The id may name a later call that has its own deadline.
            if entry.deadline <= now {
                entry.deadline = NEVER;
                return Some((id, entry.stage));
            }
        }
        None
    }
}

/// Hashes one call id with one multiplication; the seed keeps a peer from choosing ids that collide.
#[derive(Clone, Debug)]
pub(super) struct IdHash {
    seed: u64,
}

impl IdHash {
    pub(super) fn random() -> Self {
        Self { seed: RandomState::new().hash_one(0) | 1 }
    }
}

impl BuildHasher for IdHash {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher { seed: self.seed, hash: 0 }
    }
}

/// One id on its way to its hash.
#[derive(Debug)]
pub(super) struct IdHasher {
    seed: u64,
    hash: u64,
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, id: u32) {
        let mixed = (self.hash ^ u64::from(id)).wrapping_mul(self.seed);
        // The table looks at the lowest bits and the highest ones; a product mixes only upwards.
        self.hash = mixed ^ mixed.rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}
