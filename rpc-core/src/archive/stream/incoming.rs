//! Bytes that have arrived and are not used yet, in a buffer that is used again and again.

use std::fmt;

/// Bytes for which space is taken before they have arrived.
///
/// Spec: `message.reserve`.
pub(in crate::archive) const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// Space that is taken when nothing is known of what comes.
const SPACE_BYTES: usize = 8 * 1024;

/// A run of unread bytes inside a buffer; before it what was read, behind it space for more.
#[derive(Default)]
pub(in crate::archive) struct Incoming {
    /// All initialised, so that a reader may write into the space.
    pub(super) bytes: Vec<u8>,
    pub(super) start: usize,
    end: usize,
}

/// A count, no content: what has arrived may be long, and a secret.
impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("bytes", &self.len()).finish_non_exhaustive()
    }
}

impl Incoming {
    /// The same bytes in this buffer, whose content is dropped.
    pub(super) fn moved_to(self, mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        bytes.extend_from_slice(self.unread());
        let end = bytes.len();
        bytes.resize(bytes.capacity(), 0);
        Self { bytes, start: 0, end }
    }

    pub(in crate::archive) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    pub(in crate::archive) fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Moves the first unread bytes to `buffer`, as many as there are and it takes.
    pub(in crate::archive) fn take(&mut self, buffer: &mut [u8]) -> usize {
        let len = buffer.len().min(self.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), self.unread().get(..len)) {
            to.copy_from_slice(from);
        }
        self.consume(len);
        len
    }

    /// The first `len` unread bytes were used.
    pub(in crate::archive) fn consume(&mut self, len: usize) {
        self.start = self.start.saturating_add(len).min(self.end);
    }

    /// Space for bytes to come, of which `wanted` are needed. There may be more or less of it, but some.
    pub(in crate::archive) fn space(&mut self, wanted: usize) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let wanted = wanted.clamp(1, AHEAD_BYTES_MAX);
        let room = self.bytes.len().saturating_sub(self.end);
        if self.start > 0 && room < wanted.max(self.bytes.len() / 2) {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end = self.len();
            self.start = 0;
        }
        let needed = self.end.saturating_add(wanted);
        if self.bytes.len() < needed {
            let len = needed.max(SPACE_BYTES);
            self.bytes.reserve_exact(len.saturating_sub(self.bytes.len()));
            self.bytes.resize(len, 0);
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// `len` bytes were written into the space.
    pub(in crate::archive) fn filled(&mut self, len: usize) {
        self.end = self.end.saturating_add(len).min(self.bytes.len());
    }

    pub(in crate::archive) fn into_unread(mut self) -> Vec<u8> {
        self.bytes.truncate(self.end);
        self.bytes.drain(..self.start);
        self.bytes
    }
}
