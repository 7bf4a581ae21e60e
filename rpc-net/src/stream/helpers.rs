//! The public helpers: making streams and reading them, without another crate.

use futures_core::Stream;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;

/// The stream of what an iterator yields. It is always ready.
pub fn iter<I: IntoIterator>(items: I) -> Iter<I::IntoIter> {
    Iter { items: items.into_iter() }
}

/// See [`iter`].
#[derive(Clone, Debug)]
#[must_use = "a stream does nothing until it is polled"]
pub struct Iter<I> {
    items: I,
}

impl<I> Unpin for Iter<I> {}

impl<I: Iterator> Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.items.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

/// The stream of one item.
pub fn once<T>(item: T) -> Once<T> {
    iter(Some(item))
}

/// See [`once`].
pub type Once<T> = Iter<std::option::IntoIter<T>>;

/// The stream of no items.
pub fn empty<T>() -> Empty<T> {
    iter(None)
}

/// See [`empty`].
pub type Empty<T> = Iter<std::option::IntoIter<T>>;

/// The stream that `step` makes, from one state to the next, until it gives `None`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let halves = rpc_net::stream::unfold(8_u32, async |n| (n > 0).then_some((n, n / 2)));
/// assert_eq!(rpc_net::stream::collect(halves).await, [8, 4, 2, 1]);
/// # }
/// ```
pub fn unfold<S, T, F, Fut>(state: S, step: F) -> Unfold<S, F, Fut>
where
    F: FnMut(S) -> Fut,
    Fut: Future<Output = Option<(T, S)>>,
{
    Unfold { state: Some(state), step, running: Box::pin(None) }
}

/// See [`unfold`].
#[must_use = "a stream does nothing until it is polled"]
pub struct Unfold<S, F, Fut> {
    /// Empty while a step runs, and after the end.
    state: Option<S>,
    step: F,
    running: Pin<Box<Option<Fut>>>,
}

impl<S, F, Fut> Unpin for Unfold<S, F, Fut> {}

impl<S, T, F, Fut> Stream for Unfold<S, F, Fut>
where
    F: FnMut(S) -> Fut,
    Fut: Future<Output = Option<(T, S)>>,
{
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        if let Some(state) = this.state.take() {
            this.running.set(Some((this.step)(state)));
        }
        let Some(running) = this.running.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let stepped = ready!(running.poll(cx));
        this.running.set(None);
        Poll::Ready(stepped.map(|(item, state)| {
            this.state = Some(state);
            item
        }))
    }
}

impl<S, F, Fut> fmt::Debug for Unfold<S, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unfold").field("runs", &self.running.is_some()).finish_non_exhaustive()
    }
}

/// A stream that is fed from elsewhere: at most `items` items wait in it before the feeder does.
///
/// # Panics
///
/// If `items` is 0.
pub fn channel<T>(items: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel(items);
    (Sender { sender }, Receiver { receiver })
}

/// The end of a [`channel`] that feeds. The stream ends when all its clones are dropped.
pub struct Sender<T> {
    sender: mpsc::Sender<T>,
}

impl<T> Sender<T> {
    /// Puts an item in, when there is room.
    ///
    /// # Errors
    ///
    /// [`Closed`], with the item, when the stream was dropped: whoever reads wants no more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the item, and no other.
    pub async fn send(&self, item: T) -> Result<(), Closed<T>> {
        self.sender.send(item).await.map_err(|refused| Closed(refused.0))
    }

    /// Ready when the stream was dropped.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.sender.is_closed()).finish()
    }
}

/// The stream of a [`channel`].
#[must_use = "a stream does nothing until it is polled"]
pub struct Receiver<T> {
    receiver: mpsc::Receiver<T>,
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.receiver.poll_recv(cx)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("waiting", &self.receiver.len()).finish()
    }
}

/// An item that cannot be sent, because the stream it was for was dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Closed<T>(pub T);

impl<T> fmt::Debug for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closed(..)")
    }
}

impl<T> fmt::Display for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream was dropped")
    }
}

impl<T> Error for Closed<T> {}

/// The next item of a stream; `None` at its end.
///
/// # Cancel safety
///
/// Dropping the future loses no item.
pub fn next<S: Stream + Unpin + ?Sized>(stream: &mut S) -> Next<'_, S> {
    Next { stream }
}

/// See [`next`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Next<'a, S: ?Sized> {
    stream: &'a mut S,
}

impl<S: Stream + Unpin + ?Sized> Future for Next<'_, S> {
    type Output = Option<S::Item>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.stream).poll_next(cx)
    }
}

impl<S: ?Sized> fmt::Debug for Next<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next")
    }
}

/// Every item of a stream, in order, when it has ended.
pub async fn collect<S: Stream>(stream: S) -> Vec<S::Item> {
    let mut stream = pin!(stream);
    let mut items = Vec::new();
    while let Some(item) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        items.push(item);
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn made_streams_yield_what_was_put_in() {
        assert_eq!(collect(iter([1, 2])).await, [1, 2]);
        assert_eq!(collect(once("x")).await, ["x"]);
        assert!(collect(empty::<u8>()).await.is_empty());
        let count = unfold(0, async |n| {
            tokio::task::yield_now().await;
            (n < 3).then_some((n, n + 1))
        });
        assert_eq!(collect(count).await, [0, 1, 2]);
    }

    #[tokio::test]
    async fn a_stream_has_ended_for_good() {
        let mut count = unfold((), async |()| None::<(u8, ())>);
        assert_eq!(next(&mut count).await, None);
        assert_eq!(next(&mut count).await, None);
    }

    #[tokio::test]
    async fn a_channel_ends_with_its_senders_and_refuses_after_its_stream() {
        let (sender, stream) = channel(2);
        let other = sender.clone();
        sender.send(1).await.unwrap();
        drop(sender);
        other.send(2).await.unwrap();
        drop(other);
        assert_eq!(collect(stream).await, [1, 2]);

        let (sender, stream) = channel(1);
        drop(stream);
        sender.closed().await;
        assert_eq!(sender.send(7).await, Err(Closed(7)));
    }
}
