//! Where a peer listens, as users write it.

use std::fmt;
use std::net::SocketAddr;

/// The address of a peer: a socket address, or a `"host:port"` that is resolved when it is used.
///
/// ```
/// use rpc_net::Address;
/// let by_name = Address::from("localhost:4000");
/// let by_number = Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 4000)));
/// assert_eq!(by_name.to_string(), "localhost:4000");
/// assert_eq!(by_number.to_string(), "127.0.0.1:4000");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Socket(SocketAddr),
    Name(String),
}

impl Address {
    /// Every socket address that this stands for, in the resolver's order.
    pub(crate) async fn resolve(&self) -> std::io::Result<Vec<SocketAddr>> {
        match &self.0 {
            Kind::Socket(address) => Ok(vec![*address]),
            Kind::Name(name) => Ok(tokio::net::lookup_host(name.as_str()).await?.collect()),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self(Kind::Socket(address))
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
        }
    }
}
