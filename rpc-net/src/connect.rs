//! How a peer comes about over an address.

use crate::Address;
use crate::attach::{Setup, start};
use crate::backoff::Backoff;
use crate::error::Error;
use crate::events::{Observer, Watch};
use crate::identity::Authenticate;
use crate::link::Link;
use crate::peer::Peer;
use crate::redial::{Dial, Reconnect};
use crate::router::Router;
use crate::service::Services;
use crate::transport::Socket;
use crate::transport::dial::{CONNECT_TIMEOUT, dial, persist};
use crate::transport::options::SocketOptions;
use rpc_core::{Limits, Side};
use std::future::{Future, IntoFuture};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

/// Opens a connection to the peer that listens on `address`; await it for a [`Peer`].
///
/// ```no_run
/// # async fn example() -> Result<(), rpc_net::Error> {
/// let peer = rpc_net::connect("localhost:4000").await?;
/// # Ok(()) }
/// ```
pub fn connect(address: impl Into<Address>) -> Connect {
    Connect {
        address: address.into(),
        setup: Setup::default(),
        options: SocketOptions::default(),
        timeout: CONNECT_TIMEOUT,
        backoff: None,
        dialer: None,
    }
}

/// A connection to be opened.
#[derive(Debug)]
#[must_use = "nothing is opened until this is awaited"]
pub struct Connect {
    address: Address,
    setup: Setup,
    options: SocketOptions,
    timeout: Duration,
    backoff: Option<Backoff>,
    /// What opens the byte stream instead of dialing the address.
    dialer: Option<Arc<dyn Dial>>,
}

impl Connect {
    /// Serves these services to the other end, over the same connection.
    ///
    /// # Errors
    ///
    /// [`Error::MethodCollision`] if two methods have the same id.
    pub fn serve(mut self, services: impl Services) -> Result<Self, Error> {
        self.setup.router = Arc::new(Router::new(services)?);
        Ok(self)
    }

    /// Sets the limits of the connection.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.setup.limits = limits;
        self
    }

    /// Sends this token with the first bytes: who this side is. At most 1,024 bytes. It travels as it
    /// is, so that whoever reads the connection has it.
    pub fn token(mut self, token: impl Into<Vec<u8>>) -> Self {
        self.setup.token = token.into();
        self
    }

    /// Asks who the other end is before any call is sent to it or taken from it.
    pub fn authenticate(mut self, verifier: impl Authenticate) -> Self {
        self.setup.verifier = Some(Arc::new(verifier));
        self
    }

    /// Tells this observer of the connection and of every call on it, and has the calls that are asked
    /// counted.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.setup.watch = Some(Watch::new(observer));
        self
    }

    /// Sets the options of the socket.
    pub fn options(mut self, options: SocketOptions) -> Self {
        self.options = options;
        self
    }

    /// Dials from this address, to choose a network card; port 0 lets the system choose the port. The same as
    /// [`SocketOptions::local_addr`].
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), rpc_net::Error> {
    /// let peer = rpc_net::connect("10.0.0.7:4000").local_addr(([10, 0, 0, 2], 0)).await?;
    /// # Ok(()) }
    /// ```
    pub fn local_addr(mut self, address: impl Into<SocketAddr>) -> Self {
        self.options.local_addr = Some(address.into());
        self
    }

    /// Sets how long one attempt may take, over all addresses of the name and with the resolver. It is
    /// 10 s unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Tries again, after waits that this draws, while the failure may pass: while nobody listens, the
    /// name has no address, or nobody answers. Not when the address itself is wrong or forbidden.
    pub fn retry(mut self, backoff: Backoff) -> Self {
        self.backoff = Some(backoff);
        self
    }

    /// Opens the byte stream with this function, once for each attempt, instead of dialing the address,
    /// which only names it in errors then: for tunnels, other transports, and tests in memory.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), rpc_net::Error> {
    /// use tokio::net::TcpStream;
    /// let peer = rpc_net::connect("calc").dial_with(|| TcpStream::connect("10.0.0.7:4000")).await?;
    /// # Ok(()) }
    /// ```
    pub fn dial_with<F, Fut, S>(mut self, dial: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.dialer = Some(Arc::new(dial));
        self
    }

    /// Dials again whenever the connection is lost, or the peer goes away, after waits as
    /// [`retry`](Self::retry) sets them; without it as [`Backoff`] does by default, but for ever.
    ///
    /// Calls wait for a connection within their deadlines. A call that ended with its connection before
    /// anything of it ran goes over the next one, once for each; one that may have run fails. The services
    /// of this side are served on every new connection. A streaming call that has begun does not go again.
    /// When dialing has been given up, and when the peer is no hton peer or refuses this side, the calls that
    /// wait fail, and the next call begins anew. The peer is closed when its user closes it.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), rpc_net::Error> {
    /// let peer = rpc_net::connect("localhost:4000").reconnecting().await?;
    /// # Ok(()) }
    /// ```
    pub fn reconnecting(self) -> Reconnect {
        Reconnect::new(self)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        self.setup.check()
    }

    pub(crate) fn limits_set(&self) -> &Limits {
        &self.setup.limits
    }

    /// How to wait between two connections.
    pub(crate) fn backoff_set(&self) -> Backoff {
        self.backoff.clone().unwrap_or_else(|| Backoff::default().forever())
    }

    async fn attempt(&self) -> Result<Socket, Error> {
        let dialed = self.dial_once().await;
        if let (Err(error), Some(watch)) = (&dialed, &self.setup.watch) {
            watch.dial_failed(&self.address, error);
        }
        dialed
    }

    async fn dial_once(&self) -> Result<Socket, Error> {
        let Some(dialer) = &self.dialer else {
            return dial(&self.address, &self.options, self.timeout).await;
        };
        let dialed = timeout(self.timeout, dialer.dial()).await;
        let dialed = dialed.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let failed = |error| Error::connect(&self.address, vec![(self.address.clone(), error)]);
        dialed.map(Socket::Other).map_err(failed)
    }

    async fn dial(&self) -> Result<Socket, Error> {
        persist(&self.address, self.backoff.as_ref(), || self.attempt()).await
    }

    /// Opens a connection, and starts it.
    pub(crate) async fn open(&self) -> Result<Arc<Link>, Error> {
        Ok(self.begin(self.dial().await?))
    }

    /// As [`open`](Self::open), without trying again.
    pub(crate) async fn open_once(&self) -> Result<Arc<Link>, Error> {
        Ok(self.begin(self.attempt().await?))
    }

    fn begin(&self, socket: Socket) -> Arc<Link> {
        let info = socket.peer_info();
        let in_force = socket.set(&self.options).ok();
        let link = self.setup.clone().link(Side::Dialer, info, in_force, false);
        match socket {
            Socket::Tcp(stream) => start(&link, stream),
            #[cfg(unix)]
            Socket::Unix(stream) => start(&link, stream),
            Socket::Other(stream) => start(&link, stream),
        }
        link
    }
}

impl IntoFuture for Connect {
    type Output = Result<Peer, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Races every address that the name stands for: the next begins when one has failed, or after
    /// 250 ms; the families take turns. The peer's HELLO is not waited for: a peer that is no hton peer,
    /// or that refuses this side, shows at the first call, and in [`Peer::closed`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it closes the sockets that were being opened.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.check()?;
            self.open().await.map(Peer::owning)
        })
    }
}
