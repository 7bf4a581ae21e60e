//! How a peer comes about over any byte stream.

use crate::error::Error;
use crate::events::{Observer, Watch};
use crate::identity::{Authenticate, PeerInfo};
use crate::link::{Link, Manners, Presence, drive, drive_and_return};
use crate::peer::Peer;
use crate::router::Router;
use crate::service::Services;
use crate::transport::options::SocketOptions;
use bytes::Bytes;
use rpc_core::{Limits, Side};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

/// Makes a peer of one end of any byte stream.
///
/// The two ends must take different sides; nothing else differs between them.
pub fn attach<S>(stream: S, side: Side) -> Attach<S>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    Attach { stream, side, info: PeerInfo::default(), setup: Setup::default() }
}

/// One end of a byte stream that is to be a peer.
#[derive(Debug)]
#[must_use = "nothing is sent until `start` is called"]
pub struct Attach<S> {
    stream: S,
    side: Side,
    /// What is known of the other end before it says anything.
    info: PeerInfo,
    setup: Setup,
}

/// What is set of a connection before it begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    pub(crate) limits: Limits,
    pub(crate) router: Arc<Router>,
    pub(crate) token: Vec<u8>,
    pub(crate) verifier: Option<Arc<dyn Authenticate>>,
    pub(crate) watch: Option<Arc<Watch>>,
}

impl<S> Attach<S>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    /// Sets what is known of the other end.
    pub(crate) fn known(mut self, info: PeerInfo) -> Self {
        self.info = info;
        self
    }

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

    /// Sends this token with the first bytes, as [`Connect::token`](crate::Connect::token) does.
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
        let link = self.setup.link(self.side, self.info, None, false);
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
        let link = self.setup.link(self.side, self.info, None, true);
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
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_token(&self.token)
    }

    pub(crate) fn link(
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

pub(crate) fn start<S>(link: &Arc<Link>, stream: S)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let presence = Presence::new(link, false);
    // Made here, so that a runtime that ends before the task begins ends the connection.
    let mut driving = drive(Arc::clone(link), stream);
    // Not awaited in a block of its own: it would stand in the task twice.
    tokio::spawn(poll_fn(move |cx| {
        let driven = Pin::new(&mut driving).poll(cx);
        let _held = &presence;
        driven
    }));
}
