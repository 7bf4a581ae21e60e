//! Listening: every accepted connection is served in its own task until it ends.

use crate::Address;
use crate::error::Error;
use crate::link::{Link, drive};
use crate::router::Router;
use crate::service::Services;
use crate::transport::tcp;
use rpc_core::{CloseCode, Limits, Side};
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Pauses after a failed accept: the listener must outlive a shortage of descriptors, without
/// spinning while it lasts.
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(5);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// A server that accepts connections and serves them until it is dropped or drained.
///
/// Dropping it stops accepting and cuts every connection; [`drain`](Self::drain) is the graceful way.
///
/// ```no_run
/// # async fn example(calc: impl rpc_net::Service) -> Result<(), rpc_net::Error> {
/// let server = rpc_net::Server::bind("127.0.0.1:0").await?.serve(calc)?;
/// println!("listening on {}", server.local_addr());
/// # Ok(()) }
/// ```
pub struct Server {
    local_addr: SocketAddr,
    house: Arc<House>,
}

/// A port that is listened on and does not serve yet. Connections wait in the system's backlog.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    local_addr: SocketAddr,
    limits: Limits,
}

/// What the accept loop and the handle share.
struct House {
    router: Arc<Router>,
    limits: Limits,
    tasks: TaskTracker,
    /// No more connections are accepted.
    shut: CancellationToken,
    /// Connections are cut.
    cut: CancellationToken,
    links: Mutex<Links>,
}

#[derive(Default)]
struct Links {
    open: HashMap<u64, Arc<Link>>,
    next: u64,
}

impl Server {
    /// Listens on `address`. Port 0 lets the system choose; [`Bound::local_addr`] tells which.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] if the name cannot be resolved or the address is in use.
    ///
    /// # Cancel safety
    ///
    /// Dropping it listens on nothing.
    pub async fn bind(address: impl Into<Address>) -> Result<Bound, Error> {
        let address = address.into();
        let listener = tcp::listen(&address).await?;
        let local_addr = listener.local_addr().map_err(|source| Error::Bind { address, source })?;
        Ok(Bound { listener, local_addr, limits: Limits::default() })
    }

    /// The address that is listened on, with the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.house.links().open.len()
    }

    /// Stops gracefully: accepts no more connections, tells every peer, lets accepted calls finish,
    /// and returns when every connection has ended, at the latest after [`Limits::drain_ms`] and the
    /// time that closing takes.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts what is still open, as dropping the server does.
    pub async fn drain(self) {
        self.house.shut.cancel();
        self.house.tasks.close();
        let open: Vec<_> = self.house.links().open.values().cloned().collect();
        for link in open {
            link.close(CloseCode::GRACEFUL, "the server is shutting down");
        }
        self.house.tasks.wait().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.house.shut.cancel();
        self.house.cut.cancel();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

impl Bound {
    /// The address that is listened on, with the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Sets the limits of every connection.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Serves one service, or a tuple of several, to everybody who connects.
    ///
    /// # Errors
    ///
    /// [`Error::MethodCollision`] if two methods have the same id.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as [`tokio::spawn`] does.
    pub fn serve(self, services: impl Services) -> Result<Server, Error> {
        let house = Arc::new(House {
            router: Arc::new(Router::new(services)?),
            limits: self.limits,
            tasks: TaskTracker::new(),
            shut: CancellationToken::new(),
            cut: CancellationToken::new(),
            links: Mutex::default(),
        });
        house.tasks.spawn(accept(Arc::clone(&house), self.listener));
        Ok(Server { local_addr: self.local_addr, house })
    }
}

/// Accepts until the house is shut. No error ends it.
async fn accept(house: Arc<House>, listener: TcpListener) {
    let mut pause = ACCEPT_PAUSE_MIN;
    while let Some(accepted) = house.shut.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer_addr)) => {
                pause = ACCEPT_PAUSE_MIN;
                house.tasks.spawn(serve(Arc::clone(&house), stream, peer_addr));
            }
            Err(_) => {
                let _ = house.shut.run_until_cancelled(tokio::time::sleep(pause)).await;
                pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
            }
        }
    }
}

async fn serve(house: Arc<House>, stream: TcpStream, peer_addr: SocketAddr) {
    // A peer that is gone already fails here; the driver would find the same.
    if tcp::set_options(&stream).is_err() {
        return;
    }
    let router = Arc::clone(&house.router);
    let link = Arc::new(Link::new(Side::Acceptor, house.limits.clone(), router, Some(peer_addr)));
    let guest = Guest::enter(house, &link);
    if guest.house.shut.is_cancelled() {
        link.close(CloseCode::GRACEFUL, "the server is shutting down");
    }
    guest.house.cut.run_until_cancelled(drive(link, stream)).await;
}

/// A connection in the list of those that are open. It leaves the list however its task ends.
struct Guest {
    house: Arc<House>,
    number: u64,
}

impl Guest {
    fn enter(house: Arc<House>, link: &Arc<Link>) -> Self {
        let number = house.links().add(Arc::clone(link));
        Self { house, number }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // The list is released before the connection is dropped.
        let link = self.house.links().open.remove(&self.number);
        drop(link);
    }
}

impl House {
    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Links {
    fn add(&mut self, link: Arc<Link>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.open.insert(number, link);
        number
    }
}
