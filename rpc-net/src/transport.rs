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

/// A connected socket of whichever kind the address named.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
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
