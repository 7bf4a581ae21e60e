//! Listening on whichever kind of address: one listener for the accept loop.

use super::options::SocketOptions;
use super::{Socket, tcp};
use crate::Address;
use crate::address::Kind;
use crate::error::Error;
use std::io;
#[cfg(unix)]
use std::sync::Arc;
use tokio::net::TcpListener;

/// What is accepted from.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    /// The claim stands first: it is dropped before the listener, as it must be.
    #[cfg(unix)]
    Unix(Arc<super::unix::Claim>, tokio::net::UnixListener),
}

/// What is left to do when listening ends, for whoever wants it done at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Release {
    #[cfg(unix)]
    claim: Option<Arc<super::unix::Claim>>,
}

impl Release {
    /// Removes the file of a Unix socket.
    pub(crate) fn now(&self) {
        #[cfg(unix)]
        if let Some(claim) = &self.claim {
            claim.release();
        }
    }
}

impl Listener {
    /// Listens on the first of the addresses that can be listened on.
    pub(crate) async fn open(address: &Address, options: &SocketOptions) -> Result<Self, Error> {
        let bind = |source| Error::Bind { address: address.clone(), source };
        if let Kind::Unix(path) = address.kind() {
            return Self::open_unix(path, options).await.map_err(bind);
        }
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for candidate in address.resolve().await.map_err(bind)? {
            match tcp::listen(candidate, options) {
                Ok(listener) => return Ok(Self::Tcp(listener)),
                Err(error) => last = error,
            }
        }
        Err(bind(last))
    }

    #[cfg(unix)]
    async fn open_unix(path: &std::path::Path, options: &SocketOptions) -> io::Result<Self> {
        let (listener, claim) = super::unix::listen(path, options).await?;
        Ok(Self::Unix(Arc::new(claim), listener))
    }

    #[cfg(not(unix))]
    async fn open_unix(_: &std::path::Path, _: &SocketOptions) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => Ok(Socket::Tcp(listener.accept().await?.0)),
            #[cfg(unix)]
            Self::Unix(_, listener) => Ok(Socket::Unix(listener.accept().await?.0)),
        }
    }

    /// Where it listens, with the port that the system chose.
    pub(crate) fn local_addr(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => Ok(listener.local_addr()?.into()),
            #[cfg(unix)]
            Self::Unix(claim, _) => Ok(Address::unix(claim.path())),
        }
    }

    pub(crate) fn options_in_force(&self) -> io::Result<SocketOptions> {
        match self {
            Self::Tcp(listener) => SocketOptions::in_force(listener),
            #[cfg(unix)]
            Self::Unix(_, listener) => SocketOptions::in_force(listener),
        }
    }

    /// The socket without the runtime, non-blocking still. The [release](Self::release) must be kept while it
    /// lives.
    pub(crate) fn into_std(self) -> io::Result<socket2::Socket> {
        match self {
            Self::Tcp(listener) => Ok(listener.into_std()?.into()),
            #[cfg(unix)]
            Self::Unix(_, listener) => Ok(listener.into_std()?.into()),
        }
    }

    pub(crate) fn release(&self) -> Release {
        match self {
            Self::Tcp(_) => Release::default(),
            #[cfg(unix)]
            Self::Unix(claim, _) => Release { claim: Some(Arc::clone(claim)) },
        }
    }
}
