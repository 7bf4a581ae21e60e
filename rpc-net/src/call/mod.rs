//! Calls of a peer's methods, from the stub to the end of the call.
//!
//! A stub makes an [`Outgoing`]: method, encoded arguments, metadata, time limit; it can be sent more
//! than once. Whatever takes it to the peer is a future of [`Ending`]: code, metadata and message, still
//! encoded. Over one connection that is a [`RawCall`], which costs no allocation. A peer with layers, or
//! one that dials again, has a [`Via`] instead, which sees every call of the peer as such a pair and may
//! send it on, send it again, or end it itself. [`Call`] is the typed end of both roads: it decodes the
//! ending, and dropping it drops whatever carries the call, which cancels it.

mod attempt;
mod ending;
mod handle;
mod outgoing;
mod raw;
mod within;

pub(crate) use attempt::{After, Unopened};
pub use ending::Ending;
pub(crate) use ending::{Message, Said, is_unbegun};
pub use handle::CallHandle;
pub use outgoing::Outgoing;
pub(crate) use outgoing::{Kind, timeout_ms, unencodable};
pub(crate) use raw::RawCall;
pub(crate) use within::Within;

use crate::base::Carrier;
use crate::identity::PeerInfo;
use crate::layer::Layers;
use crate::link::Link;
use crate::outcome::Outcome;
use crate::peer::Peer;
use crate::scope::Scope;
use rpc_core::archive::DecodeLimits;
use rpc_core::{CallError, Code, Executed, Metadata, MetadataError, Method};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::runtime::Handle;

/// How a stub reads what came back.
pub(crate) type Decode<T, E> = fn(Outcome<'_>) -> Result<T, CallError<E>>;

/// Why a call ended whose handle cancelled it.
pub(crate) const CANCELLED: &str = "the call was cancelled through its handle";

/// A call that is carried by something else than one connection alone.
pub(crate) type Carried = Pin<Box<dyn Future<Output = Ending> + Send>>;

/// What stands between the stubs of a peer and its connection: layers, or a connection that comes again.
pub(crate) trait Via: Send + Sync {
    /// Carries a call to its end. Its deadline is fixed; nothing of it is sent before the first poll.
    fn send(&self, call: Outgoing) -> Carried;

    /// What is known of the other end now.
    fn peer(&self) -> PeerInfo;

    /// Where the timers of whatever stands around it run.
    fn runtime(&self) -> Option<Handle>;

    /// The layers that it is made of, and what stands behind them.
    fn layers(&self) -> Option<(&Layers, &Arc<dyn Via>)> {
        None
    }
}

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
    pub(crate) inner: Inner,
    pub(crate) decode: Decode<T, E>,
}

/// A call whose types are forgotten.
pub(crate) struct Inner {
    method: &'static Method,
    limits: DecodeLimits,
    road: Road,
    handle: OnceLock<CallHandle>,
}

enum Road {
    /// Over one connection.
    Raw(RawCall),
    /// To be handed to what stands before the connection.
    Waiting(Outgoing, Arc<dyn Via>),
    /// Carried by that.
    Carried(Carried),
    /// It could not be made.
    Spoiled(Option<Ending>),
    /// Ended.
    Done,
}

impl<T, E> Call<T, E> {
    pub(crate) fn new(inner: Inner, decode: Decode<T, E>) -> Self {
        Self { inner, decode }
    }

    /// Sets how long the call may take, counted from its first poll, instead of the default.
    ///
    /// It is rounded up to a millisecond and clamped to 24 hours. When it has passed, the call ends
    /// with [`Code::DEADLINE_EXCEEDED`] and the peer drops the handler.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.inner.set_timeout(timeout);
        self
    }

    /// Adds an entry to the metadata that travel beside the arguments; order and duplicates are kept.
    ///
    /// A key or value that cannot travel fails the call, unsent, with [`Code::INVALID_ARGUMENT`]; see
    /// [`Metadata::append`].
    pub fn metadata(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.inner.append(|metadata| metadata.append(key, value).map(drop));
        self
    }

    /// Adds an entry whose value is not printed, see [`Metadata::append_sensitive`].
    pub fn metadata_sensitive(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.inner.append(|metadata| metadata.append_sensitive(key, value).map(drop));
        self
    }

    /// A handle that cancels the call from elsewhere, also from another thread.
    pub fn handle(&self) -> CallHandle {
        self.inner.handle()
    }

    /// The same call, resolving to its result together with the metadata that came beside it.
    pub fn with_metadata(self) -> WithMetadata<T, E> {
        WithMetadata { call: self }
    }

    fn poll_outcome<R>(
        &mut self,
        cx: &mut Context<'_>,
        wrap: impl FnOnce(T, Ending) -> R,
    ) -> Poll<Result<R, CallError<E>>> {
        let ending = ready!(self.inner.poll(cx));
        let outcome = Outcome::new(&ending, self.inner.method, self.inner.limits);
        Poll::Ready((self.decode)(outcome).map(|value| wrap(value, ending)))
    }
}

impl<T, E> Future for Call<T, E> {
    type Output = Result<T, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_outcome(cx, |value, _| value)
    }
}

impl<T, E> fmt::Debug for Call<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.debug(f, "Call")
    }
}

/// A [`Call`] that also tells the metadata of the answer; see [`Call::with_metadata`].
///
/// The metadata of a failed call are in its [`Failure`](rpc_core::Failure).
#[must_use = "a call does nothing until it is awaited"]
pub struct WithMetadata<T, E = Infallible> {
    pub(crate) call: Call<T, E>,
}

impl<T, E> Future for WithMetadata<T, E> {
    type Output = Result<(T, Metadata), CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.call.poll_outcome(cx, |value, ending| {
            (value, ending.metadata.map(|metadata| *metadata).unwrap_or_default())
        })
    }
}

impl<T, E> fmt::Debug for WithMetadata<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}

impl Inner {
    /// A call over the connection of `peer`, or by what stands before it.
    pub(crate) fn new(
        peer: &Peer,
        method: &'static Method,
        call: Result<Outgoing, Ending>,
    ) -> Self {
        let road = match call {
            Ok(call) => match peer.carrier() {
                Carrier::Raw(handle) => Road::Raw(RawCall::new(handle, call)),
                Carrier::Via(via) => Road::Waiting(call, via),
            },
            Err(ending) => Road::Spoiled(Some(ending)),
        };
        Self { method, limits: peer.decode_limits(), road, handle: OnceLock::new() }
    }

    pub(crate) fn outgoing(&mut self) -> Option<&mut Outgoing> {
        match &mut self.road {
            Road::Raw(call) => call.outgoing(),
            Road::Waiting(call, _) => Some(call),
            Road::Carried(_) | Road::Spoiled(_) | Road::Done => None,
        }
    }

    pub(crate) const fn method(&self) -> &'static Method {
        self.method
    }

    pub(crate) const fn limits(&self) -> DecodeLimits {
        self.limits
    }

    /// The address of the other end, where one connection carries the call.
    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        match &self.road {
            Road::Raw(call) => call.peer_addr(),
            Road::Waiting(..) | Road::Carried(_) | Road::Spoiled(_) | Road::Done => None,
        }
    }

    /// Whether the call's handle has cancelled it; the next poll tells how it ended.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.handle.get().is_some_and(CallHandle::is_cancelled)
    }

    /// Drops whatever carries the call, which cancels it.
    pub(crate) fn give_up(&mut self) {
        self.road = Road::Done;
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        if let Some(call) = self.outgoing() {
            call.set_timeout(timeout);
        }
    }

    pub(crate) fn append(
        &mut self,
        append: impl FnOnce(&mut Metadata) -> Result<(), MetadataError>,
    ) {
        let appended = self.outgoing().map(|call| append(&mut call.metadata));
        if let Some(Err(error)) = appended {
            let text = format!("the metadata cannot travel: {error}");
            let ending = Ending::here(Code::INVALID_ARGUMENT, Executed::No, text);
            self.road = Road::Spoiled(Some(ending));
        }
    }

    pub(crate) fn handle(&self) -> CallHandle {
        self.handle.get_or_init(CallHandle::new).clone()
    }

    /// Runs the call to its end. Ready once.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        if self.poll_cancelled(cx) {
            return self.cancelled();
        }
        if let Road::Waiting(call, via) = &mut self.road {
            call.fix_deadline(Scope::current());
            self.road = Road::Carried(via.send(call.take()));
        }
        let ending = match &mut self.road {
            Road::Raw(call) => ready!(Pin::new(call).poll(cx)),
            Road::Carried(call) => ready!(call.as_mut().poll(cx)),
            Road::Spoiled(ending) => match ending.take() {
                Some(ending) => ending,
                None => return Poll::Pending,
            },
            // A future that is polled after it resolved has nothing more to say.
            Road::Waiting(..) | Road::Done => return Poll::Pending,
        };
        self.road = Road::Done;
        Poll::Ready(ending)
    }

    /// The call, if it goes over one connection alone.
    #[inline]
    pub(crate) fn raw(&mut self) -> Option<&mut RawCall> {
        match &mut self.road {
            Road::Raw(call) => Some(call),
            Road::Waiting(..) | Road::Carried(_) | Road::Spoiled(_) | Road::Done => None,
        }
    }

    /// Whether it has a handle, which may cancel it.
    pub(crate) fn has_handle(&self) -> bool {
        self.handle.get().is_some()
    }

    /// Whether its handle has cancelled it; if not, `cx` is woken when it does.
    pub(crate) fn poll_cancelled(&self, cx: &Context<'_>) -> bool {
        self.handle.get().is_some_and(|handle| handle.poll_cancelled(cx))
    }

    /// Those who opened the call in its stead know how it ended.
    pub(crate) fn settle(&mut self, code: Code) {
        if let Road::Raw(call) = &mut self.road {
            call.settle(code);
        }
        self.road = Road::Done;
    }

    /// As [`end`](Self::end), for a call that others have opened in its stead, or would have.
    pub(crate) fn end_for(&mut self, ending: Ending) {
        self.settle(ending.code());
        self.road = Road::Spoiled(Some(ending));
    }

    fn cancelled(&mut self) -> Poll<Ending> {
        self.cut(Code::CANCELLED, CANCELLED).map_or(Poll::Pending, Poll::Ready)
    }

    /// Ends the call here and now. `None` if it has ended.
    fn cut(&mut self, code: Code, text: &str) -> Option<Ending> {
        let executed = match &self.road {
            Road::Done => return None,
            Road::Raw(call) => call.executed(),
            Road::Carried(_) => Executed::Maybe,
            Road::Waiting(..) => Executed::No,
            // It may have ended so after it was sent.
            Road::Spoiled(ending) => ending.as_ref().map_or(Executed::No, Ending::executed),
        };
        // Dropping it tells the peer.
        self.road = Road::Done;
        Some(Ending::here(code, executed, text))
    }

    /// Ends the call so: the next poll tells it, even if it was told another end before.
    pub(crate) fn end(&mut self, code: Code, text: &str) {
        let ending = self.cut(code, text);
        let ending = ending.unwrap_or_else(|| Ending::here(code, Executed::Maybe, text));
        self.road = Road::Spoiled(Some(ending));
    }

    /// Whether it was told how the call ended.
    pub(crate) const fn has_ended(&self) -> bool {
        matches!(self.road, Road::Done)
    }

    /// Whether it is known how the call ends, and was not told.
    pub(crate) const fn is_spoiled(&self) -> bool {
        matches!(self.road, Road::Spoiled(_))
    }

    /// Whether it needs a runtime to begin, because what is to carry it has none yet.
    pub(crate) fn needs_runtime(&self) -> bool {
        matches!(&self.road, Road::Waiting(_, via) if via.runtime().is_none())
    }

    /// The connection that carries it, when one alone does.
    pub(crate) fn link(&self) -> Option<&Link> {
        match &self.road {
            Road::Raw(call) => Some(call.link()),
            Road::Waiting(..) | Road::Carried(_) | Road::Spoiled(_) | Road::Done => None,
        }
    }

    pub(crate) fn debug(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        let stage = match &self.road {
            Road::Raw(call) => call.stage(),
            Road::Carried(_) => "on its way",
            Road::Waiting(..) | Road::Spoiled(_) => "not sent",
            Road::Done => "ended",
        };
        f.debug_struct(name)
            .field("method", &self.method.full_name())
            .field("stage", &stage)
            .finish()
    }
}
