//! Storing: values go into a blocking stream, and never come out of it here.

use std::fmt;
use std::io::Write;
use std::marker::PhantomData;

use serde::Serialize;

use super::error::StoreError;
use super::limits::DecodeLimits;
use super::mode::{Framed, Mode, Raw};
use super::stream::MessageWriter;

/// Bytes that a raw archive gathers before it writes them.
const GATHER_BYTES: usize = 8 * 1024;

/// An archive that stores values in a blocking stream: a file, a `Vec<u8>`, a pipe, a socket.
///
/// It goes one way. What comes back on the same socket is read by a [`Load`](super::Load).
///
/// [`new`](Self::new) makes messages: what is stored waits in a buffer until [`flush`](Self::flush), which
/// ends the message and writes it, its length and its values together. [`raw`](Self::raw) puts values
/// one after the other with nothing between them.
///
/// ```
/// use rpc_core::archive::Store;
///
/// let mut out = Store::new(Vec::new());
/// out.store(&0x0102_u16)?.store("hi")?.flush()?;
/// assert_eq!(out.close()?, b"\0\0\0\x0c\x01\x02\0\0\0\0\0\0\0\x02hi");
/// # Ok::<(), rpc_core::archive::StoreError>(())
/// ```
///
/// A fault of a value leaves the message as it was before it; one of the stream leaves the bytes that
/// were not written in the buffer, and the next `flush` goes on with them.
///
/// Dropping it flushes, and says nothing of a failure: [`close`](Self::close) does. After a failure, or while
/// a panic unwinds, dropping writes nothing more. The buffer keeps the size of the largest message, for the next ones.
///
/// It does not load:
///
/// ```compile_fail,E0599
/// let mut out = rpc_core::archive::Store::new(Vec::new());
/// let number: u16 = out.load().unwrap();
/// ```
///
/// It cannot be used after it was closed:
///
/// ```compile_fail,E0382
/// let mut out = rpc_core::archive::Store::new(Vec::new());
/// out.close().unwrap();
/// out.store(&1_u8).unwrap();
/// ```
///
/// Datagrams may be lost, doubled and swapped, so nothing is stored in them:
///
/// ```compile_fail,E0277
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
/// rpc_core::archive::Store::new(socket);
/// ```
///
/// What is stored cannot change meanwhile, and nobody else writes to the stream:
///
/// ```compile_fail,E0499
/// let mut file = Vec::new();
/// let mut out = rpc_core::archive::Store::new(&mut file);
/// out.store(&1_u8).unwrap();
/// file.push(2);
/// out.flush().unwrap();
/// ```
pub struct Store<W: Write, M: Mode = Framed> {
    /// Gone only while the archive itself goes.
    stream: Option<W>,
    writer: MessageWriter,
    gather_bytes: usize,
    /// The stream failed, or panicked, and did not work since.
    broken: bool,
    mode: PhantomData<M>,
}

impl<W: Write> Store<W> {
    /// Stores messages in `stream`.
    #[must_use]
    pub fn new(stream: W) -> Self {
        Self::over(stream, MessageWriter::new())
    }
}

impl<W: Write> Store<W, Raw> {
    /// Stores values in `stream` with nothing between them. They are gathered, 8 KiB unless set otherwise, and written
    /// when they are more, or at [`flush`](Self::flush).
    ///
    /// ```
    /// use rpc_core::archive::Store;
    ///
    /// let mut out = Store::raw(Vec::new());
    /// out.store(&1_u8)?.store_bytes(b"raw")?;
    /// assert_eq!(out.close()?, b"\x01raw");
    /// # Ok::<(), rpc_core::archive::StoreError>(())
    /// ```
    #[must_use]
    pub fn raw(stream: W) -> Self {
        Self::over(stream, MessageWriter::unframed())
    }
}

impl<W: Write, M: Mode> Store<W, M> {
    const fn over(stream: W, writer: MessageWriter) -> Self {
        let stream = Some(stream);
        Self { stream, writer, gather_bytes: GATHER_BYTES, broken: false, mode: PhantomData }
    }

    /// Begins with a buffer of `capacity` bytes. A framed archive's grows when a message is longer.
    #[must_use]
    pub fn with_capacity(self, capacity: usize) -> Self {
        self.with_buffer(Vec::with_capacity(capacity))
    }

    /// Uses this buffer, whose content is dropped; what was stored moves to it.
    #[must_use]
    pub fn with_buffer(mut self, buffer: Vec<u8>) -> Self {
        self.gather_bytes = buffer.capacity();
        self.writer.use_buffer(buffer);
        self
    }

    /// Sets how long a message may be, or a value of a raw archive; of `limits` only `message_bytes` binds those who store.
    #[must_use]
    pub fn limits(mut self, limits: DecodeLimits) -> Self {
        self.writer.set_message_bytes_max(limits.message_bytes);
        self
    }

    /// Stores a value.
    ///
    /// # Errors
    ///
    /// [`StoreError::Archive`] when the value has no encoding or would make the message too long; nothing of it
    /// is stored then. [`StoreError::Io`] when a raw archive writes out what it gathered and the stream fails: the
    /// value is stored all the same, and [`flush`](Self::flush) goes on with it. Never panics unless `value` or the
    /// stream does; of a value that panics nothing is stored, and the objects before it are not known again.
    pub fn store<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<&mut Self, StoreError> {
        self.writer.value(value)?;
        self.gathered()
    }

    /// Stores bytes as they are, without a count.
    ///
    /// # Errors
    ///
    /// Those of [`store`](Self::store).
    pub fn store_bytes(&mut self, bytes: &[u8]) -> Result<&mut Self, StoreError> {
        self.writer.bytes(bytes)?;
        self.gathered()
    }

    /// Ends the message, writes it, and flushes the stream. Where nothing was stored, no message is made: one without
    /// bytes is made by storing no bytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`]. What was not written stays, and the next call goes on with it.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.writer.finish_message();
        self.write_finished()?;
        self.flush_stream()
    }

    /// Ends the message, writes everything, and gives the stream back.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`]; the stream is gone then. To keep it, [`flush`](Self::flush) first.
    pub fn close(mut self) -> Result<W, StoreError> {
        self.flush()?;
        Ok(self.take())
    }

    /// Gives the stream back; what was not written is discarded.
    #[must_use = "dropping the stream closes it"]
    pub fn abort(mut self) -> W {
        self.take()
    }

    /// The stream.
    #[must_use]
    pub fn get_ref(&self) -> &W {
        match &self.stream {
            Some(stream) => stream,
            None => unreachable!("the stream goes with the archive"),
        }
    }

    /// How many bytes were stored and are not written, with the lengths in front of finished messages.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.writer.finished().len().saturating_add(self.writer.message_len())
    }

    fn take(&mut self) -> W {
        match self.stream.take() {
            Some(stream) => stream,
            None => unreachable!("the stream goes with the archive"),
        }
    }

    /// A raw archive writes when it has gathered enough.
    fn gathered(&mut self) -> Result<&mut Self, StoreError> {
        if !M::FRAMED {
            self.writer.finish_message();
            if self.writer.finished().len() >= self.gather_bytes {
                self.write_finished()?;
            }
        }
        Ok(self)
    }

    fn write_finished(&mut self) -> Result<(), StoreError> {
        while !self.writer.finished().is_empty() {
            let Some(stream) = &mut self.stream else { break };
            // Until it is known that all went well; a panic of the stream leaves it so.
            self.broken = true;
            match stream.write(self.writer.finished()) {
                Ok(0) => return Err(std::io::Error::from(std::io::ErrorKind::WriteZero).into()),
                Ok(count) => self.writer.consume(count),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            self.broken = false;
        }
        Ok(())
    }

    fn flush_stream(&mut self) -> Result<(), StoreError> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        self.broken = true;
        loop {
            match stream.flush() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                flushed => break flushed?,
            }
        }
        self.broken = false;
        Ok(())
    }
}

impl<W: Write, M: Mode> Drop for Store<W, M> {
    fn drop(&mut self) {
        let aborted = self.stream.is_none() || self.broken || std::thread::panicking();
        if !aborted {
            // Nobody is left who could be told; `close` is for those who want to know.
            let _ = self.flush();
        }
    }
}

impl<W: Write + fmt::Debug, M: Mode> fmt::Debug for Store<W, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("stream", &self.stream).field("writer", &self.writer).finish()
    }
}
