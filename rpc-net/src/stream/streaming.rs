//! The items that a callee sends, as its caller reads them.

use super::inflow::{Inflow, Reader};
use crate::call::{CallHandle, Ending, Inner};
use crate::outcome::Outcome;
use futures_core::Stream;
use rpc_core::archive::{DecodeError, Decoder};
use rpc_core::{CallError, Code, Executed, Failure, Location};
use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// A call whose answer is a stream of items. It is sent when it is first polled.
///
/// It yields `Ok(item)` for each item. After the last one it ends if the call ended well; otherwise it
/// yields one [`CallError`], and ends then. So a stream that was cut off never looks complete. Polling it
/// also sends the items of the call's own stream argument, if it has one.
///
/// It has no deadline unless [`timeout`](Self::timeout) sets one, or a handler that makes the call has
/// one. A reader that stops reading bounds its sender: at most [`Limits::window_bytes`] of items wait here.
///
/// # Cancel safety
///
/// Dropping a future of [`recv`](Self::recv) loses no item. Dropping the stream cancels the call: the peer
/// is told, and drops the handler.
///
/// [`Limits::window_bytes`]: rpc_core::Limits::window_bytes
///
/// Spec: `stream.credit.return`, `stream.end.flag`.
#[must_use = "a stream does nothing until it is polled"]
pub struct Streaming<T, E = Infallible> {
    pub(crate) call: Inner,
    reader: Reader,
    decode: fn(&mut Decoder<'_>) -> Result<T, DecodeError>,
    end: fn(Outcome<'_>) -> Result<(), CallError<E>>,
    stage: Stage,
}

enum Stage {
    /// The call is open, or not sent yet.
    Open,
    /// The call has ended; what came before is read first.
    Ending(Ending),
    /// Everything was told.
    Done,
}

impl<T, E> Streaming<T, E> {
    pub(crate) fn new(
        call: Inner,
        inflow: Arc<Inflow>,
        decode: fn(&mut Decoder<'_>) -> Result<T, DecodeError>,
        end: fn(Outcome<'_>) -> Result<(), CallError<E>>,
    ) -> Self {
        Self { call, reader: Reader::new(inflow), decode, end, stage: Stage::Open }
    }

    /// Sets how long the whole call may take, counted from its first poll, up to its last item.
    ///
    /// It is rounded up to a millisecond and clamped to 24 hours.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.call.set_timeout(timeout);
        self
    }

    /// Adds an entry to the metadata that travel beside the arguments; see [`Call::metadata`].
    ///
    /// [`Call::metadata`]: crate::Call::metadata
    pub fn metadata(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.call.append(|metadata| metadata.append(key, value).map(drop));
        self
    }

    /// Adds an entry whose value is not printed; see [`Call::metadata_sensitive`].
    ///
    /// [`Call::metadata_sensitive`]: crate::Call::metadata_sensitive
    pub fn metadata_sensitive(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.call.append(|metadata| metadata.append_sensitive(key, value).map(drop));
        self
    }

    /// A handle that cancels the call from elsewhere: the next thing that the stream yields is
    /// [`Code::CANCELLED`].
    pub fn handle(&self) -> CallHandle {
        self.call.handle()
    }

    /// The next item; `None` after the last one of a call that ended well.
    ///
    /// # Errors
    ///
    /// How the call ended, if not well; nothing comes after that.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no item.
    pub async fn recv(&mut self) -> Result<Option<T>, CallError<E>> {
        poll_fn(|cx| self.poll_recv(cx)).await.transpose()
    }

    /// Every item that is still to come, once the call has ended well.
    ///
    /// # Errors
    ///
    /// How the call ended, if not well; the items before are lost then.
    pub async fn collect(mut self) -> Result<Vec<T>, CallError<E>> {
        let mut items = Vec::new();
        while let Some(item) = self.recv().await? {
            items.push(item);
        }
        Ok(items)
    }

    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, CallError<E>>>> {
        let turn = ready!(self.reader.poll_turn(cx));
        let item = ready!(self.poll_item(cx));
        if let Some(turn) = turn {
            turn.made_progress();
        }
        Poll::Ready(item)
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, CallError<E>>>> {
        loop {
            if matches!(self.stage, Stage::Done) {
                return Poll::Ready(None);
            }
            if self.call.is_cancelled() {
                self.reader.clear();
            }
            match self.reader.next(self.call.limits(), self.decode) {
                Some(Ok(item)) => return Poll::Ready(Some(Ok(item))),
                Some(Err(error)) => return Poll::Ready(Some(Err(self.undecodable(&error)))),
                None => {}
            }
            if matches!(self.stage, Stage::Open) {
                if let Poll::Ready(ending) = self.call.poll(cx) {
                    self.stage = Stage::Ending(ending);
                }
            }
            match (self.reader.poll_more(cx), &self.stage) {
                (Poll::Ready(Ok(())), _) => {}
                // The items may have ended: the call has not.
                (_, Stage::Open) => return Poll::Pending,
                _ => return Poll::Ready(self.finish()),
            }
        }
    }

    /// Nothing more comes: tells how the call ended, if not well.
    fn finish(&mut self) -> Option<Result<T, CallError<E>>> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let Stage::Ending(ending) = stage else { return None };
        let outcome = Outcome::new(&ending, self.call.method(), self.call.limits());
        (self.end)(outcome).err().map(Err)
    }

    fn undecodable(&mut self, error: &DecodeError) -> CallError<E> {
        self.stage = Stage::Done;
        let peer = self.call.peer_addr();
        self.call.give_up();
        let at = Location { offset: error.offset(), path: error.path().to_owned() };
        let text = format!("an item cannot be decoded: {error}");
        Failure::new(self.call.method().full_name(), Code::INTERNAL, Executed::Maybe, text)
            .with_peer(peer)
            .with_location(Some(at))
            .into()
    }
}

impl<T, E> Stream for Streaming<T, E> {
    type Item = Result<T, CallError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx)
    }
}

impl<T, E> fmt::Debug for Streaming<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.debug(f, "Streaming")
    }
}
