//! One blocking connection of messages: both directions, and what is known of it.

use super::halves::{ReadHalf, Socket, WriteHalf, in_force, split};
use crate::Address;
use crate::error::Error;
use crate::events::{Observer, Watch};
use crate::identity::{Identity, PeerInfo};
use crate::message::about::{About, Ending, Names, Origin};
use crate::message::connect::{Connect, Setup};
use crate::message::{CloseReport, Kind};
use crate::transport;
use crate::transport::options::SocketOptions;
use crate::transport::tcp::canonical;
use rpc_core::archive::{DecodeLimits, Load, LoadError, Message, Messages, Store, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection that carries whole messages, for programs that are not async: the twin of
/// [`message::Connection`](crate::message::Connection), with methods of the same names, which block.
///
/// It is a socket of the standard library and needs no runtime; only opening it uses the thread that
/// [`blocking`](crate::blocking) keeps. It never says [`WouldBlock`](io::ErrorKind::WouldBlock), whatever was done to
/// the socket: it waits.
///
/// ```
/// use rpc_net::blocking::{Connection, Listener};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = Listener::bind("127.0.0.1:0")?;
/// let mut near = Connection::connect(listener.local_addr())?;
/// let mut far = listener.accept()?;
/// near.send(&("hello", 1_u32))?;
/// near.finish()?;
/// assert_eq!(far.recv::<(&str, u32)>()?, Some(("hello", 1)));
/// assert_eq!(far.recv::<(&str, u32)>()?, None);
/// # Ok(()) }
/// ```
///
/// Dropping it closes it. A message that was begun is flushed then, as dropping its [`Store`] does.
#[derive(Debug)]
#[must_use = "dropping it closes it"]
pub struct Connection {
    load: Load<ReadHalf>,
    store: Store<WriteHalf>,
    about: Arc<About>,
    label: Option<String>,
}

impl Connect {
    /// Opens a blocking connection, and waits until it is open.
    ///
    /// # Errors
    ///
    /// As awaiting it; [`Error::WouldBlock`] where blocking is not allowed; [`Error::NoThread`].
    pub fn wait(self) -> Result<Connection, Error> {
        let (socket, _) = crate::blocking::wait(self.open())??;
        let failed = |error| Error::connect(self.address(), vec![(self.address().clone(), error)]);
        Connection::plain(socket, Origin::Dialed, &self.setup).map_err(failed)
    }
}

impl Connection {
    /// Opens a connection to whoever listens on `address`. To set more than the address, write
    /// [`message::Connection::connect`](crate::message::Connection::connect) with [`wait`](Connect::wait) at the end.
    ///
    /// # Errors
    ///
    /// As [`Connect::wait`].
    pub fn connect(address: impl Into<Address>) -> Result<Self, Error> {
        crate::message::Connection::connect(address).wait()
    }

    /// The connection over a socket that a runtime had until now.
    pub(super) fn plain(
        socket: transport::Socket,
        origin: Origin,
        setup: &Setup,
    ) -> io::Result<Self> {
        let names = Names::of(&socket, socket.in_force());
        let socket: socket2::Socket = match socket {
            transport::Socket::Tcp(stream) => stream.into_std()?.into(),
            #[cfg(unix)]
            transport::Socket::Unix(stream) => stream.into_std()?.into(),
            transport::Socket::Other(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        socket.set_nonblocking(false)?;
        Ok(Self::begin(socket, names, origin, setup))
    }

    fn begin(socket: socket2::Socket, names: Names, origin: Origin, setup: &Setup) -> Self {
        let about = About::new(names, origin, setup.watch.as_ref());
        let (read, write) = split(socket, &about);
        let load = Load::new(read).limits(setup.limits);
        Self { load, store: Store::new(write), about, label: None }
    }

    /// Of a socket whose identity the standard library does not tell.
    fn from_socket(socket: socket2::Socket, kind: Kind) -> Self {
        let known = |address: io::Result<socket2::SockAddr>| {
            let address = address.ok()?;
            let socket = address.as_socket().map(|at| canonical(at).into());
            #[cfg(unix)]
            let socket = socket.or_else(|| address.as_pathname().map(Address::unix));
            socket
        };
        let (local, peer) = (known(socket.local_addr()), known(socket.peer_addr()));
        let info = PeerInfo::at(peer.as_ref().and_then(Address::socket_addr));
        let names = Names { kind, local, peer, info, options: in_force(&socket) };
        Self::begin(socket, names, Origin::Dialed, &Setup::default())
    }

    /// Sets what each message that comes may cost: its bytes, memory and depth.
    pub fn limits(self, limits: DecodeLimits) -> Self {
        Self { load: self.load.limits(limits), ..self }
    }

    /// Tells this observer that the connection is there, and in time how it ended. Only the first observer of
    /// a connection is told.
    pub fn observe(self, observer: impl Observer) -> Self {
        self.about.watch(Origin::Dialed, &Watch::new(observer));
        self
    }

    /// Sets how long receiving waits before it fails with [`TimedOut`](io::ErrorKind::TimedOut); for ever unless
    /// set. Nothing is lost by it: receive again.
    ///
    /// # Errors
    ///
    /// What the system says; a time of zero is refused.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.load.get_ref().set_timeout(timeout)
    }

    /// Sets how long sending waits before it fails with [`TimedOut`](io::ErrorKind::TimedOut); for ever unless set.
    /// What was not written goes with the next flush.
    ///
    /// # Errors
    ///
    /// What the system says; a time of zero is refused.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.store.get_ref().set_timeout(timeout)
    }

    /// What it stands on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.about.kind
    }

    /// The address of this end, when it has one.
    #[must_use]
    pub fn local_addr(&self) -> Option<Address> {
        self.about.local.clone()
    }

    /// The address of the other end, when it has one. It is known after the end, too.
    #[must_use]
    pub fn peer_addr(&self) -> Option<Address> {
        self.about.peer.clone()
    }

    /// Who the other end is, as the transport says; nobody knows of a Unix socket that was opened elsewhere.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.about.info.identity
    }

    /// The name that this program gave the connection; the other end does not learn it.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Gives the connection a name.
    pub fn set_label(&mut self, label: impl Into<String>) {
        self.label = Some(label.into());
    }

    /// What the kernel said of the socket when it was taken over.
    #[must_use]
    pub fn options_in_force(&self) -> Option<&SocketOptions> {
        self.about.options.as_ref()
    }

    /// The two directions, for two threads. The socket is closed when both are gone; dropping one leaves the other
    /// as it is.
    #[must_use = "dropping both closes the connection"]
    pub fn split(self) -> (Load<ReadHalf>, Store<WriteHalf>) {
        (self.load, self.store)
    }

    /// The socket, and the bytes that were read from it and belong to whatever comes next. What is not flushed is
    /// discarded.
    ///
    /// # Errors
    ///
    /// What the system says when it has no descriptor left.
    pub fn into_inner(self) -> io::Result<(Socket, Vec<u8>)> {
        let Self { load, store, about, .. } = self;
        let (read, unread) = load.into_inner();
        let socket = read.shared().socket()?;
        about.note(Ending::Released);
        drop(store.abort());
        Ok((socket, unread))
    }
}

/// Sending and receiving; [`Store`] and [`Load`] say more.
impl Connection {
    /// Appends a value to the message that the next [`flush`](Self::flush) ends.
    ///
    /// # Errors
    ///
    /// As those of [`Store::store`].
    pub fn store<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<&mut Self, StoreError> {
        self.store.store(value)?;
        Ok(self)
    }

    /// Appends bytes as they are, without a count.
    ///
    /// # Errors
    ///
    /// As those of [`Store::store_bytes`].
    pub fn store_bytes(&mut self, bytes: &[u8]) -> Result<&mut Self, StoreError> {
        self.store.store_bytes(bytes)?;
        Ok(self)
    }

    /// Ends the message, if one was begun, and writes it. It waits while the other end does not read.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the stream fails or the [time](Self::set_write_timeout) passes.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.store.flush()
    }

    /// Sends a message: [`store`](Self::store), then [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// As those of the two.
    pub fn send<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StoreError> {
        self.store.store(value)?.flush()
    }

    /// The next message, which is one `T`; `None` when the other end has finished, between two messages.
    ///
    /// # Errors
    ///
    /// As those of [`Load::next_message`], and when the message is not one `T`: the next one can be received.
    pub fn recv<'de, T: Deserialize<'de>>(&'de mut self) -> Result<Option<T>, LoadError> {
        match self.next_message()? {
            Some(message) => Ok(Some(message.only()?)),
            None => Ok(None),
        }
    }

    /// The next value of the message at hand, or of the next one if that is used up.
    ///
    /// # Errors
    ///
    /// As those of [`Load::load`].
    pub fn load<'de, T: Deserialize<'de>>(&'de mut self) -> Result<T, LoadError> {
        self.load.load()
    }

    /// The next message, to be taken apart; `None` at the end.
    ///
    /// # Errors
    ///
    /// As those of [`Load::next_message`].
    pub fn next_message(&mut self) -> Result<Option<Message<'_>>, LoadError> {
        self.load.next_message()
    }

    /// Every message that comes, each one `T`: an iterator of results.
    pub fn messages<T: DeserializeOwned>(&mut self) -> Messages<'_, ReadHalf, T> {
        self.load.messages()
    }

    /// Flushes, and tells the other end that nothing follows. What it sends is still received.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the stream fails.
    pub fn finish(&mut self) -> Result<(), StoreError> {
        self.store.flush()?;
        Ok(self.store.get_ref().finish()?)
    }

    /// Closes in good order, within a time: flushes, finishes, and reads on until the other end has finished,
    /// too. What comes meanwhile is discarded; the report says how much.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the stream fails before the other end has finished, so that it may not have received
    /// everything; [`TimedOut`](io::ErrorKind::TimedOut) when the time passes before all is written.
    pub fn close(mut self, within: Duration) -> Result<CloseReport, StoreError> {
        let began = Instant::now();
        // A time that no clock can tell is no limit.
        if let Some(by) = began.checked_add(within) {
            self.store.get_ref().give_up_at(by);
        }
        self.finish()?;
        let (mut read, unread) = self.load.into_inner();
        let mut report = CloseReport::new(unread.len());
        let mut space = [0; 4096];
        loop {
            let left = within.saturating_sub(began.elapsed());
            if left.is_zero() {
                break;
            }
            read.set_timeout(Some(left))?;
            match read.read(&mut space) {
                Ok(0) => {
                    report.peer_finished = true;
                    break;
                }
                Ok(count) => report.discard(count),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(report)
    }

    /// Cuts the connection at once: what is not flushed is discarded, what is on its way may be lost, and the other
    /// end of a TCP connection sees a reset. Unix sockets know none: their end is as when dropped.
    pub fn abort(self) {
        self.store.abort().abort();
    }
}

impl From<std::net::TcpStream> for Connection {
    fn from(stream: std::net::TcpStream) -> Self {
        Self::from_socket(stream.into(), Kind::Tcp)
    }
}

#[cfg(unix)]
impl From<std::os::unix::net::UnixStream> for Connection {
    fn from(stream: std::os::unix::net::UnixStream) -> Self {
        Self::from_socket(stream.into(), Kind::Unix)
    }
}
