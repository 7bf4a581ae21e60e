//! From a stream of values to the items of a call: one way for both ends of a connection.

use crate::buffers;
use crate::link::{self, Link};
use crate::sync::Stopwatch;
use futures_core::Stream;
use rpc_core::archive::{EncodeError, EncodeErrorKind, Encoder};
use rpc_core::connection::{ItemRefusal, Portion};
use rpc_core::{CallId, Payload};
use std::fmt;
use std::ops::DerefMut;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Items that are sent before other tasks of the thread get their turn: a stream that is always ready
/// must not keep the driver from writing.
const ITEMS_PER_TURN: usize = 512;
/// A turn ends when items that were collected together took longer than this.
const PATIENCE: Duration = Duration::from_micros(100);

/// How one item is written.
pub(crate) type Encode<T> = fn(&mut Encoder, &T) -> Result<(), EncodeError>;

/// A stream whose items come encoded.
pub(crate) trait Source: Send {
    /// The next item, encoded into `buffer` in at most `bytes_max` bytes.
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Poll<Option<Encoded>>;
}

type Encoded = Result<Payload, EncodeError>;

impl Source for Box<dyn Source> {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Poll<Option<Encoded>> {
        (**self).poll_next(cx, buffer, bytes_max)
    }
}

/// A source of plain items.
pub(crate) struct Items<P: DerefMut<Target: Stream>> {
    pub(crate) stream: Pin<P>,
    pub(crate) encode: Encode<<P::Target as Stream>::Item>,
}

impl<P> Source for Items<P>
where
    P: DerefMut<Target: Stream> + Send,
{
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Poll<Option<Encoded>> {
        let item = ready!(self.stream.as_mut().poll_next(cx));
        Poll::Ready(item.map(|item| encoded(buffer, bytes_max, &item, self.encode)))
    }
}

/// A source that ends with the first error, which stays here.
pub(crate) struct TryItems<P, T, E> {
    pub(crate) stream: Pin<P>,
    pub(crate) encode: Encode<T>,
    pub(crate) error: Option<E>,
}

impl<P, T, E> Source for TryItems<P, T, E>
where
    P: DerefMut<Target: Stream<Item = Result<T, E>>> + Send,
    E: Send,
{
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Poll<Option<Encoded>> {
        Poll::Ready(match ready!(self.stream.as_mut().poll_next(cx)) {
            Some(Ok(item)) => Some(encoded(buffer, bytes_max, &item, self.encode)),
            Some(Err(error)) => {
                self.error = Some(error);
                None
            }
            None => None,
        })
    }
}

#[inline]
fn encoded<T>(buffer: &mut Vec<u8>, bytes_max: usize, item: &T, encode: Encode<T>) -> Encoded {
    let mut out = Encoder::new(std::mem::take(buffer), bytes_max);
    encode(&mut out, item).and_then(|()| out.finish())
}

/// Sends what a source yields as the items of one call, as fast as credit allows.
///
/// It is polled by whoever owns the call; nothing is spawned. Small items that are ready together leave
/// together, under one lock. No more wait here, encoded, than a portion that credit covers and one item behind it.
pub(crate) struct Pump<S> {
    pub(crate) source: S,
    /// Small items that leave next; made when it is polled.
    portion: Option<Portion>,
    /// The item behind them, which found no place there.
    waiting: Option<Payload>,
    /// Why nothing follows these.
    end: Option<Pumped>,
    buffer: Vec<u8>,
}

/// Why a pump has stopped.
#[derive(Debug)]
pub(crate) enum Pumped {
    /// The source has ended, and everything before is sent.
    Finished,
    /// The other end wants no more, or the call is over.
    Stopped,
    /// An item cannot be sent.
    Unsendable { too_large: bool, text: String },
}

impl<S: Source> Pump<S> {
    pub(crate) fn new(source: S) -> Self {
        Self { source, portion: None, waiting: None, end: None, buffer: buffers::take() }
    }

    /// Sends on. Ready once; it does not say END.
    pub(crate) fn poll(&mut self, link: &Link, id: CallId, cx: &mut Context<'_>) -> Poll<Pumped> {
        let mut pace = Pace::new();
        loop {
            if let Err(end) = ready!(self.poll_send(link, id, cx)) {
                return Poll::Ready(end);
            }
            if let Some(end) = self.end.take() {
                return Poll::Ready(end);
            }
            let Some(items) = pace.next() else {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            };
            let bytes_max = link.message_bytes_out();
            let gather = AssertUnwindSafe(|| self.gather(items, bytes_max, cx));
            let gathered = catch_unwind(gather);
            if matches!(gathered, Ok(Poll::Ready(()))) {
                continue;
            }
            // What is ready does not wait for what is not, and does not get lost in a panic.
            let sent = self.poll_send(link, id, cx);
            if let Err(panic) = gathered {
                resume_unwind(panic);
            }
            self.rest();
            return match sent {
                Poll::Ready(Err(end)) => Poll::Ready(end),
                _ => Poll::Pending,
            };
        }
    }

    /// A stream that is silent needs no place for what leaves together.
    fn rest(&mut self) {
        if let Some(portion) = self.portion.take_if(|portion| portion.is_empty()) {
            buffers::give(portion.into_buffer());
        }
    }

    /// Collects at most so many items. Ready when they are to be sent; what was there before the source had to
    /// wait is to be sent, too.
    fn gather(&mut self, items: usize, bytes_max: usize, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..items {
            match ready!(self.source.poll_next(cx, &mut self.buffer, bytes_max)) {
                None => self.end = Some(Pumped::Finished),
                Some(Err(error)) => self.end = Some(unencodable(&error)),
                Some(Ok(item)) if self.portion.as_mut().is_some_and(|all| all.push(&item)) => {
                    self.buffer = item.into_buffer();
                    continue;
                }
                Some(Ok(item)) => self.waiting = Some(item),
            }
            break;
        }
        Poll::Ready(())
    }

    /// Sends what was collected.
    fn poll_send(&mut self, link: &Link, id: CallId, cx: &Context<'_>) -> Poll<Result<(), Pumped>> {
        let portion = self.portion.get_or_insert_with(|| Portion::new(id, buffers::take()));
        if portion.is_empty() && self.waiting.is_none() {
            return Poll::Ready(Ok(()));
        }
        let mut state = link.lock();
        let mut sent = if portion.is_empty() { Ok(()) } else { state.machine.items(portion) };
        if let (Ok(()), Some(item)) = (sent, &mut self.waiting) {
            sent = state.machine.item(id, item, false);
            if sent.is_ok() {
                // It is empty, and gets room.
                sent = state.machine.items(portion);
            }
        }
        let (driver, old) = match sent {
            Ok(()) => (state.driver(), None),
            // What was begun of it may be sent.
            Err(ItemRefusal::Wait) => (state.driver(), state.write_later(id, cx.waker())),
            Err(_) => (None, None),
        };
        drop(state);
        drop(old);
        link::wake(driver);
        Poll::Ready(match sent {
            Err(ItemRefusal::Wait) => return Poll::Pending,
            Ok(()) => {
                if let Some(item) = self.waiting.take() {
                    self.buffer = item.into_buffer();
                }
                Ok(())
            }
            Err(ItemRefusal::TooLarge { len, max }) => {
                let text = format!("an item has {len} bytes, at most {max} can be sent");
                Err(Pumped::Unsendable { too_large: true, text })
            }
            Err(_) => Err(Pumped::Stopped),
        })
    }
}

/// How many items are collected before they leave: one, and then twice as many each time, as long as they come
/// quickly. So the first one leaves at once, and none waits for others longer than they take.
struct Pace {
    portion: usize,
    left: usize,
    looked: Option<Stopwatch>,
}

impl Pace {
    const fn new() -> Self {
        Self { portion: 0, left: ITEMS_PER_TURN, looked: None }
    }

    /// How many may be collected next; `None` when the turn is over.
    fn next(&mut self) -> Option<usize> {
        if self.portion > 0 {
            let now = Stopwatch::now();
            let before = self.looked.replace(now);
            if before.is_some_and(|before| now.duration_since(before) > PATIENCE) {
                return None;
            }
        }
        self.portion = self.portion.saturating_mul(2).max(1).min(self.left);
        self.left = self.left.saturating_sub(self.portion);
        (self.portion > 0).then_some(self.portion)
    }
}

/// Ready when every item of a call that was sent has left, or never will.
pub(crate) fn poll_left(link: &Link, id: CallId, cx: &Context<'_>) -> Poll<()> {
    let mut state = link.lock();
    if state.machine.items_left(id) {
        return Poll::Ready(());
    }
    let old = state.write_later(id, cx.waker());
    drop(state);
    drop(old);
    Poll::Pending
}

impl<S> fmt::Debug for Pump<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump").field("waiting", &self.waiting.is_some()).finish_non_exhaustive()
    }
}

impl<S> Drop for Pump<S> {
    fn drop(&mut self) {
        buffers::give(std::mem::take(&mut self.buffer));
        buffers::give(self.portion.take().map(Portion::into_buffer).unwrap_or_default());
    }
}

fn unencodable(error: &EncodeError) -> Pumped {
    let too_large = matches!(error.kind(), EncodeErrorKind::TooLarge);
    Pumped::Unsendable { too_large, text: format!("an item cannot be encoded: {error}") }
}
