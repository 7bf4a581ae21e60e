//! What can go wrong before there is a call: binding, resolving, connecting, registering.

use crate::Address;
use rpc_core::Method;
use rpc_core::schema::SchemaError;
use std::fmt;
use std::io;

/// Why a server did not start, a connection did not open, or a service was refused.
///
/// A call that fails has its own type, [`CallError`](rpc_core::CallError).
///
/// ```
/// # async fn example() {
/// use std::io::ErrorKind;
/// match rpc_net::connect("localhost:4000").await {
///     Ok(peer) => drop(peer),
///     Err(error) if error.kind() == ErrorKind::ConnectionRefused => println!("nobody listens"),
///     Err(error) => println!("{error}"),
/// }
/// # }
/// ```
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
        /// Every address that was tried, in order, each with its error.
        attempts: Vec<(Address, io::Error)>,
    },
    /// The token that is to be sent is longer than the 1,024 bytes that a HELLO can carry.
    #[error("the token has {len} bytes, at most 1024 can be sent")]
    #[non_exhaustive]
    TokenTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The stream cannot be given back: the connection ended before both sides had said that it is over.
    #[error("the stream cannot be given back: {reason}")]
    #[non_exhaustive]
    NotReturned {
        /// How the connection ended instead.
        reason: String,
    },
    /// The call would block a thread that must not block.
    #[error("{reason}")]
    #[non_exhaustive]
    WouldBlock {
        /// Which thread it is, and what to do instead.
        reason: &'static str,
    },
    /// The thread that runs the connections of blocking programs did not start.
    #[error("the thread that runs connections does not start: {source}")]
    #[non_exhaustive]
    NoThread {
        /// What the system says.
        source: io::Error,
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
    /// A type of the method cannot travel: the elements of a sequence take no bytes, say.
    #[error("the method {method} cannot be called: {source}")]
    #[non_exhaustive]
    Schema {
        /// Full name of the method.
        method: &'static str,
        /// Which part, and why.
        source: SchemaError,
    },
}

impl Error {
    pub(crate) fn connect(address: &Address, attempts: Vec<(Address, io::Error)>) -> Self {
        Self::Connect { address: address.clone(), attempts }
    }

    /// What kind of failure it is, in the system's terms: of the last address that was tried, where several
    /// were. What no system said is [`InvalidInput`](io::ErrorKind::InvalidInput), or
    /// [`ConnectionAborted`](io::ErrorKind::ConnectionAborted) for a stream that is not given back.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Bind { source, .. }
            | Self::Resolve { source, .. }
            | Self::NoThread { source } => source.kind(),
            // A name without an address is one that nobody knows.
            Self::Connect { attempts, .. } => {
                attempts.last().map_or(io::ErrorKind::NotFound, |(_, error)| error.kind())
            }
            Self::NotReturned { .. } => io::ErrorKind::ConnectionAborted,
            Self::WouldBlock { .. } => io::ErrorKind::WouldBlock,
            Self::TokenTooLong { .. } | Self::MethodCollision { .. } | Self::Schema { .. } => {
                io::ErrorKind::InvalidInput
            }
        }
    }

    /// The same, for one more listener: errors of the system cannot be cloned.
    pub(crate) fn of_dialing(address: &Address, error: &Self) -> Self {
        let again = |error: &io::Error| match error.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::new(error.kind(), error.to_string()),
        };
        let address = address.clone();
        match error {
            Self::Resolve { source, .. } => Self::Resolve { address, source: again(source) },
            Self::Connect { attempts, .. } => {
                let attempts = attempts.iter().map(|(to, error)| (to.clone(), again(error)));
                Self::Connect { address, attempts: attempts.collect() }
            }
            // Dialing has no others.
            other => Self::Connect {
                attempts: vec![(address.clone(), io::Error::new(other.kind(), other.to_string()))],
                address,
            },
        }
    }

    /// Whether trying again later may help: the other end does not listen yet, or cannot be reached now.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Resolve { source, .. } => is_temporary(source),
            Self::Connect { attempts, .. } => {
                attempts.is_empty() || attempts.iter().any(|(_, error)| is_temporary(error))
            }
            _ => false,
        }
    }

    pub(crate) fn collision(first: &'static Method, second: &'static Method) -> Self {
        let id = second.id().get();
        Self::MethodCollision { first: first.full_name(), second: second.full_name(), id }
    }

    pub(crate) fn schema(method: &'static Method, problem: &SchemaError) -> Self {
        Self::Schema { method: method.full_name(), source: problem.clone() }
    }
}

fn is_temporary(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    !matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported)
}

struct Attempts<'a>(&'a [(Address, io::Error)]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (address, error)) in self.0.iter().enumerate() {
            let separator = if n == 0 { "" } else { "; " };
            write!(f, "{separator}{address}: {error}")?;
        }
        if self.0.is_empty() { f.write_str("the name has no address") } else { Ok(()) }
    }
}
