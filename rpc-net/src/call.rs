//! The future of one call. Dropping it cancels the call.

use crate::buffers;
use crate::link::{self, State, Waiter};
use crate::outcome::{Ending, Outcome};
use crate::peer::Peer;
use crate::scope::Scope;
use rpc_core::archive::{EncodeError, EncodeErrorKind, Encoder};
use rpc_core::connection::{NewCall, Refusal};
use rpc_core::frame::CancelReason;
use rpc_core::{CallError, CallId, Code, Executed, Failure, Method, Payload, Time};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How a stub reads what came back.
pub(crate) type Decode<T, E> = fn(Outcome<'_>) -> Result<T, CallError<E>>;

/// A call of a peer's method that is sent when it is first polled.
///
/// Resolves to the result of the method, or to a [`CallError`]. It needs no runtime to be polled in.
///
/// A call that is first polled by a handler ends by the handler's own deadline at the latest, and
/// never waits for the peer's limit of open calls: when that is reached it fails at once, not
/// executed, because the open calls may be waiting for this very handler. A task that the handler
/// spawns inherits neither.
///
/// # Cancel safety
///
/// Dropping it before it is polled sends nothing. Dropping it later cancels the call: the peer is
/// told, and drops the handler. What the handler did until then stays done.
#[must_use = "a call does nothing until it is awaited"]
pub struct Call<T, E = Infallible> {
    peer: Peer,
    method: &'static Method,
    deadline_ms: Option<u32>,
    decode: Decode<T, E>,
    stage: Stage,
}

enum Stage {
    /// Encoded, not sent; waiting in line if it has a place.
    Unsent { payload: Payload, place: Option<link::Place>, deadline: Option<Time> },
    /// The arguments could not be encoded.
    Unencodable(EncodeError),
    /// Open, with this id.
    Open(CallId),
    /// Resolved.
    Done,
}

impl<T, E> Call<T, E> {
    pub(crate) fn new(
        peer: Peer,
        method: &'static Method,
        args: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>,
        decode: Decode<T, E>,
    ) -> Self {
        let mut out = Encoder::new(buffers::take(), peer.link().message_bytes_out());
        let stage = match args(&mut out).and_then(|()| out.finish()) {
            Ok(payload) => Stage::Unsent { payload, place: None, deadline: None },
            Err(error) => Stage::Unencodable(error),
        };
        let deadline_ms = match peer.link().limits().default_deadline_ms {
            0 => None,
            ms => Some(ms),
        };
        Self { peer, method, deadline_ms, decode, stage }
    }

    /// Sets how long the call may take, counted from its first poll, instead of the default.
    ///
    /// It is rounded up to a millisecond and clamped to 24 hours. When it has passed, the call ends
    /// with [`Code::DEADLINE_EXCEEDED`] and the peer drops the handler.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        const MS_MAX: u32 = 24 * 60 * 60 * 1000;
        let ms = timeout.as_nanos().div_ceil(1_000_000);
        self.deadline_ms = Some(u32::try_from(ms).unwrap_or(MS_MAX).min(MS_MAX));
        self
    }

    fn failure(&self, code: Code, executed: Executed, text: impl Into<String>) -> CallError<E> {
        Failure::new(self.method.full_name(), code, executed, text)
            .with_peer(self.peer.link().peer_addr())
            .into()
    }

    /// Tries to open the call. After `Ok` it stands in line or is open.
    fn open(&mut self, cx: &Context<'_>) -> Result<(), CallError<E>> {
        let link = self.peer.link();
        let now = link.now_at_latest();
        let scope = Scope::current();
        let Stage::Unsent { payload, place, deadline } = &mut self.stage else {
            return Ok(());
        };
        if place.is_none() && deadline.is_none() {
            let own = self.deadline_ms.map(|ms| now.plus_millis(ms.into()));
            let inherited = scope.and_then(|scope| scope.deadline).map(|at| link.moment(at));
            *deadline = own.into_iter().chain(inherited).min();
        }
        let mut state = link.lock();
        let (tried, wakers) = attempt(
            &mut state,
            now,
            self.method,
            payload,
            place,
            *deadline,
            cx.waker(),
            link,
            scope.is_some(),
        );
        drop(state);
        for waker in wakers.into_iter().flatten() {
            waker.wake();
        }
        match tried {
            Ok(Some(id)) => {
                let opened = std::mem::replace(&mut self.stage, Stage::Open(id));
                if let Stage::Unsent { payload, .. } = opened {
                    buffers::give(payload.into_buffer());
                }
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(refusal) => Err(self.refused(refusal)),
        }
    }

    fn refused(&self, refusal: Unopened) -> CallError<E> {
        let (code, text) = match refusal {
            Unopened::Late => {
                let text = "the deadline passed while the call waited for others to end";
                (Code::DEADLINE_EXCEEDED, text.to_owned())
            }
            Unopened::LineFull(n) => (
                Code::RESOURCE_EXHAUSTED,
                format!("{n} calls wait already (Limits::queued_calls); await some of them first"),
            ),
            Unopened::Nested => {
                let text = "the peer's limit of open calls is reached, and a call that a handler \
                            makes does not wait: the calls before it may wait for the handler";
                (Code::RESOURCE_EXHAUSTED, text.to_owned())
            }
            Unopened::Ended(reason) => (Code::UNAVAILABLE, reason),
            Unopened::Refused(refusal) => {
                let code = match refusal {
                    Refusal::Closing | Refusal::Closed => Code::UNAVAILABLE,
                    _ => Code::RESOURCE_EXHAUSTED,
                };
                (code, refusal.to_string())
            }
        };
        self.failure(code, Executed::No, text)
    }

    /// Takes how the call ended, if it has; otherwise remembers whom to wake.
    fn ending(&self, id: CallId, cx: &Context<'_>) -> Poll<Option<Ending>> {
        let mut state = self.peer.link().lock();
        let Some(waiter) = state.machine.waiter(id) else {
            return Poll::Ready(None);
        };
        if waiter.ending.is_none() {
            if !waiter.waker.will_wake(cx.waker()) {
                // The old waker's drop is its runtime's code: it must not run under the lock.
                let old = std::mem::replace(&mut waiter.waker, cx.waker().clone());
                drop(state);
                drop(old);
            }
            return Poll::Pending;
        }
        let waiter = state.machine.take(id);
        drop(state);
        Poll::Ready(waiter.and_then(|mut waiter| {
            buffers::give(std::mem::take(&mut waiter.buffer));
            waiter.ending
        }))
    }
}

/// Why a call could not be opened.
enum Unopened {
    Late,
    LineFull(usize),
    Nested,
    Ended(String),
    Refused(Refusal),
}

type Opened = (Result<Option<CallId>, Unopened>, [Option<Waker>; 2]);

/// Under the lock: opens the call if it is its turn. Returns whom to wake after the lock.
#[allow(clippy::too_many_arguments, reason = "the parts of one call, borrowed apart from it")]
fn attempt(
    state: &mut State,
    now: Time,
    method: &'static Method,
    payload: &mut Payload,
    place: &mut Option<link::Place>,
    deadline: Option<Time>,
    waker: &Waker,
    link: &link::Link,
    nested: bool,
) -> Opened {
    if let Some(reason) = state.closed() {
        let reason = reason.to_owned();
        return (Err(Unopened::Ended(reason)), leave(state, place));
    }
    if place.is_some() && deadline.is_some_and(|deadline| deadline <= now) {
        return (Err(Unopened::Late), leave(state, place));
    }
    if state.queue.may_try(*place) {
        let waiter = Waiter { waker: waker.clone(), ending: None, buffer: buffers::take() };
        let call = NewCall { method: method.id(), signature: 0, deadline, metadata: &[], payload };
        match state.call(now, call, waiter) {
            Ok(id) => {
                let [next, _] = leave(state, place);
                return (Ok(Some(id)), [next, state.driver()]);
            }
            Err((Refusal::Busy, waiter)) => buffers::give(waiter.buffer),
            Err((refusal, _)) => return (Err(Unopened::Refused(refusal)), leave(state, place)),
        }
    }
    match place {
        Some(place) => state.queue.stay(*place, waker),
        None if nested => return (Err(Unopened::Nested), [None, None]),
        None if state.queue.len() >= link.limits().queued_calls => {
            return (Err(Unopened::LineFull(state.queue.len())), [None, None]);
        }
        None => *place = Some(state.queue.join(waker, deadline)),
    }
    // The driver keeps the time for those in line.
    (Ok(None), [None, state.driver()])
}

fn leave(state: &mut State, place: &mut Option<link::Place>) -> [Option<Waker>; 2] {
    [place.take().and_then(|place| state.queue.leave(place)), None]
}

impl<T, E> Future for Call<T, E> {
    type Output = Result<T, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Stage::Unsent { .. } = &this.stage {
            if let Err(error) = this.open(cx) {
                this.stage = Stage::Done;
                return Poll::Ready(Err(error));
            }
            return Poll::Pending;
        }
        let id = match &this.stage {
            Stage::Open(id) => *id,
            Stage::Unencodable(error) => {
                let code = match error.kind() {
                    EncodeErrorKind::TooLarge => Code::RESOURCE_EXHAUSTED,
                    _ => Code::INVALID_ARGUMENT,
                };
                let text = format!("the arguments cannot be encoded: {error}");
                let error = this.failure(code, Executed::No, text);
                this.stage = Stage::Done;
                return Poll::Ready(Err(error));
            }
            // A future that is polled after it resolved has nothing more to say.
            Stage::Unsent { .. } | Stage::Done => return Poll::Pending,
        };
        match this.ending(id, cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(ending) => {
                this.stage = Stage::Done;
                Poll::Ready(match ending {
                    Some(ending) => {
                        (this.decode)(Outcome::new(&ending, this.method, this.peer.link()))
                    }
                    None => Err(this.failure(Code::INTERNAL, Executed::Maybe, "the call was lost")),
                })
            }
        }
    }
}

impl<T, E> Drop for Call<T, E> {
    fn drop(&mut self) {
        let link = self.peer.link();
        match &self.stage {
            Stage::Open(id) => {
                let mut state = link.lock();
                let waiter = state.machine.cancel(*id, CancelReason::DROPPED);
                let driver = state.driver();
                drop(state);
                drop(waiter);
                link::wake(driver);
            }
            Stage::Unsent { place: Some(place), .. } => {
                let next = link.lock().queue.leave(*place);
                link::wake(next);
            }
            Stage::Unsent { place: None, .. } | Stage::Unencodable(_) | Stage::Done => {}
        }
    }
}

impl<T, E> fmt::Debug for Call<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.stage {
            Stage::Unsent { place: None, .. } | Stage::Unencodable(_) => "not sent",
            Stage::Unsent { place: Some(_), .. } => "waiting for its turn",
            Stage::Open(_) => "open",
            Stage::Done => "ended",
        };
        f.debug_struct("Call")
            .field("method", &self.method.full_name())
            .field("stage", &stage)
            .finish()
    }
}
