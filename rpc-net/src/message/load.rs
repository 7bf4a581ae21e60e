//! Messages on their way in over an async stream.

use super::ReadHalf;
use bytes::Bytes;
use futures_core::Stream;
use rpc_core::archive::stream::{Message, MessageReader};
use rpc_core::archive::{DecodeLimits, LoadError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

/// Loads values from messages on an async stream: the twin of [`Load`](rpc_core::archive::Load).
///
/// ```
/// use rpc_net::message::AsyncLoad;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut messages = AsyncLoad::new(&b"\0\0\0\x01\x07\0\0\0\x02\x08\x09"[..]);
/// assert_eq!(messages.recv::<u8>().await?, Some(7));
/// assert_eq!(messages.recv::<(u8, u8)>().await?, Some((8, 9)));
/// assert_eq!(messages.recv::<u8>().await?, None);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct AsyncLoad<R> {
    io: R,
    messages: MessageReader,
}

impl<R> AsyncLoad<R> {
    /// Loads from this stream.
    pub fn new(stream: R) -> Self {
        Self::over(stream, MessageReader::new(DecodeLimits::default()))
    }

    /// Sets what each message may cost: its bytes, memory and depth.
    #[must_use]
    pub fn limits(mut self, limits: DecodeLimits) -> Self {
        self.messages.set_limits(limits);
        self
    }

    pub(super) const fn over(io: R, messages: MessageReader) -> Self {
        Self { io, messages }
    }

    pub(super) fn set_limits(&mut self, limits: DecodeLimits) {
        self.messages.set_limits(limits);
    }

    /// The stream. What is [buffered](Self::buffered) was taken from it already.
    pub const fn get_ref(&self) -> &R {
        &self.io
    }

    /// How many bytes have been read from the stream and were not loaded. For those who are curious: a loop
    /// over [`recv`](Self::recv) needs no look at it.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.messages.buffered()
    }

    /// The stream, and the bytes that were read from it and not loaded.
    pub fn into_inner(self) -> (R, Bytes) {
        (self.io, self.messages.into_unread().into())
    }
}

impl AsyncLoad<ReadHalf> {
    /// Bytes that were read from the stream before it came here.
    pub(super) fn preload(&mut self, mut unread: &[u8]) {
        self.io.follow(unread);
        while !unread.is_empty() {
            let space = self.messages.space();
            let fits = space.len().min(unread.len());
            let (now, later) = unread.split_at_checked(fits).unwrap_or_default();
            if let Some(place) = space.get_mut(..fits) {
                place.copy_from_slice(now);
            }
            self.messages.filled(fits);
            unread = later;
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncLoad<R> {
    /// The next value of the message at hand, or of the next one if that is used up. It may borrow from the
    /// message.
    ///
    /// # Errors
    ///
    /// [`LoadError::Archive`] when the bytes are not a `T` (the rest of their message is passed over), when a
    /// message is too long, or when the stream has ended: [`End`](rpc_core::archive::DecodeErrorKind::End) between two messages,
    /// [`Truncated`](rpc_core::archive::DecodeErrorKind::Truncated) inside one. [`LoadError::Io`] when the stream fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub async fn load<'de, T: Deserialize<'de>>(&'de mut self) -> Result<T, LoadError> {
        if self.messages.remaining() == 0 {
            self.need_message().await?;
        }
        Ok(self.messages.value()?)
    }

    /// The next message, which is one `T` with nothing left over; `None` at the end of the stream, which comes
    /// only between two messages. What was not loaded of the message before is passed over.
    ///
    /// # Errors
    ///
    /// [`LoadError::Archive`] when the message is not a `T`: the next one can be received. When it is longer than
    /// the limit, or the stream ends inside it ([`Truncated`](rpc_core::archive::DecodeErrorKind::Truncated)), nothing can.
    /// [`LoadError::Io`] when the stream fails: a peer that cut the connection is
    /// [`ConnectionReset`](io::ErrorKind::ConnectionReset).
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub async fn recv<'de, T: Deserialize<'de>>(&'de mut self) -> Result<Option<T>, LoadError> {
        match self.next_message().await? {
            Some(message) => Ok(Some(message.only()?)),
            None => Ok(None),
        }
    }

    /// The next message, to be taken apart; `None` at the end of the stream. What was not loaded of the message
    /// before is passed over.
    ///
    /// # Errors
    ///
    /// As those of [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub async fn next_message(&mut self) -> Result<Option<Message<'_>>, LoadError> {
        Ok(match poll_fn(|cx| self.poll_message(cx)).await? {
            true => Some(self.messages.message()),
            false => None,
        })
    }

    /// How many bytes the next message has, as soon as its length has come and before the rest does; `None` at
    /// the end of the stream. Who does not want it need not read it.
    ///
    /// # Errors
    ///
    /// As those of [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub async fn peek_len(&mut self) -> Result<Option<usize>, LoadError> {
        poll_fn(|cx| {
            loop {
                if let Some(len) = self.messages.next_len() {
                    return Poll::Ready(Ok(Some(len)));
                }
                if !ready!(self.poll_more(cx))? {
                    return Poll::Ready(Ok(None));
                }
            }
        })
        .await
    }

    /// Every message that comes, each one `T`: a [`Stream`] of results, as [`recv`](Self::recv) gives them. It
    /// ends after the first error behind which nothing can be read.
    pub const fn messages<T: DeserializeOwned>(&mut self) -> Messages<'_, R, T> {
        Messages { load: self, has_ended: false, of: PhantomData }
    }

    /// Fills the buffer with bytes of the message at hand, or of the next one if that is used up, as they are.
    ///
    /// # Errors
    ///
    /// As those of [`load`](Self::load); [`LoadError::Archive`] when the message has fewer bytes left: they are
    /// passed over then.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub async fn load_exact(&mut self, buffer: &mut [u8]) -> Result<(), LoadError> {
        if self.messages.remaining() == 0 && !buffer.is_empty() {
            self.need_message().await?;
        }
        Ok(self.messages.bytes_exact(buffer)?)
    }

    /// As [`load_exact`](Self::load_exact), but takes what the message has left, if that is less, and 0 at the end
    /// of the stream. Returns how many bytes were loaded.
    ///
    /// # Errors
    ///
    /// As those of [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub async fn load_up_to(&mut self, buffer: &mut [u8]) -> Result<usize, LoadError> {
        while self.messages.remaining() == 0 && !buffer.is_empty() {
            if !poll_fn(|cx| self.poll_message(cx)).await? {
                return Ok(0);
            }
        }
        Ok(self.messages.bytes_up_to(buffer))
    }

    async fn need_message(&mut self) -> Result<(), LoadError> {
        match poll_fn(|cx| self.poll_message(cx)).await? {
            true => Ok(()),
            false => Err(self.messages.ended().into()),
        }
    }

    /// Ready when the next message is at hand; `false` = the stream has ended between two.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, LoadError>> {
        while !self.messages.next_message()? {
            if !ready!(self.poll_more(cx))? {
                return Poll::Ready(Ok(false));
            }
        }
        Poll::Ready(Ok(true))
    }

    /// Reads once. Ready with `false` at the end of the stream, which must be between two messages.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, LoadError>> {
        let mut space = ReadBuf::new(self.messages.space());
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut space))?;
        let read = space.filled().len();
        self.messages.filled(read);
        if read > 0 {
            return Poll::Ready(Ok(true));
        }
        self.messages.end()?;
        Poll::Ready(Ok(false))
    }

    /// Reads once, what is not loaded yet included, and forgets it. Ready with 0 at the end of the stream.
    pub(super) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [0; 4096];
        let mut space = ReadBuf::new(&mut space);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut space))?;
        Poll::Ready(Ok(space.filled().len()))
    }
}

/// The messages of a stream, each one `T`: what [`AsyncLoad::messages`] gives.
#[derive(Debug)]
#[must_use = "nothing is read until it is polled"]
pub struct Messages<'a, R, T> {
    load: &'a mut AsyncLoad<R>,
    has_ended: bool,
    of: PhantomData<fn() -> T>,
}

impl<R: AsyncRead + Unpin, T: DeserializeOwned> Messages<'_, R, T> {
    /// The next message; `None` at the end.
    ///
    /// # Errors
    ///
    /// As those of [`AsyncLoad::recv`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub async fn next(&mut self) -> Option<Result<T, LoadError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<R: AsyncRead + Unpin, T: DeserializeOwned> Stream for Messages<'_, R, T> {
    type Item = Result<T, LoadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        match ready!(self.load.poll_message(cx)) {
            Ok(true) => {
                let message = self.load.messages.message();
                Poll::Ready(Some(message.only().map_err(LoadError::from)))
            }
            Ok(false) => {
                self.has_ended = true;
                Poll::Ready(None)
            }
            Err(error) => {
                self.has_ended = true;
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}
