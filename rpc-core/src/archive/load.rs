//! Loading: values come out of a blocking stream, and never go into it here.

use std::io::{self, Read};
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeOwned};

use super::error::{DecodeError, DecodeErrorKind as Kind, LoadError};
use super::kept::KeptSource;
use super::limits::DecodeLimits;
use super::mode::{Framed, Mode, Raw};
use super::reader::Reader;
use super::source::eof;
use super::stream::{Message, MessageReader};

/// An archive that loads values from a blocking stream: a file, a `&[u8]`, a pipe, a socket.
///
/// It goes one way; what it loads was stored by a [`Store`](super::Store) in the same mode.
///
/// [`new`](Self::new) reads messages. [`load`](Self::load) gives value after value, whatever message they are in;
/// [`next_message`](Self::next_message) and [`messages`](Self::messages) go message by message. No loop over a
/// buffer is needed: whatever has arrived is given before the stream is read again. [`raw`](Self::raw) reads values
/// that have nothing between them.
///
/// ```
/// use rpc_core::archive::Load;
///
/// let stream = &b"\0\0\0\x0c\x01\x02\0\0\0\0\0\0\0\x02hi"[..];
/// let mut from = Load::new(stream);
/// assert_eq!(from.load::<u16>()?, 0x0102);
/// assert_eq!(from.load::<&str>()?, "hi"); // It lies in the archive's buffer.
/// assert!(from.next_message()?.is_none());
/// # Ok::<(), rpc_core::archive::LoadError>(())
/// ```
///
/// The stream may be a stranger's. The length of a message is checked before anything is reserved, at most 64 KiB
/// are reserved ahead of what has arrived, and values stay within their [`DecodeLimits`]. A message that is bad
/// spoils only itself; one that is too long ends the loading, for what follows it cannot be told from it.
/// A fault of the stream loses nothing: after a timeout, load again.
///
/// It does not store:
///
/// ```compile_fail,E0599
/// let mut from = rpc_core::archive::Load::new(&[0_u8; 4][..]);
/// from.store(&1_u8).unwrap();
/// ```
///
/// It only ever reads forward, so it works on everything that can be read, and asks for nothing more:
///
/// ```compile_fail,E0599
/// use std::io::Seek as _;
/// let mut from = rpc_core::archive::Load::new(std::io::Cursor::new(vec![0_u8; 4]));
/// from.seek(std::io::SeekFrom::Start(0)).unwrap();
/// ```
///
/// Datagrams may be lost, doubled and swapped, so nothing is loaded from them:
///
/// ```compile_fail,E0277
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
/// rpc_core::archive::Load::new(socket);
/// ```
#[derive(Debug)]
pub struct Load<R: Read, M: Mode = Framed> {
    stream: R,
    reader: MessageReader,
    mode: PhantomData<M>,
}

impl<R: Read, M: Mode> Load<R, M> {
    fn over(stream: R) -> Self {
        let reader = MessageReader::new(DecodeLimits::default());
        Self { stream, reader, mode: PhantomData }
    }

    /// Begins with a buffer of `capacity` bytes. A framed archive's grows when a message is longer.
    #[must_use]
    pub fn with_capacity(self, capacity: usize) -> Self {
        self.with_buffer(Vec::with_capacity(capacity))
    }

    /// Uses this buffer, whose content is dropped; what was read ahead moves to it.
    #[must_use]
    pub fn with_buffer(mut self, buffer: Vec<u8>) -> Self {
        self.reader.use_buffer(buffer);
        self
    }

    /// Sets what a message may cost: its length, the memory and the depth of its values. In a raw archive each value counts as a message.
    #[must_use]
    pub fn limits(mut self, limits: DecodeLimits) -> Self {
        self.reader.set_limits(limits);
        self
    }

    /// The stream; the archive has read ahead of what was loaded.
    #[must_use]
    pub fn get_ref(&self) -> &R {
        &self.stream
    }

    /// The stream, and the bytes that were read from it and not loaded.
    #[must_use]
    pub fn into_inner(self) -> (R, Vec<u8>) {
        (self.stream, self.reader.into_unread())
    }
}

impl<R: Read> Load<R> {
    /// Loads messages from `stream`.
    #[must_use]
    pub fn new(stream: R) -> Self {
        Self::over(stream)
    }

    /// The next value of the message at hand; when that is used up, the first of the next one. It may borrow from the archive's buffer. A value without bytes,
    /// such as `()`, at the end of a message is therefore looked for in the next one: take such messages apart with
    /// [`next_message`](Self::next_message).
    ///
    /// # Errors
    ///
    /// [`LoadError::Io`] when the stream fails. [`LoadError::Archive`] when the bytes are no `T` (the rest of their message is
    /// passed over), when the stream ended ([`End`](Kind::End) between messages, [`Truncated`](Kind::Truncated) inside one), or
    /// when a message is too long. Never panics, whatever arrives, unless `T` or the stream does.
    pub fn load<'de, T: Deserialize<'de>>(&'de mut self) -> Result<T, LoadError> {
        if self.reader.remaining() == 0 && !self.fetch()? {
            return Err(ended().into());
        }
        Ok(self.reader.value()?)
    }

    /// Fills `buffer` with the bytes that come next in the message at hand, or in the next one when that is used up.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load): in particular when the message has fewer bytes left.
    pub fn load_exact(&mut self, buffer: &mut [u8]) -> Result<(), LoadError> {
        if buffer.is_empty() {
            return Ok(());
        }
        if self.reader.remaining() == 0 && !self.fetch()? {
            return Err(ended().into());
        }
        Ok(self.reader.bytes_exact(buffer)?)
    }

    /// Fills `buffer` with the bytes that come next in the message at hand, as many as it has left. The count is less than
    /// what `buffer` takes at the end of the message, and 0 at the end of the stream.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load), except for an end between two messages.
    pub fn load_up_to(&mut self, buffer: &mut [u8]) -> Result<usize, LoadError> {
        while self.reader.remaining() == 0 && !buffer.is_empty() {
            if !self.fetch()? {
                return Ok(0);
            }
        }
        Ok(self.reader.bytes_up_to(buffer))
    }

    /// The next message; what is left of the one at hand is passed over. `None` when the stream has ended.
    ///
    /// # Errors
    ///
    /// [`LoadError::Io`] when the stream fails, [`LoadError::Archive`] when it ends inside a message or the message is too long.
    ///
    /// ```
    /// use rpc_core::archive::Load;
    ///
    /// let mut from = Load::new(&b"\0\0\0\x02\x01\x02"[..]);
    /// let mut message = from.next_message()?.expect("there is one");
    /// assert_eq!(message.value::<u8>()?, 1);
    /// assert_eq!(message.finish().unwrap_err().offset(), 1); // A byte is left.
    /// # Ok::<(), rpc_core::archive::LoadError>(())
    /// ```
    pub fn next_message(&mut self) -> Result<Option<Message<'_>>, LoadError> {
        let fetched = self.fetch()?;
        Ok(fetched.then(|| self.reader.message()))
    }

    /// The messages to come, each of them one `T` and nothing else.
    ///
    /// ```
    /// use rpc_core::archive::Load;
    ///
    /// let mut from = Load::new(&b"\0\0\0\x01\x07\0\0\0\x01\x02\0\0\0\x01\x01"[..]);
    /// let answers: Vec<_> = from.messages::<bool>().map(Result::ok).collect();
    /// assert_eq!(answers, [None, None, Some(true)]); // The bad ones spoil only themselves.
    /// ```
    pub fn messages<T: DeserializeOwned>(&mut self) -> Messages<'_, R, T> {
        Messages { load: self, ended: false, of: PhantomData }
    }

    /// Takes the next message at hand; `false` when the stream has ended.
    fn fetch(&mut self) -> Result<bool, LoadError> {
        while !self.reader.next_message()? {
            let count = fill(&mut self.stream, self.reader.space())?;
            if count == 0 {
                self.reader.end()?;
                return Ok(false);
            }
            self.reader.filled(count);
        }
        Ok(true)
    }
}

impl<R: Read> Load<R, Raw> {
    /// Loads values that have nothing between them from `stream`.
    ///
    /// ```
    /// use rpc_core::archive::Load;
    ///
    /// let mut from = Load::raw(&b"\x01raw"[..]);
    /// assert_eq!(from.load::<u8>()?, 1);
    /// let mut rest = [0; 8];
    /// assert_eq!(from.load_up_to(&mut rest)?, 3);
    /// # Ok::<(), rpc_core::archive::LoadError>(())
    /// ```
    #[must_use]
    pub fn raw(stream: R) -> Self {
        Self::over(stream)
    }

    /// The next value.
    ///
    /// # Errors
    ///
    /// [`LoadError::Io`] when the stream fails. [`LoadError::Archive`] when the bytes are no `T` or exceed the limits, or when
    /// the stream ended: [`End`](Kind::End) before the value, [`Eof`](Kind::Eof) inside it. After any of these the archive
    /// stands where it stood before. Never panics, whatever arrives, unless `T` or the stream does.
    pub fn load<T: DeserializeOwned>(&mut self) -> Result<T, LoadError> {
        let limits = self.reader.limits;
        let source =
            KeptSource::new(&mut self.stream, &mut self.reader.incoming, limits.message_bytes);
        let mut reader = Reader::new(source, limits);
        let value = reader.value();
        reader.source.settle(value)
    }

    /// Fills `buffer` with the bytes that come next.
    ///
    /// # Errors
    ///
    /// [`LoadError::Io`] when the stream fails, [`LoadError::Archive`] when it ends earlier: [`End`](Kind::End) before the first
    /// byte, [`Eof`](Kind::Eof) after it. What had come is then in `buffer`.
    pub fn load_exact(&mut self, buffer: &mut [u8]) -> Result<(), LoadError> {
        match self.load_up_to(buffer)? {
            count if count == buffer.len() => Ok(()),
            0 => Err(ended().into()),
            count => Err(eof(buffer.len(), count, 0).into()),
        }
    }

    /// Fills `buffer` with the bytes that come next; the count is less than what it takes at the end of the stream only.
    ///
    /// # Errors
    ///
    /// [`LoadError::Io`] when the stream fails; what had come is then in `buffer`, and gone from the stream.
    pub fn load_up_to(&mut self, buffer: &mut [u8]) -> Result<usize, LoadError> {
        let mut filled = self.reader.incoming.take(buffer);
        while let Some(space @ [_, ..]) = buffer.get_mut(filled..) {
            match fill(&mut self.stream, space)? {
                0 => break,
                count => filled = filled.saturating_add(count),
            }
        }
        Ok(filled)
    }
}

/// The messages of a [`Load`], each one `T`; made by [`Load::messages`].
///
/// A bad message is one error, and the next one comes after it. The last item is an error when the stream fails, ends
/// inside a message, or announces one that is too long.
#[derive(Debug)]
pub struct Messages<'a, R: Read, T> {
    load: &'a mut Load<R>,
    ended: bool,
    of: PhantomData<fn() -> T>,
}

impl<R: Read, T: DeserializeOwned> Iterator for Messages<'_, R, T> {
    type Item = Result<T, LoadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.load.next_message() {
            Ok(Some(message)) => Some(message.only().map_err(LoadError::Archive)),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}

impl<R: Read, T: DeserializeOwned> std::iter::FusedIterator for Messages<'_, R, T> {}

/// Reads once; 0 is the end.
pub(super) fn fill(stream: &mut impl Read, space: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(space) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

#[cold]
pub(super) fn ended() -> DecodeError {
    DecodeError::new(Kind::End, "the stream has ended, and another value is wanted,", 0)
}
