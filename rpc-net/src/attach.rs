//! How a peer comes about: over an address, or over any byte stream.

use crate::Address;
use crate::error::Error;
use crate::link::{Link, drive};
use crate::peer::Peer;
use crate::router::Router;
use crate::service::Services;
use crate::transport::tcp;
use rpc_core::{Limits, Side};
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// Opens a connection to the peer that listens on `address`; await it for a [`Peer`].
///
/// ```no_run
/// # async fn example() -> Result<(), rpc_net::Error> {
/// let peer = rpc_net::connect("localhost:4000").await?;
/// # Ok(()) }
/// ```
pub fn connect(address: impl Into<Address>) -> Connect {
    Connect { address: address.into(), setup: Setup::default() }
}

/// A connection to be opened.
#[derive(Debug)]
#[must_use = "nothing is opened until this is awaited"]
pub struct Connect {
    address: Address,
    setup: Setup,
}

/// Makes a peer of one end of any byte stream.
///
/// The two ends must take different sides; nothing else differs between them.
pub fn attach<S>(stream: S, side: Side) -> Attach<S>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    Attach { stream, side, setup: Setup::default() }
}

/// One end of a byte stream that is to be a peer.
#[derive(Debug)]
#[must_use = "nothing is sent until `start` is called"]
pub struct Attach<S> {
    stream: S,
    side: Side,
    setup: Setup,
}

#[derive(Debug, Default)]
struct Setup {
    limits: Limits,
    router: Router,
}

impl Connect {
    /// Serves these services to the other end, over the same connection.
    ///
    /// # Errors
    ///
    /// [`Error::MethodCollision`] if two methods have the same id.
    pub fn serve(mut self, services: impl Services) -> Result<Self, Error> {
        self.setup.router = Router::new(services)?;
        Ok(self)
    }

    /// Sets the limits of the connection.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.setup.limits = limits;
        self
    }
}

impl IntoFuture for Connect {
    type Output = Result<Peer, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Tries every address that the name stands for. The peer's HELLO is not waited for: a peer that
    /// is no hton peer shows at the first call.
    ///
    /// # Cancel safety
    ///
    /// Dropping it closes the socket that was being opened.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let stream = tcp::connect(&self.address).await?;
            let addr = stream.peer_addr().ok();
            let link = self.setup.link(Side::Dialer, addr);
            Ok(start(link, stream))
        })
    }
}

impl<S> Attach<S>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    /// Serves these services to the other end.
    ///
    /// # Errors
    ///
    /// [`Error::MethodCollision`] if two methods have the same id.
    pub fn serve(mut self, services: impl Services) -> Result<Self, Error> {
        self.setup.router = Router::new(services)?;
        Ok(self)
    }

    /// Sets the limits of the connection.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.setup.limits = limits;
        self
    }

    /// Starts the connection in a task of the current runtime.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as [`tokio::spawn`] does.
    #[must_use = "the connection ends when the last handle is dropped"]
    pub fn start(self) -> Peer {
        start(self.setup.link(self.side, None), self.stream)
    }
}

impl Setup {
    fn link(self, side: Side, addr: Option<std::net::SocketAddr>) -> Arc<Link> {
        Arc::new(Link::new(side, self.limits, Arc::new(self.router), addr))
    }
}

fn start<S>(link: Arc<Link>, stream: S) -> Peer
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    tokio::spawn(drive(Arc::clone(&link), stream));
    Peer::owning(link)
}
