//! Calls that are made together and awaited together.
//!
//! The unary calls over one connection are a [`Crew`]: opened under one lock, woken for once, their
//! answers taken under one lock. All other calls stand [`Apart`]: each is polled on its own when it was woken.

mod apart;
mod crew;
mod ended;
mod members;

pub(crate) use members::Members;

use crate::call::{Call, Decode};
use crate::outcome::Outcome;
use rpc_core::CallError;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Makes calls together: one task awaits them all, and gets their results in the order of the calls.
///
/// Each call is what it would be alone: it has its own deadline and metadata, counts against the peer's
/// limit, and ends in its own result or error. Together they cost less: calls over the same connection are handed over
/// at once, leave in one write if they fit, and wake their task when the last of them has ended.
///
/// ```
/// # #[derive(Clone)] struct GreeterClient(rpc_net::Peer);
/// # impl GreeterClient { fn greet(&self, _: String) -> rpc_net::Call<String> { unimplemented!() } }
/// # async fn example(greeter: GreeterClient, names: Vec<String>) {
/// let calls = names.into_iter().map(|name| greeter.greet(name));
/// for result in rpc_net::batch(calls).await {
///     match result {
///         Ok(greeting) => println!("{greeting}"),
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// # }
/// ```
pub fn batch<T, E>(calls: impl IntoIterator<Item = Call<T, E>>) -> Batch<T, E> {
    let calls = calls.into_iter();
    let expected = calls.size_hint().0;
    let mut inners = Vec::with_capacity(expected);
    let mut decodes = Vec::with_capacity(expected);
    for Call { inner, decode } in calls {
        inners.push(inner);
        decodes.push(decode);
    }
    Batch { members: Members::new(inners), decodes, results: Vec::new() }
}

/// Calls that are awaited together, made by [`batch`]. They are sent when it is first polled.
///
/// Resolves to one result for each call, in the order of the calls, when the last of them has ended; without
/// calls it does so at once. Calls of one kind over one connection are sent in their order.
///
/// When the peer's [limit](rpc_core::Limits::calls) of open calls is reached, the others wait in line and are
/// sent in their order; together they count as one against
/// [`Limits::queued_calls`](rpc_core::Limits::queued_calls). One whose deadline passes in line ends there, not
/// executed. Calls that a handler makes inherit its deadline and do not wait: those beyond the limit fail at
/// once, as [`Call`] says.
///
/// It takes as much memory as its calls, and keeps results until the last one has come. Calls that may differ much in how
/// long they take are better awaited one by one.
///
/// # Cancel safety
///
/// Dropping it before it is polled sends nothing. Dropping it later cancels every call that has not
/// ended, as if each were dropped; the results that have come are lost. A [`CallHandle`](crate::CallHandle) that was
/// taken of a call before cancels that one alone.
///
/// # Panics
///
/// If decoding a value, or the own stream of a call, panics.
#[must_use = "calls do nothing until they are awaited"]
pub struct Batch<T, E = Infallible> {
    pub(crate) members: Members,
    decodes: Vec<Decode<T, E>>,
    results: Vec<Option<Result<T, CallError<E>>>>,
}

// Nothing in it is pinned.
impl<T, E> Unpin for Batch<T, E> {}

impl<T, E> Batch<T, E> {
    /// How many calls it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.decodes.len()
    }

    /// Whether it has no calls.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.decodes.is_empty()
    }
}

impl<T, E> Future for Batch<T, E> {
    type Output = Vec<Result<T, CallError<E>>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { members, decodes, results } = self.get_mut();
        // Also after it was awaited to its end before, when errors take the place of the results.
        if results.len() < decodes.len() {
            results.resize_with(decodes.len(), || None);
        }
        ready!(members.poll(cx, &mut |told| {
            let outcome = Outcome::new(told.ending, told.method, told.limits);
            if let (Some(decode), Some(result)) =
                (decodes.get(told.number), results.get_mut(told.number))
            {
                *result = Some(decode(outcome));
            }
        }));
        Poll::Ready(std::mem::take(results).into_iter().flatten().collect())
    }
}

impl<T, E> fmt::Debug for Batch<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("calls", &self.len())
            .field("unfinished", &self.members.left())
            .finish()
    }
}
