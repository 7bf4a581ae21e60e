//! From an address to a connection of messages.

use super::Connection;
use super::about::Origin;
use crate::Address;
use crate::backoff::Backoff;
use crate::error::Error;
use crate::events::{Observer, Watch};
use crate::transport::Socket;
use crate::transport::dial::{CONNECT_TIMEOUT, dial, persist};
use crate::transport::options::SocketOptions;
use rpc_core::archive::DecodeLimits;
use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A connection of messages that is to be opened; await it for a [`Connection`].
///
/// ```no_run
/// # async fn example() -> Result<(), rpc_net::Error> {
/// use rpc_net::message::Connection;
/// use std::time::Duration;
///
/// let connecting = Connection::connect("localhost:4000").connect_timeout(Duration::from_secs(2));
/// let connection = connecting.await?;
/// println!("connected to {:?}", connection.peer_addr());
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "nothing is opened until this is awaited"]
pub struct Connect {
    address: Address,
    options: SocketOptions,
    timeout: Duration,
    backoff: Option<Backoff>,
    pub(crate) setup: Setup,
}

/// What every connection of one dialer or listener begins with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    pub(crate) limits: DecodeLimits,
    pub(crate) watch: Option<Arc<Watch>>,
}

impl Connect {
    pub(super) fn new(address: Address) -> Self {
        Self {
            address,
            options: SocketOptions::default(),
            timeout: CONNECT_TIMEOUT,
            backoff: None,
            setup: Setup::default(),
        }
    }

    /// Sets the options of the socket.
    pub fn options(mut self, options: SocketOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the address to dial from, to choose a network card; port 0 lets the system choose the port.
    pub fn local_addr(mut self, local: SocketAddr) -> Self {
        self.options.local_addr = Some(local);
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

    /// Sets what a message that comes may cost: its bytes, memory and depth.
    pub fn limits(mut self, limits: DecodeLimits) -> Self {
        self.setup.limits = limits;
        self
    }

    /// Tells this observer of each attempt that fails, when the connection is open, and how it ended.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.setup.watch = Some(Watch::new(observer));
        self
    }

    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }

    /// Opens the socket and sets its options. Tells what the kernel made of them.
    pub(crate) async fn open(&self) -> Result<(Socket, Option<SocketOptions>), Error> {
        let socket = persist(&self.address, self.backoff.as_ref(), || self.attempt()).await?;
        let in_force = socket.set(&self.options).ok();
        Ok((socket, in_force))
    }

    async fn attempt(&self) -> Result<Socket, Error> {
        let dialed = dial(&self.address, &self.options, self.timeout).await;
        if let (Err(error), Some(watch)) = (&dialed, &self.setup.watch) {
            watch.dial_failed(&self.address, error);
        }
        dialed
    }
}

impl IntoFuture for Connect {
    type Output = Result<Connection, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Races every address that the name stands for: the next begins when one has failed, or after
    /// 250 ms; the families take turns. It returns when one of them is connected: nobody is told
    /// beside whoever waits for it, and the [observer](Connect::observe).
    ///
    /// # Errors
    ///
    /// [`Error::Resolve`] when the name has no address, [`Error::Connect`] when none of them accepts.
    ///
    /// # Cancel safety
    ///
    /// Dropping it closes the sockets that were being opened.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (socket, in_force) = self.open().await?;
            Ok(Connection::begin(socket, in_force, Origin::Dialed, &self.setup))
        })
    }
}
