//! How a connection that comes again is asked for.

use super::Redial;
use crate::Address;
use crate::connect::Connect;
use crate::error::Error;
use crate::peer::Peer;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};

/// Any byte stream, whatever its type.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

impl std::fmt::Debug for dyn Duplex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Duplex")
    }
}

/// Opens the byte stream of a connection, once for each attempt.
pub(crate) trait Dial: Send + Sync {
    fn dial(&self) -> Dialing;
}

/// A byte stream that is being opened.
pub(crate) type Dialing = Pin<Box<dyn Future<Output = io::Result<Box<dyn Duplex>>> + Send>>;

impl<F, Fut, S> Dial for F
where
    F: Fn() -> Fut + Send + Sync,
    Fut: Future<Output = io::Result<S>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    fn dial(&self) -> Dialing {
        let dialing = self();
        Box::pin(async move { Ok(Box::new(dialing.await?) as Box<dyn Duplex>) })
    }
}

impl std::fmt::Debug for dyn Dial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dial")
    }
}

/// A peer that connects when it is first called, and again whenever its connection is lost:
/// [`connect`](crate::connect)`(address).`[`reconnecting`](Connect::reconnecting)`().`[`lazy`](Reconnect::lazy)`()`.
///
/// It needs no runtime to make, but its first call does; one that is [waited](crate::Call::wait) for brings its
/// own.
///
/// ```
/// # async fn example() {
/// let peer = rpc_net::connect_lazy("localhost:4000"); // Nothing is opened yet.
/// # let _ = peer; }
/// ```
#[must_use = "nothing is opened until it is called"]
pub fn connect_lazy(address: impl Into<Address>) -> Peer {
    Peer::redialing(Redial::new(crate::connect(address), false))
}

/// A connection that is to be dialed again whenever it is lost; see [`Connect::reconnecting`].
#[derive(Debug)]
#[must_use = "nothing is opened until this is awaited"]
pub struct Reconnect {
    connect: Connect,
    fail_fast: bool,
}

impl Reconnect {
    pub(crate) const fn new(connect: Connect) -> Self {
        Self { connect, fail_fast: false }
    }

    /// Lets calls fail at once with [`Code::UNAVAILABLE`](rpc_core::Code::UNAVAILABLE), not executed, when
    /// there is no connection, instead of waiting for one. It is dialed all the same.
    pub fn fail_fast(mut self) -> Self {
        self.fail_fast = true;
        self
    }

    /// The peer, without a connection: the first call opens it.
    ///
    /// # Errors
    ///
    /// [`Error::TokenTooLong`].
    pub fn lazy(self) -> Result<Peer, Error> {
        self.connect.check()?;
        Ok(Peer::redialing(Redial::new(self.connect, self.fail_fast)))
    }
}

impl IntoFuture for Reconnect {
    type Output = Result<Peer, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Opens the first connection, as [`Connect`] does, with its retries if any are set.
    ///
    /// # Cancel safety
    ///
    /// Dropping it closes the sockets that were being opened.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.connect.check()?;
            let link = self.connect.open().await?;
            let redial = Redial::new(self.connect, self.fail_fast);
            redial.start(Some(link));
            Ok(Peer::redialing(redial))
        })
    }
}
