//! The two directions of one socket: bytes that arrived and are not a whole frame yet, and bytes
//! that the machine has handed over to be written.

use super::about::Traffic;
use bytes::{Buf, Bytes, BytesMut};
use rpc_core::connection::Transmit;
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one read may bring: four frames of a large message.
const READ_BYTES: usize = 256 * 1024;
/// Room for the beginning of a frame before the bytes of a read: one whole frame of the usual size.
const FRONT_BYTES: usize = 64 * 1024 + 64;
/// A buffer of at most this size stays with an idle connection.
const IDLE_BYTES: usize = 1024;
/// Pieces in one vectored write; the system takes 1,024, but a few already fill the socket's buffer.
const WRITE_PIECES: usize = 32;

thread_local! {
    /// Where connections read to: one buffer for each thread instead of one for each connection.
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

    /// Reads once and gives what is there to `take`, which says how many bytes it used, and the socket with it.
    ///
    /// Ready with `None` at the end of the stream.
    pub(crate) fn poll<S: AsyncRead + Unpin, T>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
        traffic: &Traffic,
        take: impl FnOnce(&mut S, &[u8]) -> (usize, T),
    ) -> Poll<io::Result<Option<T>>> {
        // Taken out while it is used: a handler that `take` polls may drive another connection here.
        let mut scratch = SCRATCH.take();
        scratch.resize(FRONT_BYTES + READ_BYTES, 0);
        let mut room = ReadBuf::new(scratch.get_mut(FRONT_BYTES..).unwrap_or_default());
        let polled =
            Pin::new(&mut *socket).poll_read(cx, &mut room).map_ok(|()| room.filled().len());
        let polled = polled.map_ok(|read| {
            traffic.read(read);
            (read > 0).then(|| self.hand_out(&mut scratch, read, |bytes| take(socket, bytes)))
        });
        SCRATCH.set(scratch);
        polled
    }

    /// Gives to `take` what was there and what the read has put behind the front of `scratch`.
    fn hand_out<T>(
        &mut self,
        scratch: &mut [u8],
        read: usize,
        take: impl FnOnce(&[u8]) -> (usize, T),
    ) -> T {
        let had = self.partial.len();
        // What is the longer is not copied, so that a frame that comes in drops is not copied for each.
        if had > FRONT_BYTES || had > read {
            let read = scratch.get(FRONT_BYTES..FRONT_BYTES + read).unwrap_or_default();
            self.partial.extend_from_slice(read);
            let (used, taken) = take(&self.partial);
            self.partial.advance(used.min(self.partial.len()));
            self.rest();
            return taken;
        }
        let begin = FRONT_BYTES - had;
        let bytes = scratch.get_mut(begin..FRONT_BYTES + read).unwrap_or_default();
        if let Some(front) = bytes.get_mut(..had) {
            front.copy_from_slice(&self.partial);
        }
        let (used, taken) = take(bytes);
        self.partial.clear();
        self.partial.extend_from_slice(bytes.get(used..).unwrap_or_default());
        self.rest();
        taken
    }

    /// Gives a large buffer back when nothing is in it.
    fn rest(&mut self) {
        if self.partial.is_empty() && self.partial.capacity() > IDLE_BYTES {
            self.partial = BytesMut::new();
        }
    }

    /// Reads once and forgets what was read. Ready with 0 at the end of the stream.
    pub(crate) fn poll_discard<S: AsyncRead + Unpin>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.partial = BytesMut::new();
        let mut scratch = SCRATCH.take();
        scratch.resize(FRONT_BYTES + READ_BYTES, 0);
        let mut room = ReadBuf::new(&mut scratch);
        let polled = Pin::new(socket).poll_read(cx, &mut room).map_ok(|()| room.filled().len());
        SCRATCH.set(scratch);
        polled
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Brings `text` in reads of these sizes, one after the other and again.
    struct Drops<'a> {
        text: &'a [u8],
        reads: [usize; 3],
    }

    impl AsyncRead for Drops<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            room: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let fits = self.reads[0].min(self.text.len()).min(room.remaining());
            let (read, rest) = self.text.split_at(fits);
            room.put_slice(read);
            self.text = rest;
            self.reads.rotate_left(1);
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn bytes_are_given_in_order_whatever_the_frames_and_the_reads_are() {
        const SIZES: [usize; 6] = [9, 700, 65_000, FRONT_BYTES, FRONT_BYTES + 1, READ_BYTES];
        let text: Vec<u8> = (0..=250).cycle().take(2 * READ_BYTES + 5).collect();
        let cx = &mut Context::from_waker(Waker::noop());
        for (frame, read) in SIZES.iter().flat_map(|frame| SIZES.map(|read| (*frame, read))) {
            if frame / read > 1_000 {
                continue;
            }
            let mut socket = Drops { text: &text, reads: [read, 1, read] };
            let (mut input, mut used) = (Input::default(), 0);
            let mut take = |bytes: &[u8]| {
                assert!(text[used..].starts_with(bytes), "{frame} {read}");
                let whole = bytes.len() / frame * frame;
                used += whole;
                (whole, bytes.len() - whole)
            };
            let mut left = 0;
            while let Poll::Ready(Ok(Some(rest))) =
                input.poll(&mut socket, cx, &Traffic::default(), |_, bytes| take(bytes))
            {
                left = rest;
                assert_eq!(input.is_partial(), left > 0);
            }
            assert_eq!((left, input.take()), (text.len() % frame, text[used..].to_vec().into()));
        }
    }
}
