//! The options of sockets: what is asked for, and what the kernel says it does.

use socket2::{Domain, SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The options of a listening or connected socket. A `None` is left to the system.
///
/// What a system or a kind of socket does not know is left out: a Unix socket has only the two buffers.
/// `options_in_force` of a server or a peer is the same struct with what the kernel says, which may be
/// more or less than what was asked for: Linux doubles the sizes of buffers and cuts them to its own
/// maximum.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketOptions {
    /// Small writes leave at once. hton gathers its frames itself: waiting would only delay them.
    pub nodelay: Option<bool>,
    /// Silence after which the kernel asks the peer's kernel for a sign of life. hton asks the peer
    /// itself, so this is off unless set.
    pub keepalive: Option<Duration>,
    /// Size of the kernel's buffer of bytes to send. Setting it ends the kernel's own tuning.
    pub send_buffer_bytes: Option<usize>,
    /// Size of the kernel's buffer of bytes received. Setting it ends the kernel's own tuning.
    pub recv_buffer_bytes: Option<usize>,
    /// How long sent bytes may stay unacknowledged before the kernel gives up. Linux only, whole
    /// milliseconds.
    pub user_timeout: Option<Duration>,
    /// Bytes that may wait unsent in the kernel: about four frames by default. More would lie ahead of
    /// a small frame that could pass; with less, large messages wait for the driver. Linux only.
    pub notsent_lowat_bytes: Option<u32>,
    /// Connections that wait to be accepted; the system cuts it to its own maximum and does not tell it
    /// afterwards. Listeners only.
    pub backlog: Option<u32>,
    /// Several listeners share one port, and the kernel spreads connections over them. Listeners only,
    /// not on Windows.
    pub reuse_port: Option<bool>,
    /// A listener on an IPv6 address takes no IPv4 connections. Unset it is `false`: `"[::]:0"` serves
    /// both families on every system. Listeners only.
    pub v6_only: Option<bool>,
    /// The address to dial from, to choose a network card; port 0 lets the system choose the port. Addresses
    /// of the other family fail then. Dialers over TCP only.
    pub local_addr: Option<SocketAddr>,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            nodelay: Some(true),
            keepalive: None,
            send_buffer_bytes: None,
            recv_buffer_bytes: None,
            user_timeout: None,
            notsent_lowat_bytes: Some(256 * 1024),
            backlog: Some(4096),
            reuse_port: None,
            v6_only: None,
            local_addr: None,
        }
    }
}

impl SocketOptions {
    /// All left to the system.
    #[must_use]
    pub const fn system() -> Self {
        Self {
            nodelay: None,
            keepalive: None,
            send_buffer_bytes: None,
            recv_buffer_bytes: None,
            user_timeout: None,
            notsent_lowat_bytes: None,
            backlog: None,
            reuse_port: None,
            v6_only: None,
            local_addr: None,
        }
    }

    /// Options of a connected TCP socket.
    pub(crate) fn set_tcp<'s>(&self, socket: impl Into<SockRef<'s>>) -> io::Result<()> {
        let socket = socket.into();
        if let Some(nodelay) = self.nodelay {
            socket.set_tcp_nodelay(nodelay)?;
        }
        if let Some(after) = self.keepalive {
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(after))?;
        }
        #[cfg(target_os = "linux")]
        {
            if let Some(timeout) = self.user_timeout {
                socket.set_tcp_user_timeout(Some(timeout))?;
            }
            if let Some(bytes) = self.notsent_lowat_bytes {
                // A hint: a system that does not know it serves as well, only less evenly.
                socket.set_tcp_notsent_lowat(bytes).ok();
            }
        }
        self.set_buffers(socket)
    }

    /// Options that every kind of socket has. Set before connecting or listening, they also bound the
    /// window that TCP announces.
    pub(crate) fn set_buffers(&self, socket: SockRef<'_>) -> io::Result<()> {
        if let Some(bytes) = self.send_buffer_bytes {
            socket.set_send_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.recv_buffer_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        Ok(())
    }

    /// What the kernel says about a socket. `None` is what it cannot tell.
    pub(crate) fn in_force<'s>(socket: impl Into<SockRef<'s>>) -> io::Result<Self> {
        let socket = socket.into();
        let mut options = Self {
            send_buffer_bytes: Some(socket.send_buffer_size()?),
            recv_buffer_bytes: Some(socket.recv_buffer_size()?),
            ..Self::system()
        };
        let domain = socket.local_addr()?.domain();
        if domain != Domain::IPV4 && domain != Domain::IPV6 {
            return Ok(options);
        }
        options.nodelay = Some(socket.tcp_nodelay()?);
        #[cfg(not(any(windows, target_os = "openbsd")))]
        {
            options.keepalive = match socket.keepalive()? {
                true => Some(socket.tcp_keepalive_time()?),
                false => None,
            };
        }
        #[cfg(unix)]
        {
            options.reuse_port = socket.reuse_port().ok();
        }
        #[cfg(target_os = "linux")]
        {
            options.user_timeout = socket.tcp_user_timeout()?.filter(|timeout| !timeout.is_zero());
            options.notsent_lowat_bytes = socket.tcp_notsent_lowat().ok();
        }
        if domain == Domain::IPV6 {
            options.v6_only = Some(socket.only_v6()?);
        }
        Ok(options)
    }
}
