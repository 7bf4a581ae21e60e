//! The handle of one connection: what calls go through, in both directions.

use crate::call::{Call, Decode};
use crate::link::Link;
use crate::outcome::Outcome;
use rpc_core::archive::{EncodeError, Encoder};
use rpc_core::{CallError, CloseCode, Method};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// The other end of a connection. Cheap to clone; all clones are the same connection.
///
/// Typed clients are made from it: `CalcClient::new(&peer)`. When the last clone of the handle that
/// opened a connection is dropped, and the last client made from it, the connection ends gracefully.
#[derive(Clone)]
pub struct Peer {
    handle: Arc<Handle>,
}

struct Handle {
    link: Arc<Link>,
    /// Whether the connection ends with this handle.
    owner: bool,
}

impl Peer {
    /// The handle with which the connection ends.
    pub(crate) fn owning(link: Arc<Link>) -> Self {
        Self { handle: Arc::new(Handle { link, owner: true }) }
    }

    /// A handle that leaves the connection to its owner.
    pub(crate) fn visiting(link: Arc<Link>) -> Self {
        Self { handle: Arc::new(Handle { link, owner: false }) }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.handle.link
    }

    /// The address of the other end, when the transport has addresses.
    #[must_use]
    pub fn addr(&self) -> Option<SocketAddr> {
        self.link().peer_addr()
    }

    /// Whether the connection has ended: every further call fails at once.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link().lock().ended.is_some()
    }

    /// Ends the connection gracefully: calls that are open go on, new ones of this side are refused
    /// (those that handlers make, too), and the connection closes when both sides have finished, at the latest after [`Limits::drain_ms`].
    ///
    /// [`Limits::drain_ms`]: rpc_core::Limits::drain_ms
    pub fn close(&self) {
        self.link().finish("closed by its user");
    }

    /// A call of `method`. The arguments are encoded now; nothing is sent before it is polled.
    ///
    /// For generated code; [`Outcome`] tells how `decode` reads the answer.
    pub fn call<T, E>(
        &self,
        method: &'static Method,
        args: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>,
        decode: fn(Outcome<'_>) -> Result<T, CallError<E>>,
    ) -> Call<T, E> {
        let decode: Decode<T, E> = decode;
        Call::new(self.clone(), method, args, decode)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.owner {
            self.link.close(CloseCode::GRACEFUL, "nobody uses the connection any more");
        }
    }
}

impl From<&Self> for Peer {
    fn from(peer: &Self) -> Self {
        peer.clone()
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("addr", &self.addr()).finish_non_exhaustive()
    }
}
