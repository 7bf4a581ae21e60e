//! Calls and streams that block their thread.

use super::Awaited;
use super::background::enter;
use super::park::{Hook, Parker, Watch, Woken, after};
use super::place::Place;
use crate::batch::Batch;
use crate::call::{Call, WithMetadata};
use crate::stream::Streaming;
use rpc_core::{CallError, Code, Metadata};
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::iter::FusedIterator;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::task::coop::unconstrained;

/// What a thread can wait for.
trait Waited {
    type Output;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Self::Output>;

    /// The call, or the calls, that it belongs to. Once that has ended, `poll` is ready.
    fn call(&mut self) -> &mut impl Awaited;
}

impl<T, E> Waited for Call<T, E> {
    type Output = Result<T, CallError<E>>;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Future::poll(Pin::new(self), cx)
    }

    fn call(&mut self) -> &mut impl Awaited {
        &mut self.inner
    }
}

impl<T, E> Waited for WithMetadata<T, E> {
    type Output = Result<(T, Metadata), CallError<E>>;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Future::poll(Pin::new(self), cx)
    }

    fn call(&mut self) -> &mut impl Awaited {
        &mut self.call.inner
    }
}

impl<T, E> Waited for Streaming<T, E> {
    type Output = Option<Result<T, CallError<E>>>;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_recv(cx)
    }

    fn call(&mut self) -> &mut impl Awaited {
        &mut self.call
    }
}

impl<T, E> Waited for Batch<T, E> {
    type Output = Vec<Result<T, CallError<E>>>;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Future::poll(Pin::new(self), cx)
    }

    fn call(&mut self) -> &mut impl Awaited {
        &mut self.members
    }
}

impl<T, E> Call<T, E> {
    /// Blocks this thread until the call has ended. A one-way call has ended when it is written.
    ///
    /// The time limit of the call holds whether or not anybody runs the connection. To cancel it from
    /// another thread, take a [`handle`](Self::handle) first.
    ///
    /// # Errors
    ///
    /// As awaiting the call. And [`Code::FAILED_PRECONDITION`], not executed, where blocking is not
    /// allowed: in a handler, and in an async function on a current-thread runtime, see
    /// [`blocking`](crate::blocking); or when nobody runs the current-thread runtime of the connection.
    ///
    /// # Panics
    ///
    /// If the arguments' own stream panics.
    pub fn wait(mut self) -> Result<T, CallError<E>> {
        let mut watch = Watch::over(&mut self.inner, None);
        wait(&mut self, &mut watch)
    }

    /// As [`wait`](Self::wait), and calls `hook` again and again, with `every` between two calls (50 ms
    /// does for most), until the call has ended. The call is cancelled when the hook breaks.
    ///
    /// ```
    /// # fn example(call: rpc_net::Call<u32>, stopped: &std::sync::atomic::AtomicBool) {
    /// use std::ops::ControlFlow;
    /// use std::sync::atomic::Ordering::Relaxed;
    ///
    /// let every = std::time::Duration::from_millis(50);
    /// let result = call.wait_with(every, || match stopped.load(Relaxed) {
    ///     true => ControlFlow::Break(()),
    ///     false => ControlFlow::Continue(()),
    /// });
    /// # let _ = result; }
    /// ```
    ///
    /// # Errors
    ///
    /// As `wait`; [`Code::CANCELLED`] when the hook broke.
    pub fn wait_with(
        mut self,
        every: Duration,
        hook: impl FnMut() -> ControlFlow<()> + Send,
    ) -> Result<T, CallError<E>> {
        let mut watch = Watch::over(&mut self.inner, Some((every, Box::new(hook))));
        wait(&mut self, &mut watch)
    }
}

impl<T, E> Batch<T, E> {
    /// Blocks this thread until the last of the calls has ended, as [`Call::wait`] does for one.
    ///
    /// The calls' own time limits hold whether or not anybody runs the connection. Where blocking is not
    /// allowed each of them fails with [`Code::FAILED_PRECONDITION`], not executed.
    ///
    /// ```
    /// # fn example(add: impl Fn(u32) -> rpc_net::Call<u32>) {
    /// let sums = rpc_net::batch((0..100).map(add)).wait();
    /// assert_eq!(sums.len(), 100);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If decoding a value, or the own stream of a call, panics.
    pub fn wait(mut self) -> Vec<Result<T, CallError<E>>> {
        let mut watch = Watch::over(&mut self.members, None);
        wait(&mut self, &mut watch)
    }
}

impl<T, E> WithMetadata<T, E> {
    /// As [`Call::wait`].
    ///
    /// # Errors
    ///
    /// As `Call::wait`.
    pub fn wait(mut self) -> Result<(T, Metadata), CallError<E>> {
        let mut watch = Watch::over(&mut self.call.inner, None);
        wait(&mut self, &mut watch)
    }
}

impl<T, E> Streaming<T, E> {
    /// An iterator over the items, which blocks its thread until there is one.
    ///
    /// After the last item it ends if the call ended well; otherwise it yields one error, and ends then.
    /// The items of the call's own stream, if it has one, are sent only while the iterator waits.
    ///
    /// Where blocking is not allowed, the error is [`Code::FAILED_PRECONDITION`], as for [`Call::wait`],
    /// and the call is cancelled.
    pub fn wait(mut self) -> Items<T, E> {
        let watch = Watch::over(&mut self.call, None);
        Items { call: self, watch }
    }

    /// As [`wait`](Self::wait), with a hook as [`Call::wait_with`] has it, called while it waits.
    pub fn wait_with(
        mut self,
        every: Duration,
        hook: impl FnMut() -> ControlFlow<()> + Send + 'static,
    ) -> Items<T, E> {
        let watch = Watch::over(&mut self.call, Some((every, Box::new(hook))));
        Items { call: self, watch }
    }
}

/// The items of a streaming call, for a thread that blocks; see [`Streaming::wait`]. Dropping it cancels the
/// call.
#[must_use = "nothing is sent before the first item is asked for"]
pub struct Items<T, E = Infallible> {
    call: Streaming<T, E>,
    watch: Watch<'static>,
}

impl<T, E> Iterator for Items<T, E> {
    type Item = Result<T, CallError<E>>;

    fn next(&mut self) -> Option<Self::Item> {
        wait(&mut self.call, &mut self.watch)
    }
}

// It tells everything once, and `None` ever after.
impl<T, E> FusedIterator for Items<T, E> {}

impl<T, E> fmt::Debug for Items<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}

impl<'a> Watch<'a> {
    /// Watches over a call that begins to be waited for now.
    fn over(call: &mut impl Awaited, hook: Option<(Duration, Box<Hook<'a>>)>) -> Self {
        // One more, because a connection counts in whole milliseconds and must not be early.
        let deadline = call.timeout().map(|timeout| after(timeout + Duration::from_millis(1)));
        Self { deadline, hook, ..Self::default() }
    }
}

fn wait<W: Waited>(waited: &mut W, watch: &mut Watch<'_>) -> W::Output {
    let parker = Arc::new(Parker::default());
    let waker = Waker::from(Arc::clone(&parker));
    let mut cx = Context::from_waker(&waker);
    // Looking at a call that is sent already blocks nobody.
    if waited.call().is_sent() {
        if let Poll::Ready(output) = waited.poll(&mut cx) {
            return output;
        }
    }
    let refused = match Place::here() {
        Err(refused) => refused,
        Ok(place) => match place.block(|| run(waited, watch, &parker, &mut cx)) {
            Ok(output) => return output,
            Err(refused) => refused,
        },
    };
    waited.call().end(Code::FAILED_PRECONDITION, refused);
    run(waited, watch, &parker, &mut cx)
}

fn run<W: Waited>(
    waited: &mut W,
    watch: &mut Watch<'_>,
    parker: &Parker,
    cx: &mut Context<'_>,
) -> W::Output {
    // Without the thread the call itself says what it lacks.
    let _entered = waited.call().needs_runtime().then(enter).transpose().ok().flatten().flatten();
    loop {
        // A thread that blocks has no turn to give back; where it was refused, the budget is used up.
        let polled = pin!(unconstrained(poll_fn(|cx| waited.poll(cx)))).poll(cx);
        if let Poll::Ready(output) = polled {
            return output;
        }
        if waited.call().has_ended() {
            let text = "the call was awaited to its end before";
            waited.call().end(Code::FAILED_PRECONDITION, text);
            continue;
        }
        match watch.park(parker, waited.call().link()) {
            Woken::Awake => {}
            Woken::Cancelled => waited.call().cancel(),
            Woken::Ends(code, text) => waited.call().end(code, text),
        }
    }
}
