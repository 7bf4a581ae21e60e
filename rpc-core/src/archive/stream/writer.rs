//! Values and bytes in, finished messages out, to be written by somebody else.

use std::{fmt, mem};

use serde::Serialize;

use super::HEAD_BYTES;
use crate::archive::error::{EncodeError, EncodeErrorKind as Kind};
use crate::archive::limits::DecodeLimits;
use crate::archive::shared::Kept;
use crate::archive::size::measure;
use crate::archive::write::{no_memory, write_sized};

/// Messages on their way out: the finished ones, and the one that is being made.
///
/// Nothing of a message can be seen before [`finish_message`](Self::finish_message).
///
/// ```
/// use rpc_core::archive::stream::MessageWriter;
///
/// let mut writer = MessageWriter::new();
/// writer.value(&0x0102_u16)?;
/// writer.bytes(b"!")?;
/// assert!(writer.finished().is_empty());
/// writer.finish_message();
/// assert_eq!(writer.finished(), b"\0\0\0\x03\x01\x02!");
/// writer.consume(4); // So many bytes were written.
/// assert_eq!(writer.finished(), b"\x01\x02!");
/// # Ok::<(), rpc_core::archive::EncodeError>(())
/// ```
pub struct MessageWriter {
    buffer: Vec<u8>,
    /// How much of the buffer was written.
    written: usize,
    /// Where the message that is being made begins, with its length.
    open: Option<usize>,
    /// Bytes of the length in front of each message: none when there are no messages, only values.
    head_bytes: usize,
    message_bytes_max: usize,
    /// Objects that the message shares.
    shared: Option<Box<Kept>>,
}

/// Counts, not contents: what is stored may be long, and a secret.
impl fmt::Debug for MessageWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageWriter")
            .field("finished_bytes", &self.finished().len())
            .field("message_bytes", &self.message_len())
            .finish_non_exhaustive()
    }
}

impl Default for MessageWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl MessageWriter {
    /// A writer of messages of at most 4 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_buffer(Vec::new())
    }

    /// A writer that uses this buffer, whose content is dropped.
    #[must_use]
    pub fn with_buffer(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        let message_bytes_max = DecodeLimits::default().message_bytes;
        Self {
            buffer,
            written: 0,
            open: None,
            head_bytes: HEAD_BYTES,
            message_bytes_max,
            shared: None,
        }
    }

    /// A writer of values without lengths in front of them; each is finished at once.
    pub(in crate::archive) fn unframed() -> Self {
        Self { head_bytes: 0, ..Self::new() }
    }

    /// Goes on with this buffer, whose content is dropped; what was appended and not written moves to it.
    pub fn use_buffer(&mut self, mut buffer: Vec<u8>) {
        self.forget_written();
        buffer.clear();
        buffer.append(&mut self.buffer);
        self.buffer = buffer;
    }

    /// Sets how many bytes a message may have; never more than its length can say, `u32::MAX`.
    pub fn set_message_bytes_max(&mut self, message_bytes_max: usize) {
        self.message_bytes_max = message_bytes_max;
    }

    /// Appends a value to the message, and begins one where there is none.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the value has no encoding or the message would be longer than its limit;
    /// the message is then as it was before.
    #[inline]
    pub fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.reuse_space();
        let (len, objects) = (self.buffer.len(), Kept::len(self.shared.as_deref()));
        let attempt = Attempt { writer: self, len, objects };
        let appended = attempt.writer.measured(value);
        mem::forget(attempt);
        appended
    }

    #[inline]
    fn measured<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let len = measure(value, &mut self.shared)?;
        self.append(len, |out, shared| write_sized(value, len, shared, out))
    }

    /// Appends bytes to the message as they are, without a count, and begins one where there is none.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the message would be longer than its limit; it is then as it was before.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.reuse_space();
        self.append(bytes.len(), |out, _| {
            out.extend_from_slice(bytes);
            Ok(())
        })
    }

    /// What stands in front of a message of `len` bytes that somebody else writes.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the message would be longer than its limit.
    ///
    /// Spec: `message.length`, `message.limit`.
    pub fn head(&self, len: usize) -> Result<[u8; HEAD_BYTES], EncodeError> {
        match u32::try_from(len) {
            Ok(head) if len <= self.message_bytes_max => Ok(head.to_be_bytes()),
            _ => Err(too_large(len, self.message_bytes_max)),
        }
    }

    /// Whether a message is being made: something was appended since the last one was finished.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// How many bytes the message that is being made has so far, without its length.
    #[must_use]
    pub fn message_len(&self) -> usize {
        self.open.map_or(0, |head| {
            self.buffer.len().saturating_sub(head).saturating_sub(self.head_bytes)
        })
    }

    /// Ends the message that is being made. Where there is none, nothing happens: a message without
    /// bytes is one to which none were appended.
    pub fn finish_message(&mut self) {
        let len = self.message_len();
        self.shared = None;
        let Some(head) = self.open.take() else { return };
        // `append` admits nothing beyond `u32::MAX`.
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        if self.head_bytes == HEAD_BYTES {
            if let Some(place) = self.buffer.get_mut(head..).and_then(<[u8]>::first_chunk_mut) {
                *place = len.to_be_bytes();
            }
        }
    }

    /// Forgets the message that is being made, not those that are finished.
    pub fn discard_message(&mut self) {
        self.shared = None;
        if let Some(head) = self.open.take() {
            self.buffer.truncate(head);
        }
        self.consume(0);
    }

    /// The bytes of finished messages that are still to be written.
    #[must_use]
    pub fn finished(&self) -> &[u8] {
        let end = self.open.unwrap_or(self.buffer.len());
        self.buffer.get(self.written..end).unwrap_or_default()
    }

    /// The first `len` of the [`finished`](Self::finished) bytes were written.
    pub fn consume(&mut self, len: usize) {
        self.written = self.written.saturating_add(len.min(self.finished().len()));
        if self.written == self.buffer.len() {
            self.buffer.clear();
            self.written = 0;
        }
    }

    /// The buffer, emptied, for the next writer. What was not written is dropped.
    #[must_use]
    pub fn into_buffer(mut self) -> Vec<u8> {
        self.buffer.clear();
        self.buffer
    }

    /// Where messages are begun before those in front of them are written, the buffer would grow for ever.
    #[inline]
    fn reuse_space(&mut self) {
        if self.written > self.buffer.len() / 2 {
            self.forget_written();
        }
    }

    /// Gives up the space of what was written.
    #[cold]
    fn forget_written(&mut self) {
        self.buffer.drain(..self.written.min(self.buffer.len()));
        self.open = self.open.map(|head| head.saturating_sub(self.written));
        self.written = 0;
    }

    /// Spec: `message.length`, `message.limit`.
    #[inline]
    fn append(
        &mut self,
        len: usize,
        write: impl FnOnce(&mut Vec<u8>, &mut Option<Box<Kept>>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let whole = self.message_len().saturating_add(len);
        if whole > self.message_bytes_max || u32::try_from(whole).is_err() {
            return Err(too_large(whole, self.message_bytes_max));
        }
        // Ahead of `write`, which would reserve exactly: many small values make one message.
        if self.buffer.try_reserve(len.saturating_add(self.head_bytes)).is_err() {
            return Err(no_memory(len));
        }
        let before = self.buffer.len();
        if self.open.is_none() {
            self.buffer.resize(before.saturating_add(self.head_bytes), 0);
        }
        let appended = write(&mut self.buffer, &mut self.shared);
        match appended {
            Ok(()) => {
                self.open.get_or_insert(before);
            }
            Err(_) => self.buffer.truncate(before),
        }
        appended
    }
}

/// A value on its way into the message. Dropped when the value panics: what it has begun is then taken back.
struct Attempt<'a> {
    writer: &'a mut MessageWriter,
    /// Bytes in the buffer before it.
    len: usize,
    /// Objects that the message shared before it.
    objects: usize,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.writer.buffer.truncate(self.len);
        self.writer.shared = Kept::unknown(self.objects);
    }
}

#[cold]
pub(in crate::archive) fn too_large(len: usize, limit: usize) -> EncodeError {
    EncodeError::new(
        Kind::TooLarge,
        format_args!("the message takes at least {len} bytes, and its limit is {limit}"),
    )
}
