//! How a byte stream comes about. Nothing here knows a frame.

pub(crate) mod dial;
pub(crate) mod listen;
pub(crate) mod memory;
pub(crate) mod options;
pub(crate) mod tcp;
#[cfg(unix)]
pub(crate) mod unix;

use crate::identity::PeerInfo;
use crate::redial::Duplex;
use options::SocketOptions;
use tokio::net::TcpStream;

/// A connected byte stream of whichever kind: what a connection stands on, and gives back.
///
/// It reads and writes as the stream inside does, so that [`attach`](crate::attach) takes it as it is.
#[derive(Debug)]
#[non_exhaustive]
pub enum Socket {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
    /// A byte stream of the user's.
    Other(Box<dyn Duplex>),
}

impl Socket {
    /// What the transport knows of the other end.
    pub(crate) fn peer_info(&self) -> PeerInfo {
        match self {
            Self::Tcp(stream) => PeerInfo::at(stream.peer_addr().ok().map(tcp::canonical)),
            #[cfg(unix)]
            Self::Unix(stream) => unix::peer_info(stream),
            Self::Other(_) => PeerInfo::default(),
        }
    }

    /// What the kernel says of the socket, if there is one.
    pub(crate) fn in_force(&self) -> Option<SocketOptions> {
        match self {
            Self::Tcp(stream) => SocketOptions::in_force(stream).ok(),
            #[cfg(unix)]
            Self::Unix(stream) => SocketOptions::in_force(stream).ok(),
            Self::Other(_) => None,
        }
    }

    /// Sets the options. Returns what the kernel made of them.
    pub(crate) fn set(&self, options: &SocketOptions) -> std::io::Result<SocketOptions> {
        match self {
            Self::Tcp(stream) => {
                options.set_tcp(stream)?;
                SocketOptions::in_force(stream)
            }
            #[cfg(unix)]
            Self::Unix(stream) => {
                options.set_buffers(socket2::SockRef::from(stream))?;
                SocketOptions::in_force(stream)
            }
            Self::Other(_) => Err(std::io::ErrorKind::Unsupported.into()),
        }
    }
}
