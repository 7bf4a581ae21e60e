//! From an address to a server: what is set before it listens, and what before it serves.

use super::Server;
use super::accept::accept;
use super::house::{Factory, House, Rules};
use crate::Address;
use crate::attach::check_token;
use crate::error::Error;
use crate::events::{Observer, Watch};
use crate::identity::{Authenticate, PeerInfo};
use crate::layer::{Layer, Layers, around};
use crate::router::Router;
use crate::service::Services;
use crate::transport::listen::Listener;
use crate::transport::options::SocketOptions;
use rpc_core::Limits;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use tokio::runtime::Handle;

/// An address that is to be listened on.
#[derive(Debug)]
#[must_use = "nothing listens until this is awaited"]
pub struct Bind {
    address: Address,
    options: SocketOptions,
}

impl Bind {
    pub(super) fn new(address: Address) -> Self {
        Self { address, options: SocketOptions::default() }
    }

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
}

impl IntoFuture for Bind {
    type Output = Result<Bound, Error>;
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
            let Self { address, options } = self;
            let listener = Listener::open(&address, &options).await?;
            Bound::new(listener, options).map_err(|source| Error::Bind { address, source })
        })
    }
}

/// A port that is listened on and does not serve yet. Connections wait in the system's backlog.
#[derive(Debug)]
pub struct Bound {
    listener: Listener,
    local_addr: Address,
    in_force: SocketOptions,
    rules: Rules,
    layers: Layers,
    /// Where the listener lives.
    runtime: Option<Handle>,
}

impl Bound {
    fn new(listener: Listener, options: SocketOptions) -> std::io::Result<Self> {
        Ok(Self {
            local_addr: listener.local_addr()?,
            in_force: listener.options_in_force()?,
            listener,
            rules: Rules { options, ..Rules::default() },
            runtime: Handle::try_current().ok(),
            layers: Layers::default(),
        })
    }

    /// Takes over a listener that exists already, such as one that was handed down by another process.
    /// Its options stay as they are; accepted sockets get hton's.
    ///
    /// # Errors
    ///
    /// What the system says if it is no listener any more.
    pub fn from_listener(listener: tokio::net::TcpListener) -> std::io::Result<Self> {
        Self::new(Listener::Tcp(listener), SocketOptions::default())
    }

    /// The address that is listened on, with the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> Address {
        self.local_addr.clone()
    }

    /// What the kernel says of the listening socket.
    #[must_use]
    pub fn options_in_force(&self) -> &SocketOptions {
        &self.in_force
    }

    /// Sets the limits of every connection.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.rules.limits = limits;
        self
    }

    /// Sets how many connections may be open; 10,240 unless set: an idle one takes about 6 KB, so they
    /// take 60 MB. One more is told [`CloseCode::LIMIT`](rpc_core::CloseCode::LIMIT) and closed.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.rules.max_connections = connections;
        self
    }

    /// Sets how many of the connections may not have said HELLO yet; 256 unless set. One more waits up to
    /// 100 ms in the backlog, and then takes the place of the one that has been silent longest, which is
    /// told [`CloseCode::LIMIT`](rpc_core::CloseCode::LIMIT): who says nothing keeps nobody out.
    #[must_use]
    pub fn max_handshakes(mut self, handshakes: usize) -> Self {
        self.rules.max_handshakes = handshakes;
        self
    }

    /// Asks everybody who connects for a token, before any handler starts.
    #[must_use]
    pub fn authenticate(mut self, verifier: impl Authenticate) -> Self {
        self.rules.verifier = Some(Arc::new(verifier));
        self
    }

    /// Sends this token to everybody who connects: who this server is. At most 1,024 bytes. It travels
    /// as it is, so that whoever reads the connection has it.
    #[must_use]
    pub fn token(mut self, token: impl Into<Vec<u8>>) -> Self {
        self.rules.token = token.into();
        self
    }

    /// Puts a layer around every handler of every service, and around the layers that are there already.
    /// [`layered`](crate::layer::layered) does so for one service.
    #[must_use]
    pub fn layer(mut self, layer: impl Layer) -> Self {
        self.layers = around(layer, &self.layers);
        self
    }

    /// Tells this observer of every connection and of every call on it, and has the calls that handlers
    /// ask their callers counted.
    #[must_use]
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.rules.watch = Some(Watch::new(observer));
        self
    }

    /// Serves one service, or a tuple of several, to everybody who connects.
    ///
    /// # Errors
    ///
    /// [`Error::MethodCollision`] if two methods have the same id; [`Error::TokenTooLong`].
    ///
    /// # Panics
    ///
    /// If it was made outside of a tokio runtime and this is outside, too, as [`tokio::spawn`] does.
    pub fn serve(self, services: impl Services) -> Result<Server, Error> {
        let router = Arc::new(Router::within(&self.layers, services)?);
        self.start(Factory::Shared(router))
    }

    /// Serves each connection its own services, which `make` makes when it is accepted: state that lives
    /// as long as the connection, or services for some users alone.
    ///
    /// If two methods of what it makes have the same id, or it panics, that connection is closed with
    /// [`CloseCode::INTERNAL`](rpc_core::CloseCode::INTERNAL) and the others go on.
    ///
    /// # Errors
    ///
    /// [`Error::TokenTooLong`].
    ///
    /// # Panics
    ///
    /// If it was made outside of a tokio runtime and this is outside, too, as [`tokio::spawn`] does.
    pub fn serve_with<S: Services>(
        self,
        make: impl Fn(&PeerInfo) -> S + Send + Sync + 'static,
    ) -> Result<Server, Error> {
        let layers = Arc::clone(&self.layers);
        self.start(Factory::Each(Box::new(move |info| Router::within(&layers, make(info)))))
    }

    fn start(self, factory: Factory) -> Result<Server, Error> {
        check_token(&self.rules.token)?;
        let _entered = self.runtime.as_ref().map(Handle::enter);
        let release = self.listener.release();
        let house = House::new(self.rules, factory);
        house.tasks.spawn(accept(Arc::clone(&house), self.listener));
        Ok(Server { local_addr: self.local_addr, options: self.in_force, release, house })
    }
}
