//! A byte stream of any kind as one: read, written, named, and put behind bytes that were read too early.

use crate::Address;
use crate::redial::Duplex;
use crate::transport::{Socket, tcp};
use bytes::{Buf, Bytes};
use std::any::Any;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// TCP, over IPv4 or IPv6.
    Tcp,
    /// A Unix socket.
    Unix,
    /// A byte stream of the user's: memory, a pipe, a tunnel.
    Other,
}

impl Socket {
    /// The byte stream, of whichever kind it turns out to be.
    pub(crate) fn from_stream<S>(stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut stream = Some(stream);
        if let Some(tcp) = taken_as(&mut stream) {
            return Self::Tcp(tcp);
        }
        #[cfg(unix)]
        if let Some(unix) = taken_as(&mut stream) {
            return Self::Unix(unix);
        }
        match (taken_as(&mut stream), stream) {
            (Some(socket), _) => socket,
            (None, Some(stream)) => Self::Other(Box::new(stream)),
            // Only what is taken is gone, and that has returned.
            (None, None) => Self::Other(Box::new(tokio::io::empty())),
        }
    }

    /// What kind of byte stream it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Tcp(_) => Kind::Tcp,
            #[cfg(unix)]
            Self::Unix(_) => Kind::Unix,
            Self::Other(_) => Kind::Other,
        }
    }

    /// The address of this end, when it has one.
    #[must_use]
    pub fn local_addr(&self) -> Option<Address> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok().map(|at| tcp::canonical(at).into()),
            #[cfg(unix)]
            Self::Unix(stream) => {
                stream.local_addr().ok().and_then(|at| at.as_pathname().map(Address::unix))
            }
            Self::Other(_) => None,
        }
    }

    /// The address of the other end, when it has one.
    #[must_use]
    pub fn peer_addr(&self) -> Option<Address> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok().map(|at| tcp::canonical(at).into()),
            #[cfg(unix)]
            Self::Unix(stream) => {
                stream.peer_addr().ok().and_then(|at| at.as_pathname().map(Address::unix))
            }
            Self::Other(_) => None,
        }
    }

    fn as_duplex(&mut self) -> Pin<&mut dyn Duplex> {
        match self {
            Self::Tcp(stream) => Pin::new(stream),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream),
            Self::Other(stream) => Pin::new(&mut **stream),
        }
    }
}

/// The value, if it is a `T`; otherwise it stays.
fn taken_as<T: 'static>(value: &mut (impl Any + 'static)) -> Option<T> {
    (value as &mut dyn Any).downcast_mut::<Option<T>>().and_then(Option::take)
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.as_duplex().poll_read(cx, out)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.as_duplex().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.as_duplex().poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.is_write_vectored(),
            Self::Other(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_duplex().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_duplex().poll_shutdown(cx)
    }
}

/// A byte stream with bytes in front of it that were read from it too early.
///
/// ```
/// use rpc_net::message::Preceded;
/// use tokio::io::AsyncReadExt;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let mut stream = Preceded::new("to ".into(), &b"network"[..]);
/// let mut text = String::from("host ");
/// stream.read_to_string(&mut text).await?;
/// assert_eq!(text, "host to network");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Preceded<S> {
    first: Bytes,
    then: S,
}

impl<S> Preceded<S> {
    /// Reads `first`, and then from `then`; writes to `then`.
    pub const fn new(first: Bytes, then: S) -> Self {
        Self { first, then }
    }

    /// What is not read yet of the bytes in front, and the stream.
    pub fn into_inner(self) -> (Bytes, S) {
        (self.first, self.then)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Preceded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.then).poll_read(cx, out);
        }
        let fits = self.first.len().min(out.remaining());
        out.put_slice(self.first.get(..fits).unwrap_or_default());
        self.first.advance(fits);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Preceded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.then).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.then).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.then.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.then).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.then).poll_shutdown(cx)
    }
}
