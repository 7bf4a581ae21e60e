//! From a stream of values to the items of a call: one way for both ends of a connection.

use crate::buffers;
use crate::link::{self, Link};
use futures_core::Stream;
use rpc_core::archive::{EncodeError, EncodeErrorKind, Encoder};
use rpc_core::connection::ItemRefusal;
use rpc_core::{CallId, Payload};
use std::fmt;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Items that are sent before other tasks of the thread get their turn: a stream that is always ready
/// must not keep the driver from writing.
const ITEMS_PER_TURN: usize = 128;

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

fn encoded<T>(buffer: &mut Vec<u8>, bytes_max: usize, item: &T, encode: Encode<T>) -> Encoded {
    let mut out = Encoder::new(std::mem::take(buffer), bytes_max);
    encode(&mut out, item).and_then(|()| out.finish())
}

/// Sends what a source yields as the items of one call, as fast as credit allows.
///
/// It is polled by whoever owns the call; nothing is spawned. At most one item waits here, encoded.
pub(crate) struct Pump<S> {
    pub(crate) source: S,
    waiting: Option<Payload>,
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
        Self { source, waiting: None, buffer: buffers::take() }
    }

    /// Sends on. Ready once; it does not say END.
    pub(crate) fn poll(&mut self, link: &Link, id: CallId, cx: &mut Context<'_>) -> Poll<Pumped> {
        for _ in 0..ITEMS_PER_TURN {
            if self.waiting.is_none() {
                let bytes_max = link.message_bytes_out();
                match ready!(self.source.poll_next(cx, &mut self.buffer, bytes_max)) {
                    None => return Poll::Ready(Pumped::Finished),
                    Some(Ok(item)) => self.waiting = Some(item),
                    Some(Err(error)) => return Poll::Ready(unencodable(&error)),
                }
            }
            if let Err(end) = ready!(self.poll_send(link, id, cx)) {
                return Poll::Ready(end);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_send(&mut self, link: &Link, id: CallId, cx: &Context<'_>) -> Poll<Result<(), Pumped>> {
        let Some(item) = &mut self.waiting else { return Poll::Ready(Ok(())) };
        let mut state = link.lock();
        let sent = state.machine.item(id, item, false);
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
                self.buffer = self.waiting.take().map(Payload::into_buffer).unwrap_or_default();
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
    }
}

fn unencodable(error: &EncodeError) -> Pumped {
    let too_large = matches!(error.kind(), EncodeErrorKind::TooLarge);
    Pumped::Unsendable { too_large, text: format!("an item cannot be encoded: {error}") }
}
