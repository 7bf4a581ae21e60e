//! Listening for blocking connections of messages.

use super::connection::Connection;
use super::halves::{limit, wait};
use crate::Address;
use crate::error::Error;
use crate::identity::{PeerInfo, Refused};
use crate::message::about::Origin;
use crate::message::listener::{Bind, Port};
use crate::transport::Socket;
use crate::transport::listen::Release;
use crate::transport::options::SocketOptions;
use std::io;
use std::time::Duration;

/// A port that is listened on for blocking [`Connection`]s, for programs that are not async: the twin of
/// [`message::Listener`](crate::message::Listener). Dropping it stops listening; what it accepted lives on.
///
/// ```
/// use rpc_net::blocking::{Connection, Listener};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = Listener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr();
/// let echo = std::thread::spawn(move || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///     let mut connection = listener.accept()?;
///     while let Some(number) = connection.recv::<u32>()? {
///         connection.send(&number)?;
///     }
///     Ok(())
/// });
/// let mut connection = Connection::connect(address)?;
/// connection.send(&7_u32)?;
/// assert_eq!(connection.recv::<u32>()?, Some(7));
/// drop(connection);
/// echo.join().unwrap().unwrap();
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Listener {
    /// Stands first: the file of a Unix socket goes before the socket does.
    _release: Release,
    socket: socket2::Socket,
    port: Port,
    #[cfg(unix)]
    is_unix: bool,
}

impl Bind {
    /// Listens for blocking connections, and waits until it does.
    ///
    /// # Errors
    ///
    /// As awaiting it; [`Error::WouldBlock`] where blocking is not allowed; [`Error::NoThread`].
    pub fn wait(self) -> Result<Listener, Error> {
        let (listener, port) = crate::blocking::wait(self.open())??;
        let failed = |source| Error::Bind { address: port.local_addr.clone(), source };
        let _release = listener.release();
        #[cfg(unix)]
        let is_unix = port.local_addr.path().is_some();
        let socket = listener.into_std().map_err(failed)?;
        socket.set_nonblocking(false).map_err(failed)?;
        Ok(Listener {
            _release,
            socket,
            port,
            #[cfg(unix)]
            is_unix,
        })
    }
}

impl Listener {
    /// Listens on `address`. To set more than the address, write
    /// [`message::Listener::bind`](crate::message::Listener::bind) with [`wait`](Bind::wait) at the end.
    ///
    /// # Errors
    ///
    /// As [`Bind::wait`].
    pub fn bind(address: impl Into<Address>) -> Result<Self, Error> {
        crate::message::Listener::bind(address).wait()
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

    /// Sets how long accepting waits before it fails with [`TimedOut`](io::ErrorKind::TimedOut); for ever unless
    /// set. Where the system knows no such time, as on macOS, it is not kept.
    ///
    /// # Errors
    ///
    /// What the system says; a time of zero is refused.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(limit(timeout)?)
    }

    /// The next connection. Several threads may ask at once.
    ///
    /// # Errors
    ///
    /// What the system says, when it has no descriptors or no memory left, say. The next `accept` may succeed
    /// again; a loop should pause before it.
    pub fn accept(&self) -> io::Result<Connection> {
        self.accept_if(|_| Ok(()))
    }

    /// The next connection that `policy` lets in. The others are reset, and nothing is kept of them.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn accept_if(
        &self,
        mut policy: impl FnMut(&PeerInfo) -> Result<(), Refused>,
    ) -> io::Result<Connection> {
        loop {
            let socket = &self.socket;
            let accepted = wait(socket, || socket.read_timeout(), || socket.accept());
            let socket = match accepted {
                Ok((socket, _)) => self.named(socket)?,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            if self.port.admit(&socket, &mut policy).is_some() {
                return Connection::plain(socket, Origin::Accepted, &self.port.setup);
            }
        }
    }

    /// As a socket of the runtime, which tells who is at the other end.
    fn named(&self, socket: socket2::Socket) -> io::Result<Socket> {
        socket.set_nonblocking(true)?;
        let _entered = crate::blocking::enter().map_err(io::Error::other)?;
        #[cfg(unix)]
        if self.is_unix {
            return Ok(Socket::Unix(tokio::net::UnixStream::from_std(socket.into())?));
        }
        Ok(Socket::Tcp(tokio::net::TcpStream::from_std(socket.into())?))
    }
}
