//! Bytes in any cut in, whole messages and their values out.

use std::mem;

use serde::Deserialize;

use super::HEAD_BYTES;
use super::incoming::Incoming;
use super::message::Message;
use crate::archive::error::{DecodeError, DecodeErrorKind as Kind};
use crate::archive::limits::{Allowance, DecodeLimits};
use crate::archive::load::ended;
use crate::archive::message::Decoder;
use crate::archive::reader::Reader;
use crate::archive::shared::Kept;
use crate::archive::source::{SliceSource, Source as _, eof};

/// Messages on their way in: the one that is being read, and what has arrived behind it.
///
/// A message is *at hand* once [`next_message`](Self::next_message) found it whole. A value never lies in two messages.
///
/// ```
/// use rpc_core::archive::{DecodeLimits, stream::MessageReader};
///
/// let mut reader = MessageReader::new(DecodeLimits::default());
/// for byte in *b"\0\0\0\x02\x01\x02" {
///     assert!(!reader.next_message()?);
///     reader.space()[0] = byte; // A stream would be read here.
///     reader.filled(1);
/// }
/// assert!(reader.next_message()?);
/// assert_eq!(reader.value::<u16>()?, 0x0102);
/// assert_eq!(reader.remaining(), 0);
/// reader.end()?;
/// # Ok::<(), rpc_core::archive::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct MessageReader {
    pub(in crate::archive) incoming: Incoming,
    pub(in crate::archive) limits: DecodeLimits,
    /// Bytes of the message at hand.
    len: usize,
    /// How many of them are left; they are the first of those that have come in.
    left: usize,
    allowance: Allowance,
    /// Objects that the message at hand shares.
    shared: Option<Box<Kept>>,
    /// Why the stream cannot be read on.
    failure: Option<DecodeError>,
}

impl MessageReader {
    /// A reader of messages of at most `limits.message_bytes`, whose values stay within `limits`.
    #[must_use]
    pub fn new(limits: DecodeLimits) -> Self {
        Self::with_buffer(Vec::new(), limits)
    }

    /// A reader that uses this buffer, whose content is dropped.
    #[must_use]
    pub fn with_buffer(buffer: Vec<u8>, limits: DecodeLimits) -> Self {
        let incoming = Incoming::default().moved_to(buffer);
        let allowance = Allowance::new(limits);
        Self { incoming, limits, len: 0, left: 0, allowance, shared: None, failure: None }
    }

    /// Goes on with this buffer, whose content is dropped; what has come in moves to it.
    pub fn use_buffer(&mut self, buffer: Vec<u8>) {
        self.incoming = mem::take(&mut self.incoming).moved_to(buffer);
    }

    /// Sets the limits of the messages that are not at hand yet.
    pub fn set_limits(&mut self, limits: DecodeLimits) {
        self.limits = limits;
    }

    /// Space for the bytes that come next, never empty. At most 64 KiB are reserved ahead of what has arrived.
    pub fn space(&mut self) -> &mut [u8] {
        let wanted = self.wanted();
        self.incoming.space(wanted)
    }

    /// `len` bytes were written to the front of the [`space`](Self::space).
    pub fn filled(&mut self, len: usize) {
        self.incoming.filled(len);
    }

    /// Takes the next message at hand; what was left of the one before is passed over. `false` when
    /// its bytes have not all arrived.
    ///
    /// # Errors
    ///
    /// [`Message`](Kind::Message) when it is longer than the limit, as soon as its length has arrived.
    /// Nothing can be read after that: every later call tells it again.
    ///
    /// Spec: `message.length`, `message.limit`.
    pub fn next_message(&mut self) -> Result<bool, DecodeError> {
        self.pass_over();
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let Some(len) = self.announced() else { return Ok(false) };
        if len > self.limits.message_bytes {
            return Err(self.fail(too_long(len, self.limits.message_bytes)));
        }
        if self.incoming.len() < len.saturating_add(HEAD_BYTES) {
            return Ok(false);
        }
        self.incoming.consume(HEAD_BYTES);
        (self.len, self.left) = (len, len);
        self.allowance = Allowance::new(self.limits);
        self.shared = None;
        Ok(true)
    }

    /// How many bytes of the message at hand are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.left
    }

    /// Whether bytes have arrived that belong to no message at hand.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.incoming.len() > self.left
    }

    /// How many bytes have come in and are not read, those of the message at hand included.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.incoming.len()
    }

    /// How many bytes the message behind the one at hand has, once its length has come.
    ///
    /// Spec: `message.length`.
    #[must_use]
    pub fn next_len(&self) -> Option<usize> {
        self.announced()
    }

    /// The error of somebody who wants another value when the stream has ended.
    #[must_use]
    pub fn ended(&self) -> DecodeError {
        ended()
    }

    /// The next value of the message at hand; it may borrow from the message.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the bytes are not a `T` or exceed the limits. The rest of the message is then
    /// passed over; the next one is not touched. Never panics, whatever the bytes are, unless `T` itself does.
    pub fn value<'de, T: Deserialize<'de>>(&'de mut self) -> Result<T, DecodeError> {
        let Self { incoming: Incoming { bytes, start, .. }, len, left, allowance, shared, .. } =
            self;
        let rest: &'de [u8] =
            bytes.get(*start..).and_then(|rest| rest.get(..*left)).unwrap_or_default();
        let source = SliceSource::part(rest, *len);
        // Passed over, unless all goes well: `T` may panic.
        let end = start.saturating_add(mem::take(left));
        *start = end;
        let known = Kept::len(shared.as_deref());
        let mut reader = Reader::resume(source, *allowance, shared.take());
        let value = reader.value();
        let after = if value.is_ok() { reader.source.remaining() } else { 0 };
        (*start, *left) = (end.saturating_sub(after), after);
        *allowance = reader.allowance;
        let objects = reader.shared.settle(known, value.is_err());
        // Nothing that is left can refer to them.
        *shared = objects.filter(|_| after > 0);
        value
    }

    /// The next bytes of the message at hand as they are: as many as `buffer` takes, or as are left.
    pub fn bytes_up_to(&mut self, buffer: &mut [u8]) -> usize {
        let len = buffer.len().min(self.left);
        let len = self.incoming.take(buffer.get_mut(..len).unwrap_or_default());
        self.left = self.left.saturating_sub(len);
        len
    }

    /// The next bytes of the message at hand as they are: exactly as many as `buffer` takes.
    ///
    /// # Errors
    ///
    /// [`Eof`](Kind::Eof) when fewer are left; they are then passed over.
    pub fn bytes_exact(&mut self, buffer: &mut [u8]) -> Result<(), DecodeError> {
        if buffer.len() <= self.left {
            self.bytes_up_to(buffer);
            return Ok(());
        }
        let offset = self.len.saturating_sub(self.left) as u64;
        let error = eof(buffer.len(), self.left, offset);
        self.pass_over();
        Err(error)
    }

    /// The message at hand, or what is left of it; it counts as read.
    pub fn message(&mut self) -> Message<'_> {
        let Self { incoming, len, left, allowance, shared, .. } = self;
        let Incoming { bytes, start, .. } = incoming;
        let rest = bytes.get(*start..).and_then(|rest| rest.get(..*left)).unwrap_or_default();
        *start = start.saturating_add(*left);
        *left = 0;
        let source = SliceSource::part(rest, *len);
        Message(Decoder::resume(source, *allowance, shared.take()))
    }

    /// The stream has ended. Whole messages that have come in can still be read; ask again after the last.
    ///
    /// # Errors
    ///
    /// [`Truncated`](Kind::Truncated) when it ended inside the message behind the one at hand.
    ///
    /// Spec: `message.end`.
    pub fn end(&mut self) -> Result<(), DecodeError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let arrived = self.incoming.len().saturating_sub(self.left);
        if arrived == 0 || self.wanted() == 0 {
            return Ok(());
        }
        Err(self.fail(truncated(arrived)))
    }

    /// All bytes that were not read, those of the message at hand first. Of a message that is at
    /// hand in part, they begin in its middle.
    #[must_use]
    pub fn into_unread(self) -> Vec<u8> {
        self.incoming.into_unread()
    }

    /// How many bytes must arrive before the next message is whole, as far as is known.
    fn wanted(&self) -> usize {
        let arrived = self.incoming.len().saturating_sub(self.left);
        let whole = self.announced().map_or(HEAD_BYTES, |len| len.saturating_add(HEAD_BYTES));
        whole.saturating_sub(arrived)
    }

    /// The length of the message behind the one at hand.
    fn announced(&self) -> Option<usize> {
        let head = self.incoming.unread().get(self.left..)?.first_chunk()?;
        usize::try_from(u32::from_be_bytes(*head)).ok()
    }

    fn pass_over(&mut self) {
        self.incoming.consume(self.left);
        self.left = 0;
    }

    #[cold]
    fn fail(&mut self, failure: DecodeError) -> DecodeError {
        self.failure = Some(failure.clone());
        failure
    }
}

#[cold]
fn too_long(len: usize, limit: usize) -> DecodeError {
    let what = format!("a message of {len} bytes is announced, and its limit is {limit},");
    DecodeError::new(Kind::Message, what, 0)
}

#[cold]
fn truncated(arrived: usize) -> DecodeError {
    let what = format!("the stream ends inside a message, of which {arrived} bytes had come,");
    DecodeError::new(Kind::Truncated, what, arrived.saturating_sub(HEAD_BYTES) as u64)
}
