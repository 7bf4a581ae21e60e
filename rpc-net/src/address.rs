//! Where a peer listens, as users write it.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What stands before the path of a Unix socket.
const UNIX: &str = "unix:";

/// The address of a peer: a socket address, a `"host:port"` that is resolved when it is used, or the
/// path of a Unix socket behind `"unix:"`.
///
/// It names one peer: hton speaks over streams alone. There is no broadcast, which datagrams have and which
/// loses and reorders messages and disturbs whoever does not listen; whoever has something to tell to many
/// serves them, and calls each of them back. The system refuses to connect to a broadcast address.
///
/// ```
/// use rpc_net::Address;
/// let by_name = Address::from("localhost:4000");
/// let by_number = Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 4000)));
/// let by_path = Address::from("unix:/run/calc.sock");
/// assert_eq!(by_name.to_string(), "localhost:4000");
/// assert_eq!(by_number.to_string(), "127.0.0.1:4000");
/// assert_eq!(by_path, Address::unix("/run/calc.sock"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Socket(SocketAddr),
    Name(String),
    Unix(PathBuf),
}

impl Address {
    /// The Unix socket at this path. Systems without Unix sockets refuse it when it is used.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Unix(path.into()))
    }

    /// The socket address; `None` for a name, which may stand for several, and for a Unix socket.
    #[must_use]
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match &self.0 {
            Kind::Socket(address) => Some(*address),
            Kind::Name(_) | Kind::Unix(_) => None,
        }
    }

    /// The port; `None` for a Unix socket, and for a name without one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match &self.0 {
            Kind::Socket(address) => Some(address.port()),
            Kind::Name(name) => name.rsplit_once(':').and_then(|(_, port)| port.parse().ok()),
            Kind::Unix(_) => None,
        }
    }

    /// The path of a Unix socket.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Unix(path) => Some(path),
            Kind::Socket(_) | Kind::Name(_) => None,
        }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0
    }

    /// Every socket address that this stands for, in the resolver's order.
    pub(crate) async fn resolve(&self) -> std::io::Result<Vec<SocketAddr>> {
        match &self.0 {
            Kind::Socket(address) => Ok(vec![*address]),
            Kind::Name(name) => Ok(tokio::net::lookup_host(name.as_str()).await?.collect()),
            Kind::Unix(_) => Ok(Vec::new()),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self(Kind::Socket(address))
    }
}

impl From<&Self> for Address {
    fn from(address: &Self) -> Self {
        address.clone()
    }
}

impl From<&str> for Address {
    fn from(name: &str) -> Self {
        Self::from(name.to_owned())
    }
}

impl From<&String> for Address {
    fn from(name: &String) -> Self {
        Self::from(name.clone())
    }
}

impl From<String> for Address {
    fn from(name: String) -> Self {
        if let Some(path) = name.strip_prefix(UNIX) {
            return Self::unix(path);
        }
        name.parse().map_or(Self(Kind::Name(name)), |address| Self(Kind::Socket(address)))
    }
}

impl From<(&str, u16)> for Address {
    fn from((host, port): (&str, u16)) -> Self {
        match host.parse() {
            Ok(ip) => Self(Kind::Socket(SocketAddr::new(ip, port))),
            Err(_) => Self(Kind::Name(format!("{host}:{port}"))),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Socket(address) => address.fmt(f),
            Kind::Name(name) => name.fmt(f),
            Kind::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_says_what_it_has_and_no_more() {
        let number = Address::from("[::1]:7");
        assert_eq!((number.port(), number.socket_addr().is_some()), (Some(7), true));
        let name = Address::from("localhost:7");
        assert_eq!((name.port(), name.socket_addr(), name.path()), (Some(7), None, None));
        let path = Address::from("unix:relative.sock");
        assert_eq!((path.port(), path.path()), (None, Some(Path::new("relative.sock"))));
        assert_eq!(path.to_string(), "unix:relative.sock");
        assert_eq!(Address::from("no port").port(), None);
    }
}
