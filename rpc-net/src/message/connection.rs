//! One connection of messages: both directions, and what is known of it.

use super::about::{About, Ending, Names, Origin};
use super::connect::Setup;
use super::halves::{ReadHalf, WriteHalf, join, split};
use super::{AsyncLoad, AsyncStore, Connect, Kind, Messages, Preceded};
use crate::Address;
use crate::attach::Attach;
use crate::events::{Observer, Watch};
use crate::identity::Identity;
use crate::transport::Socket;
use crate::transport::options::SocketOptions;
use bytes::Bytes;
use rpc_core::Side;
use rpc_core::archive::stream::{Message, MessageReader, MessageWriter};
use rpc_core::archive::{DecodeLimits, LoadError, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A connection that carries whole messages, and no calls.
///
/// Its methods want it for themselves; [`split`](Self::split) gives each direction an owner, so that both go on at
/// once. Dropping it closes it; [the module](super) says what the other end sees of each end.
///
/// There is none that is not connected: whatever makes one connects it first, or takes what is connected.
///
/// ```compile_fail,E0599
/// let connection = rpc_net::message::Connection::new();
/// ```
///
/// ```compile_fail,E0277
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
/// let connection = rpc_net::message::Connection::from_stream(socket);
/// ```
#[derive(Debug)]
#[must_use = "dropping it closes it"]
pub struct Connection {
    pub(super) load: AsyncLoad<ReadHalf>,
    pub(super) store: AsyncStore<WriteHalf>,
    about: Arc<About>,
    label: Option<String>,
}

impl Connection {
    /// A connection to whoever listens on `address`, to be awaited.
    pub fn connect(address: impl Into<Address>) -> Connect {
        Connect::new(address.into())
    }

    /// A connection over this byte stream. A socket of tokio's is known as such, with its names.
    ///
    /// ```
    /// use rpc_net::message::Connection;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (near, far) = rpc_net::memory();
    /// let (mut near, mut far) = (Connection::from_stream(near), Connection::from_stream(far));
    /// near.send(&7_u8).await?;
    /// assert_eq!(far.recv::<u8>().await?, Some(7));
    /// # Ok(()) }
    /// ```
    pub fn from_stream<S>(stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self::from_parts(stream, b"")
    }

    /// As [`from_stream`](Self::from_stream), for a stream of which `unread` was read already: what
    /// [`into_inner`](Self::into_inner) and [`Returned`](crate::Returned) give.
    pub fn from_parts<S>(stream: S, unread: impl AsRef<[u8]>) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let socket = Socket::from_stream(stream);
        let in_force = socket.in_force();
        let setup = Setup::default();
        let mut connection = Self::begin(socket, in_force, Origin::Dialed, &setup);
        connection.load.preload(unread.as_ref());
        connection
    }

    pub(super) fn begin(
        socket: Socket,
        options: Option<SocketOptions>,
        origin: Origin,
        setup: &Setup,
    ) -> Self {
        let about = About::new(Names::of(&socket, options), origin, setup.watch.as_ref());
        let (read, write) = split(socket, &about);
        let load = AsyncLoad::over(read, MessageReader::new(setup.limits));
        let store = AsyncStore::over(write, MessageWriter::new());
        Self { load, store, about, label: None }
    }

    /// Sets what each message that comes may cost: its bytes, memory and depth.
    pub fn limits(mut self, limits: DecodeLimits) -> Self {
        self.load.set_limits(limits);
        self
    }

    /// Tells this observer that the connection is there, and in time how it ended. Only the first observer of
    /// a connection is told.
    pub fn observe(self, observer: impl Observer) -> Self {
        self.about.watch(Origin::Dialed, &Watch::new(observer));
        self
    }

    /// What it stands on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.about.kind
    }

    /// The address of this end, when the transport has addresses and this end has one.
    #[must_use]
    pub fn local_addr(&self) -> Option<Address> {
        self.about.local.clone()
    }

    /// The address of the other end, when the transport has addresses and that end has one. It is known after
    /// the end, too.
    #[must_use]
    pub fn peer_addr(&self) -> Option<Address> {
        self.about.peer.clone()
    }

    /// Who the other end is, as the transport says.
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

    /// What the kernel said of the socket when it was taken over; `None` where there is none.
    #[must_use]
    pub fn options_in_force(&self) -> Option<&SocketOptions> {
        self.about.options.as_ref()
    }

    /// The socket, when it is one of TCP: for options that hton does not know.
    #[must_use]
    pub fn tcp(&self) -> Option<&TcpStream> {
        self.load.get_ref().tcp()
    }

    /// The socket, when it is a Unix socket.
    #[cfg(unix)]
    #[must_use]
    pub fn unix(&self) -> Option<&tokio::net::UnixStream> {
        self.load.get_ref().unix()
    }

    /// How many bytes have come that were not received: for those who are curious.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.load.buffered()
    }

    /// The two directions, each for an owner of its own. The socket is closed when both are gone; dropping one
    /// leaves the other as it is. [`rejoin`](Self::rejoin) makes a connection of them again.
    ///
    /// ```
    /// use rpc_net::message::Connection;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (near, far) = rpc_net::memory();
    /// let (mut load, mut store) = Connection::from_stream(near).split();
    /// tokio::spawn(async move {
    ///     let mut far = Connection::from_stream(far);
    ///     let number: Option<u32> = far.recv().await.unwrap();
    ///     far.send(&number).await.unwrap();
    /// });
    /// store.store(&7_u32)?.flush().await?;
    /// assert_eq!(load.load::<Option<u32>>().await?, Some(7));
    /// # Ok(()) }
    /// ```
    ///
    /// A connection is split once, for it is gone then:
    ///
    /// ```compile_fail,E0382
    /// # fn example(connection: rpc_net::message::Connection) {
    /// let (load, store) = connection.split();
    /// let (second_load, second_store) = connection.split();
    /// # }
    /// ```
    ///
    /// It accepts nothing itself:
    ///
    /// ```compile_fail,E0599
    /// # async fn example(connection: rpc_net::message::Connection) {
    /// connection.accept().await;
    /// # }
    /// ```
    #[must_use = "dropping both closes the connection"]
    pub fn split(self) -> (AsyncLoad<ReadHalf>, AsyncStore<WriteHalf>) {
        (self.load, self.store)
    }

    /// The connection of two directions. Its label is lost.
    ///
    /// # Errors
    ///
    /// The two as they were, if they are not of one connection.
    #[expect(clippy::result_large_err, reason = "it is what was given")]
    pub fn rejoin(
        load: AsyncLoad<ReadHalf>,
        store: AsyncStore<WriteHalf>,
    ) -> Result<Self, (AsyncLoad<ReadHalf>, AsyncStore<WriteHalf>)> {
        if !load.get_ref().is_pair_of(store.get_ref()) {
            return Err((load, store));
        }
        let about = Arc::clone(load.get_ref().about());
        Ok(Self { load, store, about, label: None })
    }

    /// The stream, and the bytes that were read from it and belong to whatever comes next. What is not flushed
    /// is discarded.
    pub fn into_inner(self) -> (Socket, Bytes) {
        let Self { load, store, about, .. } = self;
        let (read, unread) = load.into_inner();
        about.note(Ending::Released);
        let socket = join(read, store.abort());
        let both = |(read, write)| Socket::Other(Box::new(tokio::io::join(read, write)));
        (socket.unwrap_or_else(both), unread)
    }

    /// One end of an RPC connection over the same stream, with the bytes that were read too early: what
    /// [`attach`](crate::attach) gives. One end must be the dialer, the other the acceptor.
    ///
    /// Both ends must know when: after a last message, say, that each has received. What is not flushed is
    /// discarded. The address and the [identity](Self::identity) of the other end stay known.
    pub fn upgrade(self, side: Side) -> Attach<Preceded<Socket>> {
        let info = self.about.info.clone();
        let (socket, unread) = self.into_inner();
        crate::attach(Preceded::new(unread, socket), side).known(info)
    }
}

/// Sending and receiving; [`AsyncStore`] and [`AsyncLoad`] say more.
impl Connection {
    /// Appends a value to the message that the next [`flush`](Self::flush) ends.
    ///
    /// # Errors
    ///
    /// As those of [`AsyncStore::store`].
    pub fn store<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<&mut Self, StoreError> {
        self.store.store(value)?;
        Ok(self)
    }

    /// Appends bytes as they are, without a count.
    ///
    /// # Errors
    ///
    /// As those of [`AsyncStore::store_bytes`].
    pub fn store_bytes(&mut self, bytes: &[u8]) -> Result<&mut Self, StoreError> {
        self.store.store_bytes(bytes)?;
        Ok(self)
    }

    /// Ends the message, if one was begun, and writes it. It waits while the other end does not read.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the stream fails.
    ///
    /// # Cancel safety
    ///
    /// What a dropped flush has not written goes with the next one, in order.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        self.store.flush().await
    }

    /// Sends a message: [`store`](Self::store), then [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// As those of the two.
    ///
    /// # Cancel safety
    ///
    /// As that of `flush`: once it was polled, the message goes with the next flush.
    pub async fn send<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StoreError> {
        self.store.send(value).await
    }

    /// Sends a message that is these bytes and nothing else, without a copy.
    ///
    /// # Errors
    ///
    /// As those of [`AsyncStore::send_bytes`].
    ///
    /// # Cancel safety
    ///
    /// As that of [`send`](Self::send).
    pub async fn send_bytes(&mut self, bytes: impl Into<Bytes>) -> Result<(), StoreError> {
        self.store.send_bytes(bytes).await
    }

    /// The next message, which is one `T`; `None` when the other end has finished, between two messages.
    /// There is no way to receive half a message.
    ///
    /// # Errors
    ///
    /// As those of [`AsyncLoad::recv`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub async fn recv<'de, T: Deserialize<'de>>(&'de mut self) -> Result<Option<T>, LoadError> {
        self.load.recv().await
    }

    /// The next value of the message at hand, or of the next one if that is used up.
    ///
    /// # Errors
    ///
    /// As those of [`AsyncLoad::load`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub async fn load<'de, T: Deserialize<'de>>(&'de mut self) -> Result<T, LoadError> {
        self.load.load().await
    }

    /// The next message, to be taken apart; `None` at the end.
    ///
    /// # Errors
    ///
    /// As those of [`AsyncLoad::recv`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub async fn next_message(&mut self) -> Result<Option<Message<'_>>, LoadError> {
        self.load.next_message().await
    }

    /// Every message that comes, each one `T`: a stream of results.
    pub const fn messages<T: DeserializeOwned>(&mut self) -> Messages<'_, ReadHalf, T> {
        self.load.messages()
    }

    /// How many bytes the next message has, before they have come; `None` at the end.
    ///
    /// # Errors
    ///
    /// As those of [`AsyncLoad::recv`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub async fn peek_len(&mut self) -> Result<Option<usize>, LoadError> {
        self.load.peek_len().await
    }
}

impl From<TcpStream> for Connection {
    fn from(stream: TcpStream) -> Self {
        Self::from_stream(stream)
    }
}

#[cfg(unix)]
impl From<tokio::net::UnixStream> for Connection {
    fn from(stream: tokio::net::UnixStream) -> Self {
        Self::from_stream(stream)
    }
}

impl From<Socket> for Connection {
    fn from(socket: Socket) -> Self {
        Self::from_stream(socket)
    }
}
