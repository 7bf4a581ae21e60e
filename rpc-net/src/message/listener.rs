//! Listening for connections of messages.

use super::Connection;
use super::about::Origin;
use super::connect::Setup;
use crate::Address;
use crate::error::Error;
use crate::events::{Observer, Watch};
use crate::identity::{PeerInfo, Refused};
use crate::transport::options::SocketOptions;
use crate::transport::{Socket, listen};
use rpc_core::archive::DecodeLimits;
use socket2::SockRef;
use std::future::{Future, IntoFuture};
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

/// An address that is to be listened on; await it for a [`Listener`].
#[derive(Debug)]
#[must_use = "nothing listens until this is awaited"]
pub struct Bind {
    address: Address,
    options: SocketOptions,
    setup: Setup,
}

impl Bind {
    /// Sets the options of the listening socket and of every accepted one.
    pub fn options(mut self, options: SocketOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets whether a listener on an IPv6 address refuses IPv4 connections; it does not unless set.
    pub fn v6_only(mut self, v6_only: bool) -> Self {
        self.options.v6_only = Some(v6_only);
        self
    }

    /// Sets how many connections may wait to be accepted; the system cuts it to its own maximum.
    pub fn backlog(mut self, connections: u32) -> Self {
        self.options.backlog = Some(connections);
        self
    }

    /// Sets what a message that comes may cost: its bytes, memory and depth.
    pub fn limits(mut self, limits: DecodeLimits) -> Self {
        self.setup.limits = limits;
        self
    }

    /// Tells this observer of every connection that is accepted or refused, and how each ended.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.setup.watch = Some(Watch::new(observer));
        self
    }

    /// Listens. Tells what each connection begins with.
    pub(crate) async fn open(self) -> Result<(listen::Listener, Port), Error> {
        let Self { address, options, setup } = self;
        let listener = listen::Listener::open(&address, &options).await?;
        let known = |source| Error::Bind { address: address.clone(), source };
        let local_addr = listener.local_addr().map_err(known)?;
        let in_force = listener.options_in_force().map_err(known)?;
        Ok((listener, Port { local_addr, in_force, options, setup }))
    }
}

/// What belongs to a listening socket.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) local_addr: Address,
    pub(crate) in_force: SocketOptions,
    options: SocketOptions,
    pub(crate) setup: Setup,
}

impl IntoFuture for Bind {
    type Output = Result<Listener, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Listens on the first address of the name that can be listened on.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] if the name cannot be resolved, the address is in use, or an option is refused.
    ///
    /// # Cancel safety
    ///
    /// Dropping it listens on nothing.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (listener, port) = self.open().await?;
            Ok(Listener { listener, port })
        })
    }
}

/// A port that is listened on for [`Connection`]s. Dropping it stops listening; what it accepted lives on.
///
/// ```
/// use rpc_net::message::{Connection, Listener};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = Listener::bind("127.0.0.1:0").await?;
/// let mut near = Connection::connect(listener.local_addr()).await?;
/// let mut far = listener.accept().await?;
/// near.send(&("hello", 1_u32)).await?;
/// assert_eq!(far.recv::<(String, u32)>().await?, Some(("hello".to_owned(), 1)));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Listener {
    listener: listen::Listener,
    port: Port,
}

impl Listener {
    /// Listens on `address`; await it for a [`Listener`]. Port 0 lets the system choose;
    /// [`local_addr`](Self::local_addr) tells which.
    ///
    /// `"[::]:4000"` takes connections of both families. `"unix:/run/chat.sock"` makes a Unix socket that
    /// only the user of this process may use; its file is removed when the listener is dropped.
    pub fn bind(address: impl Into<Address>) -> Bind {
        Bind { address: address.into(), options: SocketOptions::default(), setup: Setup::default() }
    }

    /// Listens on every address of this machine, of both families.
    pub fn bind_any(port: u16) -> Bind {
        Self::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).v6_only(false)
    }

    /// The address that is listened on, with the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> Address {
        self.port.local_addr.clone()
    }

    /// What the kernel says of the listening socket.
    #[must_use]
    pub fn options_in_force(&self) -> &SocketOptions {
        &self.port.in_force
    }

    /// The next connection. The listener goes on listening, and may be asked by several tasks at once.
    ///
    /// # Errors
    ///
    /// What the system says, when it has no descriptors or no memory left, say. The next `accept` may
    /// succeed again; a loop should pause before it.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses no connection.
    pub async fn accept(&self) -> io::Result<Connection> {
        self.accept_if(|_| Ok(())).await
    }

    /// The next connection that `policy` lets in. The others are reset, so that the other end sees no
    /// clean end, and nothing is kept of them; the [observer](Bind::observe) is told the reason.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses no connection.
    pub async fn accept_if(
        &self,
        mut policy: impl FnMut(&PeerInfo) -> Result<(), Refused>,
    ) -> io::Result<Connection> {
        loop {
            let socket = match self.listener.accept().await {
                Ok(socket) => socket,
                // It was gone before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            if let Some(connection) = self.port.welcome(socket, &mut policy) {
                return Ok(connection);
            }
        }
    }
}

impl Port {
    fn welcome(
        &self,
        socket: Socket,
        policy: &mut impl FnMut(&PeerInfo) -> Result<(), Refused>,
    ) -> Option<Connection> {
        let in_force = self.admit(&socket, policy)?;
        Some(Connection::begin(socket, Some(in_force), Origin::Accepted, &self.setup))
    }

    /// Whether the policy lets it in; its options if so.
    pub(crate) fn admit(
        &self,
        socket: &Socket,
        policy: &mut impl FnMut(&PeerInfo) -> Result<(), Refused>,
    ) -> Option<SocketOptions> {
        let info = socket.peer_info();
        if let Err(refused) = policy(&info) {
            if let Socket::Tcp(stream) = socket {
                SockRef::from(stream).set_linger(Some(Duration::ZERO)).ok();
            }
            if let Some(watch) = &self.setup.watch {
                watch.rejected(info, refused.to_string());
            }
            return None;
        }
        // A peer that is gone already fails here.
        socket.set(&self.options).ok()
    }
}
