//! A pair of byte streams in memory whose every step shuttle schedules.

use shuttle::sync::Mutex;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One direction.
#[derive(Default)]
struct Lane {
    bytes: VecDeque<u8>,
    /// Nothing more is written, or nobody reads.
    closed: bool,
    waiting: Vec<Waker>,
}

type Shared = Arc<Mutex<Lane>>;

/// One end of the pair. Dropping it closes both directions.
pub(super) struct Pipe {
    incoming: Shared,
    outgoing: Shared,
    /// How many bytes may wait to be read.
    room: usize,
}

/// Cuts a pair, as a network does.
#[derive(Clone)]
pub(super) struct Scissors([Shared; 2]);

/// Two ends; at most `room` bytes wait in each direction.
pub(super) fn pipe(room: usize) -> (Pipe, Pipe, Scissors) {
    let (there, back) = (Shared::default(), Shared::default());
    let scissors = Scissors([Arc::clone(&there), Arc::clone(&back)]);
    let one = Pipe { incoming: Arc::clone(&back), outgoing: Arc::clone(&there), room };
    (one, Pipe { incoming: there, outgoing: back, room }, scissors)
}

/// Changes a lane, and wakes whoever waits for a change of it.
fn change<R>(lane: &Shared, change: impl FnOnce(&mut Lane) -> R) -> R {
    let (result, waiting) = {
        let mut lane = lane.lock().unwrap();
        (change(&mut lane), std::mem::take(&mut lane.waiting))
    };
    for waker in waiting {
        waker.wake();
    }
    result
}

fn close(lane: &Shared) {
    change(lane, |lane| lane.closed = true);
}

impl Scissors {
    pub(super) fn cut(&self) {
        for lane in &self.0 {
            change(lane, |lane| {
                lane.closed = true;
                lane.bytes.clear();
            });
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut lane = self.incoming.lock().unwrap();
        if lane.bytes.is_empty() {
            if lane.closed {
                return Poll::Ready(Ok(()));
            }
            lane.waiting.push(cx.waker().clone());
            return Poll::Pending;
        }
        drop(lane);
        change(&self.incoming, |lane| {
            let n = buffer.remaining().min(lane.bytes.len());
            let (front, back) = lane.bytes.as_slices();
            let first = n.min(front.len());
            buffer.put_slice(&front[..first]);
            buffer.put_slice(&back[..n - first]);
            lane.bytes.drain(..n);
        });
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut lane = self.outgoing.lock().unwrap();
        if lane.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let n = bytes.len().min(self.room.saturating_sub(lane.bytes.len()));
        if n == 0 {
            lane.waiting.push(cx.waker().clone());
            return Poll::Pending;
        }
        drop(lane);
        // It may have been cut in between: no byte may pass one that is lost.
        change(&self.outgoing, |lane| {
            if !lane.closed {
                lane.bytes.extend(&bytes[..n]);
            }
        });
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        close(&self.outgoing);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        close(&self.incoming);
        close(&self.outgoing);
    }
}
