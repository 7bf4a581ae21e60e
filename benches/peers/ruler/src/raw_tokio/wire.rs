//! Frames that are answered where they lie: no copy, no allocation, one write for a batch.
//!
//! Small frames stand one behind the other in one buffer. Whoever takes one changes it in place, and
//! it goes out again: a request as its response, a response as the next request. A frame of more than
//! [`LARGE`] bytes has a buffer of its own, into which the socket is read and from which it is written.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

pub(crate) const HEADER: usize = 16;
const LARGE: usize = 16 * 1024;
/// A small buffer while nothing happens, so that an idle connection is cheap.
const IDLE: usize = 1024;
/// Up to which size a buffer grows because a read filled it.
const BUSY: usize = 64 * 1024;
/// Buffers of large frames that wait to be used again: memory that goes back to the system comes
/// back page by page.
const SPARE: usize = 8;

thread_local! {
    static SPARES: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of that length, with whatever bytes.
fn large_buffer(len: usize) -> Vec<u8> {
    let mut buffer = SPARES.with_borrow_mut(Vec::pop).unwrap_or_default();
    buffer.resize(len, 0);
    buffer
}

fn recycle(buffer: Vec<u8>) {
    SPARES.with_borrow_mut(|spares| {
        if spares.len() < SPARE {
            spares.push(buffer);
        }
    });
}

pub(crate) const REQUEST: u8 = 2;
pub(crate) const RESPONSE: u8 = 3;
pub(crate) const DATA: u8 = 4;
/// The flag of the last frame of a side.
pub(crate) const END: u8 = 1;

/// What `arg` of a request says.
pub(crate) mod method {
    pub(crate) const ECHO: u32 = 1;
    pub(crate) const NAP: u32 = 2;
    pub(crate) const RECORDS: u32 = 3;
    pub(crate) const DOWNLOAD: u32 = 4;
    pub(crate) const UPLOAD: u32 = 5;
}

/// Appends a header for so many bytes.
pub(crate) fn put_header(buffer: &mut Vec<u8>, kind: u8, flags: u8, id: u32, arg: u32, len: usize) {
    let len = u32::try_from(len).expect("a frame is short");
    buffer.extend(len.to_be_bytes());
    buffer.extend([kind, flags, 0, 0]);
    buffer.extend(id.to_be_bytes());
    buffer.extend(arg.to_be_bytes());
}

/// A whole frame, header and payload.
pub(super) struct Frame<'w>(pub(super) &'w mut [u8]);

impl Frame<'_> {
    pub(super) fn kind(&self) -> u8 {
        self.0[4]
    }

    pub(super) fn id(&self) -> u32 {
        u32::from_be_bytes([self.0[8], self.0[9], self.0[10], self.0[11]])
    }

    pub(super) fn arg(&self) -> u32 {
        u32::from_be_bytes([self.0[12], self.0[13], self.0[14], self.0[15]])
    }

    /// Turns it into another frame of the same call and payload.
    pub(super) fn becomes(&mut self, kind: u8, arg: u32) {
        self.0[4] = kind;
        self.0[12..16].copy_from_slice(&arg.to_be_bytes());
    }

    pub(super) fn payload(&mut self) -> &mut [u8] {
        &mut self.0[HEADER..]
    }
}

fn frame_len(bytes: &[u8]) -> Option<usize> {
    let length: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(HEADER + u32::from_be_bytes(length) as usize)
}

/// A connection and its frames.
pub(super) struct Wire {
    stream: TcpStream,
    /// `sent ≤ done ≤ filled`: what goes out, then what is not taken yet.
    small: Vec<u8>,
    sent: usize,
    done: usize,
    filled: usize,
    /// The last read took all the room there was.
    was_full: bool,
    /// The large frame that is being read, and how much of it is there.
    arriving: Option<(Vec<u8>, usize)>,
    /// Large frames that go out, the first one from `large_sent` on.
    leaving: VecDeque<Vec<u8>>,
    large_sent: usize,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self::resume(stream, Vec::new()))
    }

    /// Goes on with bytes that were read already.
    pub(super) fn resume(stream: TcpStream, read: Vec<u8>) -> Self {
        let filled = read.len();
        let mut small = read;
        small.resize(filled.max(IDLE), 0);
        Self {
            stream,
            small,
            sent: 0,
            done: 0,
            filled,
            was_full: false,
            arriving: None,
            leaving: VecDeque::new(),
            large_sent: 0,
        }
    }

    /// The socket, and the bytes that no frame was taken from.
    pub(super) fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.small[self.done..self.filled].to_vec())
    }

    /// Puts a frame behind those that go out.
    pub(super) fn push(&mut self, kind: u8, id: u32, arg: u32, payload: &[u8]) {
        let mut frame = Vec::with_capacity(HEADER + payload.len());
        put_header(&mut frame, kind, END, id, arg, payload.len());
        frame.extend(payload);
        self.push_frame(frame);
    }

    pub(super) fn push_frame(&mut self, frame: Vec<u8>) {
        if frame.len() > LARGE {
            self.leaving.push_back(frame);
            return;
        }
        let len = frame.len();
        while self.small.len() - self.filled < len {
            self.make_room(len);
        }
        self.small.copy_within(self.done..self.filled, self.done + len);
        self.small[self.done..self.done + len].copy_from_slice(&frame);
        self.done += len;
        self.filled += len;
    }

    /// The next whole frame. It goes out as it is when the caller is done with it.
    pub(super) fn take(&mut self) -> Option<Frame<'_>> {
        if let Some((frame, _)) = self.arriving.take_if(|(frame, there)| *there == frame.len()) {
            self.leaving.push_back(frame);
            return self.leaving.back_mut().map(|frame| Frame(frame));
        }
        let waiting = &self.small[self.done..self.filled];
        let len = frame_len(waiting)?;
        if len > LARGE {
            if self.arriving.is_none() {
                let (mut frame, there) = (large_buffer(len), waiting.len().min(len));
                frame[..there].copy_from_slice(&waiting[..there]);
                self.small.copy_within(self.done + there..self.filled, self.done);
                self.filled -= there;
                self.arriving = Some((frame, there));
                return self.take();
            }
            return None;
        }
        if waiting.len() < len {
            return None;
        }
        let at = self.done;
        self.done += len;
        Some(Frame(&mut self.small[at..at + len]))
    }

    /// Keeps the small frame that was taken last from going out.
    pub(super) fn withdraw(&mut self, len: usize) {
        self.small.copy_within(self.done..self.filled, self.done - len);
        self.done -= len;
        self.filled -= len;
    }

    /// Writes what can be written and waits until something was read. False: the peer is gone.
    pub(super) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            return Poll::Ready(Err(error));
        }
        let stream = Pin::new(&mut self.stream);
        if let Some((frame, there)) = &mut self.arriving {
            let mut room = ReadBuf::new(&mut frame[*there..]);
            ready!(stream.poll_read(cx, &mut room))?;
            let read = room.filled().len();
            *there += read;
            return Poll::Ready(Ok(read > 0));
        }
        if self.filled == self.small.len() {
            self.make_room(1);
        }
        if self.was_full && self.small.len() < BUSY {
            self.small.resize(self.small.len() * 2, 0);
        }
        let mut room = ReadBuf::new(&mut self.small[self.filled..]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room))?;
        let read = room.filled().len();
        self.was_full = room.remaining() == 0;
        self.filled += read;
        Poll::Ready(Ok(read > 0))
    }

    pub(super) async fn turn(&mut self) -> io::Result<bool> {
        std::future::poll_fn(|cx| self.poll_turn(cx)).await
    }

    /// Ready when everything is out. Small frames first, but never inside a large one.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let is_small = self.sent < self.done && self.large_sent == 0;
            let bytes = match self.leaving.front() {
                _ if is_small => &self.small[self.sent..self.done],
                Some(frame) => &frame[self.large_sent..],
                None => return Poll::Ready(Ok(())),
            };
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            if is_small {
                self.sent += written;
                if self.sent == self.filled {
                    (self.sent, self.done, self.filled) = (0, 0, 0);
                }
            } else {
                self.large_sent += written;
                let is_out = |frame: &mut Vec<u8>| frame.len() == self.large_sent;
                if let Some(frame) = self.leaving.pop_front_if(is_out) {
                    self.large_sent = 0;
                    recycle(frame);
                }
            }
        }
    }

    /// Moves what is there to the front, or else takes a larger buffer.
    fn make_room(&mut self, len: usize) {
        if self.sent >= self.small.len() / 2 {
            self.small.copy_within(self.sent..self.filled, 0);
            self.done -= self.sent;
            self.filled -= self.sent;
            self.sent = 0;
        } else {
            let more = (self.small.len() * 2).max(self.filled + len);
            self.small.resize(more, 0);
        }
    }
}
