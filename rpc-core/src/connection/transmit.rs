//! Bytes on their way to the socket, with large shared pieces left where they are.
//!
//! Filled by the machine, emptied by whoever writes. Knows no frame.

use crate::Payload;
use bytes::Bytes;
use std::collections::VecDeque;
use std::io::IoSlice;

/// A buffer that grew beyond this is given back when it is empty, so that one burst does not stay
/// in memory for the connection's life.
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// A run of bytes with pieces between them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    /// Pieces in order, each with the offset in `bytes` before which it stands.
    pieces: Vec<(usize, Bytes)>,
    shared_bytes: usize,
    /// Slices that are done with. Whoever writes drops them: a slice's last owner may run code of the
    /// user, which has no place inside the machine.
    done: Vec<Bytes>,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() + self.shared_bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a whole message. A small one is copied and its buffer stays with the caller; the
    /// pieces of one that has large pieces are shared.
    pub(super) fn push_payload(&mut self, payload: &mut Payload) {
        if let Some(bytes) = payload.as_slice() {
            self.bytes.extend_from_slice(bytes);
            return;
        }
        for slice in std::mem::take(payload).into_slices() {
            self.push_slice(slice);
        }
    }

    /// Appends the first `len` bytes of `slices`, which are taken from there.
    pub(super) fn push_front_of(&mut self, slices: &mut VecDeque<Bytes>, mut len: usize) {
        while len > 0 {
            let Some(front) = slices.front_mut() else {
                debug_assert!(false, "a message is shorter than it was said to be");
                return;
            };
            let part = front.split_to(front.len().min(len));
            if front.is_empty() {
                slices.pop_front();
            }
            len -= part.len();
            self.push_slice(part);
        }
    }

    fn push_slice(&mut self, slice: Bytes) {
        if slice.len() < Payload::SHARE_FROM_BYTES {
            self.bytes.extend_from_slice(&slice);
            self.done.push(slice);
        } else {
            self.shared_bytes += slice.len();
            self.pieces.push((self.bytes.len(), slice));
        }
    }

    /// Takes slices that nobody sends any more, to be dropped by whoever writes.
    pub(super) fn discard(&mut self, slices: impl IntoIterator<Item = Bytes>) {
        self.done.extend(slices);
    }

    /// Forgets what was to be sent; drops none of it.
    pub(super) fn give_up(&mut self) {
        self.bytes.clear();
        self.done.extend(self.pieces.drain(..).map(|(_, piece)| piece));
        self.shared_bytes = 0;
    }

    /// Gives back the places of pieces, which a connection that sends small messages never needs.
    pub(super) fn rest(&mut self) {
        self.pieces.shrink_to_fit();
        self.done.shrink_to_fit();
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
        self.done.clear();
        self.shared_bytes = 0;
        if self.bytes.capacity() > KEPT_BYTES_MAX {
            self.bytes = Vec::new();
        }
    }
}

/// What is to be written next, in order.
///
/// Filled by [`Connection::transmit`](super::Connection::transmit); written from [`chunks`](Self::chunks), as
/// far as the socket takes it, and moved on with [`advance`](Self::advance). Keep one for the life of the
/// connection: its buffer and the machine's change places, so that neither is allocated again.
#[derive(Debug, Default)]
pub struct Transmit {
    pub(super) batch: Batch,
    /// First byte of `batch.bytes` that is not written.
    at: usize,
    /// First piece that is not wholly written, and how much of it is.
    piece: usize,
    piece_at: usize,
    written: usize,
}

impl Transmit {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes that are not written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batch.len() - self.written
    }

    /// Whether everything is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first run that is not written; empty only when nothing is left.
    #[must_use]
    pub fn chunk(&self) -> &[u8] {
        self.unwritten().next().unwrap_or_default()
    }

    /// Fills `out` from its beginning with what is not written, in order; returns how many of its
    /// slices are filled. 0 only when nothing is left or `out` has no room.
    pub fn chunks<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for chunk in self.unwritten() {
            let Some(slot) = out.get_mut(filled) else {
                break;
            };
            *slot = IoSlice::new(chunk);
            filled += 1;
        }
        filled
    }

    /// Marks the next `written` bytes as written; more than there are counts as all.
    pub fn advance(&mut self, written: usize) {
        let written = written.min(self.len());
        self.written += written;
        if self.is_empty() {
            self.clear();
            return;
        }
        let mut left = written;
        while left > 0 {
            let (next_piece, piece_len) = match self.batch.pieces.get(self.piece) {
                Some((offset, piece)) => (*offset, piece.len()),
                None => (self.batch.bytes.len(), 0),
            };
            let run = (next_piece - self.at).min(left);
            self.at += run;
            left -= run;
            let run = (piece_len - self.piece_at).min(left);
            self.piece_at += run;
            left -= run;
            if self.piece_at == piece_len && self.at == next_piece {
                self.piece += 1;
                self.piece_at = 0;
            }
        }
    }

    /// Forgets what is not written and drops every slice that it holds, which may run code of the user:
    /// call it where that is allowed, before the next [`transmit`](super::Connection::transmit).
    pub fn clear(&mut self) {
        self.batch.clear();
        (self.at, self.piece, self.piece_at, self.written) = (0, 0, 0, 0);
    }

    /// The runs that are not written, none of them empty.
    fn unwritten(&self) -> impl Iterator<Item = &[u8]> {
        let pieces = self.batch.pieces.get(self.piece..).unwrap_or_default();
        let mut at = self.at;
        let mut piece_at = self.piece_at;
        let runs = pieces.iter().flat_map(move |(offset, piece)| {
            let before = self.batch.bytes.get(at..*offset).unwrap_or_default();
            at = *offset;
            let rest = piece.get(std::mem::take(&mut piece_at)..);
            [before, rest.unwrap_or_default()]
        });
        let last = pieces.last().map_or(self.at, |(offset, _)| *offset);
        let tail = self.batch.bytes.get(last..).unwrap_or_default();
        runs.chain([tail]).filter(|run| !run.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> (Transmit, Vec<u8>) {
        let mut transmit = Transmit::new();
        let mut whole = Vec::new();
        for (index, len) in [3, 20_000, 16_384, 5, 17_000].into_iter().enumerate() {
            let byte = u8::try_from(index).unwrap();
            transmit.batch.push_slice(Bytes::from(vec![byte; len]));
            whole.extend(vec![byte; len]);
        }
        (transmit, whole)
    }

    #[test]
    fn every_way_of_writing_gives_the_same_bytes() {
        for step in [1, 2, 3, 4, 7_000, 16_384, 20_003, 100_000] {
            let (mut transmit, whole) = filled();
            let mut written: Vec<u8> = Vec::new();
            while !transmit.is_empty() {
                let mut slices = [IoSlice::new(&[]); 3];
                let filled = transmit.chunks(&mut slices);
                assert!(filled > 0);
                assert!(slices[0].starts_with(transmit.chunk()));
                let runs = slices[..filled].iter().flat_map(|run| run.iter());
                let before = written.len();
                written.extend(runs.take(step));
                let taken = written.len() - before;
                transmit.advance(taken);
                assert_eq!(transmit.len(), whole.len() - written.len());
            }
            assert!(written == whole, "{step}");
        }
    }

    #[test]
    fn an_empty_one_has_no_chunks() {
        let transmit = Transmit::new();
        assert_eq!(transmit.chunks(&mut [IoSlice::new(&[]); 2]), 0);
    }
}
