//! The two directions of one socket: bytes that arrived and are not a whole frame yet, and bytes
//! that the machine has handed over to be written.

use super::about::Traffic;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use rpc_core::connection::Transmit;
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

/// What one read may bring: four frames of a large message.
const READ_BYTES: usize = 256 * 1024;
/// Space that is reserved ahead of bytes that have arrived: the most that the spec allows.
///
/// Spec: `values.reserve`.
const AHEAD_BYTES: usize = 64 * 1024;
/// A buffer of at most this size stays with an idle connection.
const IDLE_BYTES: usize = 1024;
/// Pieces in one vectored write; the system takes 1,024, but a few already fill the socket's buffer.
const WRITE_PIECES: usize = 32;

thread_local! {
    /// Where idle connections read to: one buffer for each thread instead of one for each connection.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Bytes that arrived but do not make a whole frame yet.
#[derive(Debug, Default)]
pub(crate) struct Input {
    partial: BytesMut,
}

impl Input {
    /// Whether the peer's bytes stop inside a frame.
    pub(crate) fn is_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Takes the bytes that nobody has used.
    pub(crate) fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.partial).freeze()
    }

    /// Reads once and gives what is there to `take`, which says how many bytes it used.
    ///
    /// Ready with `None` at the end of the stream.
    pub(crate) fn poll<S: AsyncRead + Unpin, T>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
        traffic: &Traffic,
        take: impl FnOnce(&[u8]) -> (usize, T),
    ) -> Poll<io::Result<Option<T>>> {
        let had = self.partial.len();
        let take = |bytes: &[u8]| {
            traffic.read(bytes.len().saturating_sub(had));
            take(bytes)
        };
        if self.partial.is_empty() {
            self.poll_fresh(socket, cx, take)
        } else {
            self.poll_partial(socket, cx, take)
        }
    }

    fn poll_fresh<S: AsyncRead + Unpin, T>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> (usize, T),
    ) -> Poll<io::Result<Option<T>>> {
        // Taken out while it is used: a handler that `take` polls may drive another connection here.
        let mut scratch = SCRATCH.take();
        scratch.resize(READ_BYTES, 0);
        let mut buffer = ReadBuf::new(&mut scratch);
        let polled =
            Pin::new(socket).poll_read(cx, &mut buffer).map_ok(|()| match buffer.filled() {
                [] => None,
                filled => {
                    let (used, taken) = take(filled);
                    self.partial.extend_from_slice(filled.get(used..).unwrap_or_default());
                    Some(taken)
                }
            });
        SCRATCH.set(scratch);
        polled
    }

    fn poll_partial<S: AsyncRead + Unpin, T>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> (usize, T),
    ) -> Poll<io::Result<Option<T>>> {
        self.partial.reserve(AHEAD_BYTES);
        let mut room = (&mut self.partial).limit(AHEAD_BYTES);
        if ready!(poll_read_buf(Pin::new(socket), cx, &mut room))? == 0 {
            return Poll::Ready(Ok(None));
        }
        let (used, taken) = take(&self.partial);
        self.partial.advance(used.min(self.partial.len()));
        if self.partial.is_empty() && self.partial.capacity() > IDLE_BYTES {
            self.partial = BytesMut::new();
        }
        Poll::Ready(Ok(Some(taken)))
    }

    /// Reads once and forgets what was read. Ready with 0 at the end of the stream.
    pub(crate) fn poll_discard<S: AsyncRead + Unpin>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.partial = BytesMut::new();
        let read = ready!(self.poll_fresh(socket, cx, |bytes| (bytes.len(), bytes.len())))?;
        Poll::Ready(Ok(read.unwrap_or(0)))
    }
}

/// Bytes on their way into the socket.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) transmit: Transmit,
}

impl Output {
    /// Writes once. Ready with how many bytes left.
    pub(crate) fn poll<S: AsyncWrite + Unpin>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut pieces = [IoSlice::new(&[]); WRITE_PIECES];
        let count = self.transmit.chunks(&mut pieces);
        let pieces = pieces.get(..count).unwrap_or_default();
        let socket = Pin::new(socket);
        let written = match pieces {
            [piece] => ready!(socket.poll_write(cx, piece))?,
            pieces => ready!(socket.poll_write_vectored(cx, pieces))?,
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.transmit.advance(written);
        Poll::Ready(Ok(written))
    }
}
