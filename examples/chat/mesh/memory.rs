//! What a node has seen: each word once, in an order of its own, from which it tells the others.

use super::wire::{Seen, Word};
use std::collections::{HashMap, VecDeque};

/// Words that are remembered for those who come later.
const WORDS: usize = 1_000;
/// Speakers that are told apart. The one who has been silent longest is forgotten first.
const SPEAKERS: usize = 1_024;
/// Words in one message. With texts of 8 KiB they stay below the limit of a message.
const BATCH: usize = 100;

/// How far somebody has seen the words of each speaker.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    /// The next number, and when it was last moved.
    next: HashMap<u64, (u64, u64)>,
    moves: u64,
}

impl Marks {
    /// Whether this word is a new one; from now on it is none.
    pub(super) fn mark(&mut self, from: u64, number: u64) -> bool {
        self.moves += 1;
        let seen = self.next.entry(from).or_insert((0, self.moves));
        if number < seen.0 {
            return false;
        }
        *seen = (number.saturating_add(1), self.moves);
        if self.next.len() > SPEAKERS {
            let silent = self.next.iter().min_by_key(|(_, (_, moved))| *moved).map(|(id, _)| *id);
            silent.map(|id| self.next.remove(&id));
        }
        true
    }

    fn has(&self, word: &Word) -> bool {
        self.next.get(&word.from).is_some_and(|(next, _)| word.number < *next)
    }

    pub(super) fn list(&self) -> Vec<Seen> {
        self.next.iter().map(|(from, (next, _))| Seen { from: *from, next: *next }).collect()
    }
}

impl FromIterator<Seen> for Marks {
    fn from_iter<I: IntoIterator<Item = Seen>>(seen: I) -> Self {
        let mut marks = Self::default();
        for Seen { from, next } in seen {
            if let Some(last) = next.checked_sub(1) {
                marks.mark(from, last);
            }
        }
        marks
    }
}

/// All that a node has seen.
#[derive(Debug, Default)]
pub(super) struct Memory {
    words: VecDeque<Word>,
    /// How many words were forgotten.
    first: u64,
    pub(super) marks: Marks,
    /// Words that came again.
    pub(super) again: u64,
}

impl Memory {
    /// Takes a word in, unless it was seen before.
    pub(super) fn take(&mut self, word: Word) {
        if !self.marks.mark(word.from, word.number) {
            self.again += 1;
            return;
        }
        self.words.push_back(word);
        if self.words.len() > WORDS {
            self.words.pop_front();
            self.first += 1;
        }
    }

    /// How many words were seen.
    pub(super) fn end(&self) -> u64 {
        self.first + self.words.len() as u64
    }

    /// Some words from this place on that are not in `marks`, and the place behind them.
    pub(super) fn since(&self, place: u64, marks: &Marks) -> (Vec<Word>, u64) {
        let mut place = place.max(self.first);
        let mut words = Vec::new();
        let skipped = usize::try_from(place - self.first).unwrap_or(usize::MAX);
        for word in self.words.iter().skip(skipped) {
            if words.len() == BATCH {
                break;
            }
            place += 1;
            if !marks.has(word) {
                words.push(word.clone());
            }
        }
        (words, place)
    }
}
