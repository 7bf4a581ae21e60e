//! The items that a caller sends, as its handler reads them.

use super::inflow::{End, Inflow, Reader};
use crate::link::Link;
use futures_core::Stream;
use rpc_core::archive::{DecodeError, Decoder};
use rpc_core::{Code, Executed, Failure, Location, Method};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The stream of items that the caller of a method sends: the `Rx<T>` argument of a handler.
///
/// It yields `Ok(item)` for each item and then ends. It ends cleanly only if the caller has finished: when
/// the call is cut off, by its caller, its deadline or a lost connection, the last thing it yields is a
/// [`Failure`]; so a truncated upload never looks complete. A handler is dropped then anyhow; who
/// reads in another task sees the failure.
///
/// A reader that stops reading bounds its sender: at most [`Limits::window_bytes`] of items wait here.
/// Dropping it tells the caller to send no more, while the call goes on.
///
/// ```
/// # use rpc_net::Rx;
/// async fn sum(mut numbers: Rx<i64>) -> Result<i64, rpc_core::Status> {
///     let mut sum = 0;
///     while let Some(number) = numbers.recv().await? {
///         sum += number;
///     }
///     Ok(sum)
/// }
/// ```
///
/// [`Limits::window_bytes`]: rpc_core::Limits::window_bytes
///
/// Spec: `stream.credit.return`, `stream.stop.answer`.
#[must_use = "dropping it tells the caller to send nothing more"]
pub struct Rx<T> {
    link: Arc<Link>,
    method: &'static Method,
    reader: Reader,
    decode: fn(&mut Decoder<'_>) -> Result<T, DecodeError>,
    ended: bool,
}

impl<T> Rx<T> {
    pub(crate) fn new(
        link: Arc<Link>,
        method: &'static Method,
        inflow: Arc<Inflow>,
        decode: fn(&mut Decoder<'_>) -> Result<T, DecodeError>,
    ) -> Self {
        Self { link, method, reader: Reader::new(inflow), decode, ended: false }
    }

    /// The next item; `None` when the caller has sent all.
    ///
    /// # Errors
    ///
    /// The call was cut off, or the item cannot be decoded; nothing comes after that.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no item.
    pub async fn recv(&mut self) -> Result<Option<T>, Failure> {
        poll_fn(|cx| self.poll_recv(cx)).await.transpose()
    }

    /// Every item that is still to come.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv); the items before are lost then. There is no limit to how many come: for
    /// callers whom one trusts, or that are few.
    pub async fn collect(mut self) -> Result<Vec<T>, Failure> {
        let mut items = Vec::new();
        while let Some(item) = self.recv().await? {
            items.push(item);
        }
        Ok(items)
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Failure>>> {
        let turn = ready!(self.reader.poll_turn(cx));
        let item = ready!(self.poll_item(cx));
        if let Some(turn) = turn {
            turn.made_progress();
        }
        Poll::Ready(item)
    }

    fn poll_item(&mut self, cx: &Context<'_>) -> Poll<Option<Result<T, Failure>>> {
        while !self.ended {
            match self.reader.next(self.link.decode_limits(), self.decode) {
                Some(Ok(item)) => return Poll::Ready(Some(Ok(item))),
                Some(Err(error)) => return Poll::Ready(Some(Err(self.undecodable(&error)))),
                None => {}
            }
            match ready!(self.reader.poll_more(cx)) {
                Ok(()) => {}
                Err(End::Finished) => self.ended = true,
                Err(End::CutOff(code, why)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(self.failure(code, why))));
                }
            }
        }
        Poll::Ready(None)
    }

    fn undecodable(&mut self, error: &DecodeError) -> Failure {
        self.ended = true;
        self.reader.abandon();
        let at = Location { offset: error.offset(), path: error.path().to_owned() };
        self.failure(Code::INVALID_ARGUMENT, format!("an item cannot be decoded: {error}"))
            .with_location(Some(at))
    }

    fn failure(&self, code: Code, text: impl Into<String>) -> Failure {
        Failure::new(self.method.full_name(), code, Executed::Maybe, text)
            .with_peer(self.link.peer_addr())
    }
}

impl<T> Stream for Rx<T> {
    type Item = Result<T, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx)
    }
}

impl<T> Drop for Rx<T> {
    fn drop(&mut self) {
        self.reader.abandon();
    }
}

impl<T> fmt::Debug for Rx<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rx")
            .field("method", &self.method.full_name())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
