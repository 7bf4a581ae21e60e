//! How a peer comes about: over an address, or over any byte stream.

use crate::Address;
use crate::backoff::Backoff;
use crate::error::Error;
use crate::events::{Observer, Watch};
use crate::identity::{Authenticate, PeerInfo};
use crate::link::{Link, Manners, Presence, drive, drive_and_return};
use crate::peer::Peer;
use crate::redial::{Dial, Reconnect};
use crate::router::Router;
use crate::service::Services;
use crate::transport::Socket;
use crate::transport::dial::dial;
use crate::transport::options::SocketOptions;
use bytes::Bytes;
use rpc_core::{Limits, Side};
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// How long opening a connection may take, the resolver included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Failed attempts that an error lists: the last ones.
const ATTEMPTS_LISTED: usize = 64;

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

#[derive(Clone, Debug, Default)]
struct Setup {
    limits: Limits,
    router: Arc<Router>,
    token: Vec<u8>,
    verifier: Option<Arc<dyn Authenticate>>,
    watch: Option<Arc<Watch>>,
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
        let Some(dialer) = &self.dialer else {
            return dial(&self.address, &self.options, self.timeout).await;
        };
        let dialed = timeout(self.timeout, dialer.dial()).await;
        let dialed = dialed.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let failed = |error| Error::connect(&self.address, vec![(self.address.clone(), error)]);
        dialed.map(Socket::Other).map_err(failed)
    }

    async fn dial(&self) -> Result<Socket, Error> {
        let Some(backoff) = &self.backoff else {
            return self.attempt().await;
        };
        let started = Instant::now();
        let mut waits = backoff.waits();
        let mut listed = Vec::new();
        loop {
            let mut error = match self.attempt().await {
                Ok(socket) => return Ok(socket),
                Err(error) => error,
            };
            let wait = waits.after(started.elapsed()).filter(|_| error.is_temporary());
            if let Error::Connect { attempts, .. } = &mut error {
                listed.append(attempts);
                listed.drain(..listed.len().saturating_sub(ATTEMPTS_LISTED));
            }
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None if listed.is_empty() => return Err(error),
                None => return Err(Error::connect(&self.address, listed)),
            }
        }
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
        self.setup.router = Arc::new(Router::new(services)?);
        Ok(self)
    }

    /// Sets the limits of the connection.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.setup.limits = limits;
        self
    }

    /// Sends this token with the first bytes, as [`Connect::token`] does.
    ///
    /// # Errors
    ///
    /// [`Error::TokenTooLong`] above 1,024 bytes.
    pub fn token(mut self, token: impl Into<Vec<u8>>) -> Result<Self, Error> {
        self.setup.token = token.into();
        self.setup.check()?;
        Ok(self)
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

    /// Starts the connection in a task of the current runtime.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as [`tokio::spawn`] does.
    #[must_use = "the connection ends when the last handle is dropped"]
    pub fn start(self) -> Peer {
        let link = self.setup.link(self.side, PeerInfo::default(), None, false);
        start(&link, self.stream);
        Peer::owning(link)
    }

    /// As [`start`](Self::start), for a stream that goes on after the connection. When both sides have
    /// closed it gracefully, [`Returned`] gives the stream back, with the bytes that were read behind the
    /// peer's last frame.
    ///
    /// Both sides must begin so: a peer that does not know of it closes the stream at the end.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as [`tokio::spawn`] does.
    #[must_use = "the connection ends when the last handle is dropped"]
    pub fn start_returning(self) -> (Peer, Returned<S>) {
        let link = self.setup.link(self.side, PeerInfo::default(), None, true);
        let presence = Presence::new(&link, false);
        // Made here, so that a runtime that ends before the task begins ends the connection.
        let driving = drive_and_return(Arc::clone(&link), self.stream);
        let task = tokio::spawn(async move {
            let _presence = presence;
            driving.await
        });
        (Peer::owning(link), Returned { task })
    }
}

/// The stream of a connection that gives it back; await it for the stream and the bytes that were read
/// and belong to whatever comes next.
///
/// # Errors
///
/// [`Error::NotReturned`] if the connection ended in another way.
///
/// # Cancel safety
///
/// Dropping it leaves the connection as it is; the stream is closed at its end.
#[derive(Debug)]
#[must_use = "the stream is closed if nobody takes it"]
pub struct Returned<S> {
    task: JoinHandle<Result<(S, Bytes), Error>>,
}

impl<S> Future for Returned<S> {
    type Output = Result<(S, Bytes), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = ready!(Pin::new(&mut self.task).poll(cx));
        // Only the end of the runtime ends the task otherwise.
        let cut = |error: tokio::task::JoinError| Error::NotReturned { reason: error.to_string() };
        Poll::Ready(ended.map_err(cut).and_then(|returned| returned))
    }
}

impl Setup {
    fn check(&self) -> Result<(), Error> {
        check_token(&self.token)
    }

    fn link(
        self,
        side: Side,
        info: PeerInfo,
        options: Option<SocketOptions>,
        returns: bool,
    ) -> Arc<Link> {
        let manners = Manners {
            token: self.token,
            verifier: self.verifier,
            info,
            options: options.map(Box::new),
            returns,
            watch: self.watch,
            ..Manners::default()
        };
        Arc::new(Link::new(side, self.limits, self.router, manners))
    }
}

/// Whether a HELLO can carry the token.
pub(crate) fn check_token(token: &[u8]) -> Result<(), Error> {
    match token.len() {
        0..=1024 => Ok(()),
        len => Err(Error::TokenTooLong { len }),
    }
}

fn start<S>(link: &Arc<Link>, stream: S)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let presence = Presence::new(link, false);
    // Made here, so that a runtime that ends before the task begins ends the connection.
    let driving = drive(Arc::clone(link), stream);
    tokio::spawn(async move {
        let _presence = presence;
        driving.await;
    });
}
