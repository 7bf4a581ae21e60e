//! What a handler may know about the call that it answers.

use crate::link::Link;
use crate::peer::Peer;
use rpc_core::{CallId, Method};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The circumstances of one call, for the handler that asks for `cx: &hton::Context`.
pub struct Context {
    pub(crate) link: Arc<Link>,
    pub(crate) method: &'static Method,
    pub(crate) id: CallId,
    pub(crate) deadline: Option<Instant>,
}

impl Context {
    /// `"Service/method"` of the call.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.method.full_name()
    }

    /// The address of the caller, when the transport has addresses.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.link.peer_addr()
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

    /// The caller, to be called back over the same connection.
    #[must_use]
    pub fn peer(&self) -> Peer {
        Peer::visiting(Arc::clone(&self.link))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("method", &self.method())
            .field("id", &self.id)
            .field("peer_addr", &self.peer_addr())
            .field("remaining", &self.remaining())
            .finish()
    }
}
