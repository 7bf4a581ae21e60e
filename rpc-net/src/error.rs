//! What can go wrong before there is a call: binding, resolving, connecting, registering.

use crate::Address;
use rpc_core::Method;
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why a server did not start, a connection did not open, or a service was refused.
///
/// A call that fails has its own type, [`CallError`](rpc_core::CallError).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    #[non_exhaustive]
    Bind {
        /// The address that was asked for.
        address: Address,
        /// What the system says.
        source: io::Error,
    },
    /// The host name has no address.
    #[error("cannot resolve {address}: {source}")]
    #[non_exhaustive]
    Resolve {
        /// The address that was asked for.
        address: Address,
        /// What the resolver says.
        source: io::Error,
    },
    /// No address of the peer accepted the connection.
    #[error("cannot connect to {address}: {}", Attempts(attempts))]
    #[non_exhaustive]
    Connect {
        /// The address that was asked for.
        address: Address,
        /// Every socket address that was tried, in order, each with its error.
        attempts: Vec<(SocketAddr, io::Error)>,
    },
    /// Two methods of the registered services have the same id: one name twice, or two names that collide.
    #[error(
        "the methods {first} and {second} share the id {id:#010x}; rename one of them or its service"
    )]
    #[non_exhaustive]
    MethodCollision {
        /// Full name of the method that was registered first.
        first: &'static str,
        /// Full name of the method that was refused.
        second: &'static str,
        /// The id that both have.
        id: u32,
    },
}

impl Error {
    pub(crate) fn collision(first: &'static Method, second: &'static Method) -> Self {
        let id = second.id().get();
        Self::MethodCollision { first: first.full_name(), second: second.full_name(), id }
    }
}

struct Attempts<'a>(&'a [(SocketAddr, io::Error)]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (address, error)) in self.0.iter().enumerate() {
            let separator = if n == 0 { "" } else { "; " };
            write!(f, "{separator}{address}: {error}")?;
        }
        if self.0.is_empty() { f.write_str("the name has no address") } else { Ok(()) }
    }
}
