//! Messages on their way out over an async stream.

use bytes::{Buf, Bytes};
use rpc_core::archive::stream::MessageWriter;
use rpc_core::archive::{DecodeLimits, StoreError};
use serde::Serialize;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Stores values as messages on an async stream: the twin of [`Store`](rpc_core::archive::Store).
///
/// Values gather in a message until [`flush`](Self::flush) ends it and writes it, head and body in one write.
/// Dropping it discards what is not flushed; [`close`](Self::close) flushes and reports.
///
/// ```
/// use rpc_net::message::{AsyncLoad, AsyncStore};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut out = AsyncStore::new(Vec::new());
/// out.store(&1_u8)?.store("two")?.flush().await?;
/// let bytes = out.close().await?;
/// assert_eq!(bytes, b"\0\0\0\x0c\x01\0\0\0\0\0\0\0\x03two");
///
/// let mut back = AsyncLoad::new(&bytes[..]);
/// assert_eq!((back.load::<u8>().await?, back.load::<&str>().await?), (1, "two"));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct AsyncStore<W> {
    io: W,
    messages: MessageWriter,
    /// A message that is written from where it lies.
    large: Option<Large>,
}

/// A message of bytes that are not copied.
#[derive(Debug)]
struct Large {
    /// Bytes of finished messages that go before it; the others go behind it.
    ahead: usize,
    head: Bytes,
    body: Bytes,
}

impl<W> AsyncStore<W> {
    /// Stores on this stream.
    pub fn new(stream: W) -> Self {
        Self::over(stream, MessageWriter::new())
    }

    /// Uses this buffer, whose content is dropped and which what was stored moves to, for the messages that are made.
    #[must_use]
    pub fn with_buffer(mut self, buffer: Vec<u8>) -> Self {
        self.messages.use_buffer(buffer);
        self
    }

    /// Has room for messages of `bytes` bytes from the beginning.
    #[must_use]
    pub fn with_capacity(self, bytes: usize) -> Self {
        self.with_buffer(Vec::with_capacity(bytes))
    }

    /// Sets how long a message may be; of `limits` only `message_bytes` binds those who store.
    #[must_use]
    pub fn limits(mut self, limits: DecodeLimits) -> Self {
        self.messages.set_message_bytes_max(limits.message_bytes);
        self
    }

    pub(super) const fn over(io: W, messages: MessageWriter) -> Self {
        Self { io, messages, large: None }
    }

    /// The stream. What is [buffered](Self::buffered) has not reached it.
    pub const fn get_ref(&self) -> &W {
        &self.io
    }

    /// How many bytes were stored and have not been written.
    #[must_use]
    pub fn buffered(&self) -> usize {
        let large = self.large.as_ref().map_or(0, |large| large.head.len() + large.body.len());
        self.messages.finished().len() + large + self.messages.message_len()
    }

    /// Appends a value to the message that the next [`flush`](Self::flush) ends.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the value has no encoding, or the message would be longer than its limit. The message
    /// is then as it was before.
    pub fn store<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<&mut Self, StoreError> {
        self.messages.value(value)?;
        Ok(self)
    }

    /// Appends bytes as they are, without a count, to the message that the next [`flush`](Self::flush) ends.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the message would be longer than its limit. It is then as it was before.
    pub fn store_bytes(&mut self, bytes: &[u8]) -> Result<&mut Self, StoreError> {
        self.messages.bytes(bytes)?;
        Ok(self)
    }

    /// Gives the stream back. What is not flushed is discarded; the end of a message of which only a part was
    /// written is discarded, too.
    pub fn abort(self) -> W {
        self.io
    }
}

impl<W: AsyncWrite + Unpin> AsyncStore<W> {
    /// Ends the message, if one was begun, and writes it.
    ///
    /// It waits while the other end does not read: memory stays bounded by what was stored.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the stream fails.
    ///
    /// # Cancel safety
    ///
    /// What a dropped flush has not written goes with the next one, in order.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        self.messages.finish_message();
        poll_fn(|cx| self.poll_drain(cx)).await?;
        Ok(self.io.flush().await?)
    }

    /// Sends a message: [`store`](Self::store), then [`flush`](Self::flush). Values that were stored before
    /// and not flushed are in front of it, in the same message.
    ///
    /// # Errors
    ///
    /// As those of the two.
    ///
    /// # Cancel safety
    ///
    /// As that of `flush`: once it was polled, the message goes with the next flush.
    pub async fn send<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StoreError> {
        self.store(value)?.flush().await
    }

    /// Sends a message that is these bytes and nothing else, from where they lie: they are not copied, unless
    /// an earlier such message still waits because its sending was dropped. A message that was begun ends before it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when there are more bytes than a message may have, or the stream fails.
    ///
    /// # Cancel safety
    ///
    /// As that of [`send`](Self::send).
    pub async fn send_bytes(&mut self, bytes: impl Into<Bytes>) -> Result<(), StoreError> {
        let body = bytes.into();
        let head = self.messages.head(body.len())?;
        self.messages.finish_message();
        if self.large.is_some() {
            self.messages.bytes(&body)?;
        } else {
            let ahead = self.messages.finished().len();
            self.large = Some(Large { ahead, head: Bytes::copy_from_slice(&head), body });
        }
        self.flush().await
    }

    /// Flushes, and tells the other end that nothing follows; it can still be read from.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the stream fails.
    ///
    /// # Cancel safety
    ///
    /// As that of [`flush`](Self::flush); the other end is told when it is called again.
    pub async fn finish(&mut self) -> Result<(), StoreError> {
        self.flush().await?;
        Ok(self.io.shutdown().await?)
    }

    /// Flushes, and gives the stream back. It is not told that nothing follows: [`finish`](Self::finish) does so.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the stream fails; it is dropped then.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the stream.
    pub async fn close(mut self) -> Result<W, StoreError> {
        self.flush().await?;
        Ok(self.io)
    }

    /// Writes what is finished.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let pieces = pieces(&self.messages, self.large.as_ref());
            let written = match pieces {
                [[], [], []] if self.large.is_none() => return Poll::Ready(Ok(())),
                [[], [], []] => {
                    self.large = None;
                    continue;
                }
                [all, [], []] | [[], all, []] | [[], [], all] => {
                    ready!(Pin::new(&mut self.io).poll_write(cx, all))?
                }
                _ => {
                    let pieces = pieces.map(IoSlice::new);
                    ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &pieces))?
                }
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.wrote(written);
        }
    }
}

impl<W> AsyncStore<W> {
    /// So many bytes of the [pieces] were written.
    fn wrote(&mut self, written: usize) {
        let [finished, _, _] = pieces(&self.messages, self.large.as_ref());
        let finished = written.min(finished.len());
        self.messages.consume(finished);
        if let Some(Large { ahead, head, body }) = &mut self.large {
            *ahead = ahead.saturating_sub(finished);
            let of_head = written.saturating_sub(finished).min(head.len());
            head.advance(of_head);
            let of_body = written.saturating_sub(finished).saturating_sub(of_head);
            body.advance(of_body.min(body.len()));
        }
    }
}

/// What is to be written next: finished messages, and behind them the large one if there is one.
fn pieces<'a>(messages: &'a MessageWriter, large: Option<&'a Large>) -> [&'a [u8]; 3] {
    let finished = messages.finished();
    match large {
        Some(Large { ahead, head, body }) => {
            [finished.get(..*ahead).unwrap_or(finished), head, body]
        }
        None => [finished, &[], &[]],
    }
}
