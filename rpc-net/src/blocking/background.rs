//! The thread that runs the connections and servers of programs without a runtime.

use super::park::Parker;
use super::place::Place;
use crate::Address;
use crate::connect::Connect;
use crate::error::Error;
use crate::peer::Peer;
use crate::redial::Reconnect;
use crate::server::{Bind, Bound, Server};
use std::future::{Future, IntoFuture, pending};
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use tokio::runtime::{Builder, EnterGuard, Handle};

/// Opens a connection to the peer that listens on `address`, and blocks until it is open. To set more than
/// the address, write [`connect(address)`](crate::connect) with [`wait`](Connect::wait) at the end.
///
/// # Errors
///
/// As [`Connect::wait`].
pub fn connect(address: impl Into<Address>) -> Result<Peer, Error> {
    crate::connect(address).wait()
}

/// Listens on `address`: [`Server::bind`] with [`wait`](Bind::wait).
///
/// # Errors
///
/// As [`Bind::wait`].
pub fn bind(address: impl Into<Address>) -> Result<Bound, Error> {
    Server::bind(address).wait()
}

/// Blocks until a future of hton is ready: `wait(server.drain())`, `wait(peer.closed())`,
/// `wait(CalcClient::connect(address))`. It is polled by this thread, in the context of the thread that
/// runs blocking connections.
///
/// A [`Call`](crate::Call) has a [`wait`](crate::Call::wait) of its own, which also keeps its deadline.
///
/// # Errors
///
/// [`Error::WouldBlock`] where blocking is not allowed, see [`blocking`](super); [`Error::NoThread`].
pub fn wait<F: IntoFuture>(future: F) -> Result<F::Output, Error> {
    let place = Place::here().map_err(would_block)?;
    let background = background()?;
    let blocked = place.block(|| {
        let _entered = background.enter();
        let mut future = pin!(future.into_future());
        let parker = Arc::new(Parker::default());
        let waker = Waker::from(Arc::clone(&parker));
        let mut cx = Context::from_waker(&waker);
        loop {
            match future.as_mut().poll(&mut cx) {
                Poll::Ready(output) => return output,
                Poll::Pending => _ = parker.park(None),
            }
        }
    });
    blocked.map_err(would_block)
}

impl Connect {
    /// Opens the connection and blocks until it is open. It lives on hton's own thread, whatever runtime
    /// is at hand; see [`blocking`](crate::blocking).
    ///
    /// # Errors
    ///
    /// As awaiting it; [`Error::WouldBlock`] where blocking is not allowed; [`Error::NoThread`].
    pub fn wait(self) -> Result<Peer, Error> {
        wait(self)?
    }
}

impl Reconnect {
    /// Opens the first connection and blocks until it is open; it is dialed again on hton's own thread.
    /// See [`Connect::wait`].
    ///
    /// # Errors
    ///
    /// As [`Connect::wait`].
    pub fn wait(self) -> Result<Peer, Error> {
        wait(self)?
    }
}

impl Bind {
    /// Listens, and blocks until it does. The server lives on hton's own thread, whatever runtime is at
    /// hand; see [`blocking`](crate::blocking).
    ///
    /// # Errors
    ///
    /// As awaiting it; [`Error::WouldBlock`] where blocking is not allowed; [`Error::NoThread`].
    pub fn wait(self) -> Result<Bound, Error> {
        wait(self)?
    }
}

fn would_block(reason: &'static str) -> Error {
    Error::WouldBlock { reason }
}

/// Puts this thread into the context of the runtime at hand, or else of the thread in the background.
pub(crate) fn enter() -> Result<Option<EnterGuard<'static>>, Error> {
    match Handle::try_current() {
        Ok(_) => Ok(None),
        Err(_) => background().map(|handle| Some(handle.enter())),
    }
}

/// The runtime of the thread in the background, which is started now if it does not run yet.
fn background() -> Result<&'static Handle, Error> {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    match RUNTIME.get() {
        Some(handle) => Ok(handle),
        None => {
            let handle = start().map_err(|source| Error::NoThread { source })?;
            Ok(RUNTIME.get_or_init(|| handle))
        }
    }
}

fn start() -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("hton".to_owned())
        .spawn(move || runtime.block_on(pending::<()>()))?;
    Ok(handle)
}
