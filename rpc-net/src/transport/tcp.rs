//! TCP: how to listen, and how to dial one address.

use super::options::SocketOptions;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Connects to one address. Options that bind the handshake are set before it.
pub(crate) async fn connect(address: SocketAddr, options: &SocketOptions) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    options.set_tcp(&socket)?;
    if let Some(local) = options.local_addr {
        socket.bind(local)?;
    }
    socket.connect(address).await
}

/// Listens on one address. An IPv6 wildcard takes IPv4 connections, too, unless the options say no.
pub(crate) fn listen(address: SocketAddr, options: &SocketOptions) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(options.v6_only.unwrap_or(false))?;
    }
    // A server may start again while connections of its last run are still in TIME_WAIT. Elsewhere
    // than on Unix the option would let another program take the port.
    #[cfg(unix)]
    {
        socket.set_reuse_address(true)?;
        if let Some(shared) = options.reuse_port {
            socket.set_reuse_port(shared)?;
        }
    }
    // Accepted sockets inherit them.
    options.set_tcp(&socket)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog(options))?;
    TcpListener::from_std(socket.into())
}

pub(crate) fn backlog(options: &SocketOptions) -> i32 {
    options.backlog.map_or(i32::MAX, |backlog| i32::try_from(backlog).unwrap_or(i32::MAX))
}

/// The address as its owner knows it: an IPv4 peer of a socket for both families is an IPv4 peer.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}
