//! TCP: how to dial and how to listen, with the options that every hton socket has.

use crate::Address;
use crate::error::Error;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Connections that wait to be accepted; the system lowers it to its own maximum.
const BACKLOG: i32 = 4096;
/// How long one address may take to answer before the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes that may wait unsent in the kernel: about four frames. More would lie ahead of a small frame
/// that the machine wants to let pass; with two, large messages wait for the driver.
#[cfg(target_os = "linux")]
const NOTSENT_BYTES: u32 = 256 * 1024;

/// Connects to the first address that accepts, in the resolver's order.
pub(crate) async fn connect(address: &Address) -> Result<TcpStream, Error> {
    let resolved = address.resolve().await;
    let candidates =
        resolved.map_err(|source| Error::Resolve { address: address.clone(), source })?;
    let mut attempts = Vec::new();
    for candidate in candidates {
        match connect_one(candidate).await {
            Ok(stream) => return Ok(stream),
            Err(error) => attempts.push((candidate, error)),
        }
    }
    Err(Error::Connect { address: address.clone(), attempts })
}

async fn connect_one(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(connected) => connected?,
        Err(_) => return Err(io::ErrorKind::TimedOut.into()),
    };
    set_options(&stream)?;
    Ok(stream)
}

/// Listens on the first of the addresses that can be listened on.
pub(crate) async fn listen(address: &Address) -> Result<TcpListener, Error> {
    let bind = |source| Error::Bind { address: address.clone(), source };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for candidate in address.resolve().await.map_err(bind)? {
        match listen_one(candidate) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(bind(last))
}

fn listen_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A server may start again while connections of its last run are still in TIME_WAIT. Elsewhere
    // than on Unix the option would let another program take the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// The options of every hton socket: frames leave at once, and few bytes hide in the kernel.
pub(crate) fn set_options(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // A hint: a system that does not know it serves as well, only less evenly.
    #[cfg(target_os = "linux")]
    SockRef::from(stream).set_tcp_notsent_lowat(NOTSENT_BYTES).ok();
    Ok(())
}
