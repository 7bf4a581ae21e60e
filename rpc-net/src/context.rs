//! What a handler may know about the call that it answers, and what it may say beside its result.

use crate::identity::Identity;
use crate::layer::Extensions;
use crate::link::Link;
use crate::peer::Peer;
use rpc_core::{CallId, Metadata, MetadataError, Method};
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{self, Poll};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The circumstances of one call, for the handler that asks for `cx: &hton::Context`.
pub struct Context {
    pub(crate) link: Arc<Link>,
    pub(crate) method: &'static Method,
    pub(crate) id: CallId,
    pub(crate) deadline: Option<Instant>,
    metadata: Metadata,
    /// Made when the handler says something: most say nothing.
    reply_metadata: OnceLock<Box<Mutex<Metadata>>>,
    /// What layers have left for the handler.
    pub(crate) extensions: Extensions,
    /// Made when somebody asks; cancelled when the call is over.
    over: OnceLock<CancellationToken>,
}

impl Context {
    pub(crate) fn new(
        link: Arc<Link>,
        method: &'static Method,
        id: CallId,
        deadline: Option<Instant>,
        metadata: Metadata,
    ) -> Self {
        let (reply_metadata, over) = (OnceLock::new(), OnceLock::new());
        let extensions = Extensions::default();
        Self { link, method, id, deadline, metadata, reply_metadata, extensions, over }
    }

    /// `"Service/method"` of the call.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.method.full_name()
    }

    /// The number of the call on its connection. Numbers are used again after two thousand million calls.
    #[must_use]
    pub const fn call_id(&self) -> CallId {
        self.id
    }

    /// The address of the caller, when the transport has addresses.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.link.peer_addr()
    }

    /// What the caller calls itself, if it does. It may call itself anything: this proves nothing.
    #[must_use]
    pub fn peer_name(&self) -> Option<&str> {
        self.link.peer_name()
    }

    /// Who the caller is, as far as the transport or an accepted token vouches for it.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.link.identity()
    }

    /// When the caller stops waiting; the handler is dropped then. `None` = no deadline.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long the caller still waits, 0 when it no longer does. `None` = no deadline.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Ready when the call is over: cancelled, late, its connection lost, or answered.
    ///
    /// The handler itself is dropped when its caller gives up and need not ask. This is for what it has
    /// started elsewhere, such as a task.
    pub fn cancelled(&self) -> Cancelled {
        let over = self.over.get_or_init(CancellationToken::new).clone();
        Cancelled { future: Box::pin(over.cancelled_owned()) }
    }

    /// What the caller sent beside the arguments.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The value of this type that a [`Layer`](crate::layer::Layer) has left for the handler.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.extensions.get()
    }

    /// Adds an entry to what travels beside the answer, be it a result or the handler's error. Order and
    /// duplicates are kept. Should all of them be longer than the caller accepts, the answer becomes
    /// [`Code::RESOURCE_EXHAUSTED`](rpc_core::Code::RESOURCE_EXHAUSTED).
    ///
    /// # Errors
    ///
    /// [`MetadataError`] if the key or the value cannot travel; see [`Metadata::append`].
    pub fn reply_metadata(&self, key: &str, value: impl AsRef<[u8]>) -> Result<(), MetadataError> {
        // Before the lock: `as_ref` is the user's.
        let value = value.as_ref();
        self.replies().append(key, value).map(drop)
    }

    /// The caller, to be called back over the same connection.
    #[must_use]
    pub fn peer(&self) -> Peer {
        Peer::visiting(Arc::clone(&self.link))
    }

    /// What the caller sent beside the arguments, for layers to change.
    pub(crate) const fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    pub(crate) fn take_reply_metadata(&self) -> Metadata {
        match self.reply_metadata.get() {
            Some(_) => std::mem::take(&mut *self.replies()),
            None => Metadata::new(),
        }
    }

    fn replies(&self) -> MutexGuard<'_, Metadata> {
        let replies = self.reply_metadata.get_or_init(Box::default);
        replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if let Some(over) = self.over.get() {
            over.cancel();
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("method", &self.method())
            .field("id", &self.id)
            .field("peer_addr", &self.peer_addr())
            .field("peer_name", &self.peer_name())
            .field("identity", &self.identity())
            .field("remaining", &self.remaining())
            .field("metadata", &self.metadata)
            .finish()
    }
}

/// Ready when a call is over; see [`Context::cancelled`]. It may outlive the handler.
#[derive(Debug)]
#[must_use = "a future does nothing until it is awaited"]
pub struct Cancelled {
    future: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        self.future.as_mut().poll(cx)
    }
}
