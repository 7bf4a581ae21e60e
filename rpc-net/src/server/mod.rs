//! Listening: every accepted connection is served in its own task until it ends.

mod accept;
mod bind;
mod house;
mod report;

pub use bind::{Bind, Bound};
pub use report::Report;

use crate::Address;
use crate::identity::PeerInfo;
use crate::stats::Stats;
use crate::transport::listen::Release;
use crate::transport::options::SocketOptions;
use house::House;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

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
    local_addr: Address,
    options: SocketOptions,
    release: Release,
    house: Arc<House>,
}

impl Server {
    /// Listens on `address`; await it for a [`Bound`]. Port 0 lets the system choose;
    /// [`Bound::local_addr`] tells which.
    ///
    /// `"[::]:4000"` takes connections of both families. `"unix:/run/calc.sock"` makes a Unix socket that
    /// only the user of this process may use; the file of a server that is gone is taken over, one that
    /// somebody listens on, or that is no socket, never; it is removed when the server stops.
    pub fn bind(address: impl Into<Address>) -> Bind {
        Bind::new(address.into())
    }

    /// The address that is listened on, with the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> Address {
        self.local_addr.clone()
    }

    /// What the kernel says of the listening socket.
    #[must_use]
    pub fn options_in_force(&self) -> &SocketOptions {
        &self.options
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.house.links().open.len()
    }

    /// What was counted since the server began. Connections that have ended are in it, but not calls of
    /// services that were made for one connection and are answered after its end.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.house.stats()
    }

    /// Serves a stream that was not accepted here, as if it had been: within the limits, and drained with
    /// the others. Its peer is the dialer.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as [`tokio::spawn`] does.
    pub fn adopt<S>(&self, stream: S, info: PeerInfo)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.house.receive(stream, info, None);
    }

    /// Stops gracefully: accepts no more connections, tells every peer, lets accepted calls finish,
    /// and returns when every connection has ended, at the latest after [`Limits::drain_ms`] and the
    /// time that closing takes (at most 2 s). What has not ended by then is cut, and the report says so.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts what is still open, as dropping the server does.
    ///
    /// [`Limits::drain_ms`]: rpc_core::Limits::drain_ms
    pub async fn drain(self) -> Report {
        let grace = Duration::from_millis(self.house.limits.drain_ms);
        self.shutdown(grace).await
    }

    /// As [`drain`](Self::drain), with `grace` instead of [`Limits::drain_ms`](rpc_core::Limits::drain_ms).
    /// With no grace at all every call is cut, but every peer is told.
    ///
    /// # Cancel safety
    ///
    /// As for `drain`.
    pub async fn shutdown(self, grace: Duration) -> Report {
        self.release.now();
        self.house.leave(grace).await
    }

    /// Serves until `signal` is ready, then drains.
    ///
    /// ```no_run
    /// # async fn example(calc: impl rpc_net::Service) -> Result<(), rpc_net::Error> {
    /// let server = rpc_net::Server::bind("0.0.0.0:4000").await?.serve(calc)?;
    /// let report = server.serve_until(tokio::signal::ctrl_c()).await;
    /// println!("{report}");
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As for `drain`.
    pub async fn serve_until(self, signal: impl Future) -> Report {
        signal.await;
        self.drain().await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.release.now();
        self.house.shut.cancel();
        self.house.cut.cancel();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}
