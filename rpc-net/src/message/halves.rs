//! The two directions of one connection, each with an owner of its own.

use super::about::{About, Ending};
use super::course::Course;
use crate::redial::Duplex;
use crate::transport::Socket;
use socket2::SockRef;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, tcp};
#[cfg(unix)]
use tokio::net::{UnixStream, unix};

/// The direction of a connection that is read.
///
/// Dropping it leaves the other direction as it is; the socket is closed when both are gone.
#[derive(Debug)]
pub struct ReadHalf {
    reader: Reader,
    /// Of the messages that were read.
    course: Course,
    about: Arc<About>,
}

#[derive(Debug)]
enum Reader {
    Tcp(tcp::OwnedReadHalf),
    #[cfg(unix)]
    Unix(unix::OwnedReadHalf),
    Other(tokio::io::ReadHalf<Box<dyn Duplex>>),
}

/// The direction of a connection that is written.
///
/// Dropping it leaves the other direction as it is, and tells the peer nothing: [`finish`] does. The socket
/// is closed when both are gone.
///
/// [`finish`]: super::AsyncStore::finish
#[derive(Debug)]
pub struct WriteHalf {
    /// `None` only while it is dropped.
    writer: Option<Writer>,
    is_finished: bool,
    about: Arc<About>,
}

#[derive(Debug)]
enum Writer {
    Tcp(tcp::OwnedWriteHalf),
    #[cfg(unix)]
    Unix(unix::OwnedWriteHalf),
    Other(tokio::io::WriteHalf<Box<dyn Duplex>>),
}

/// The two directions of the stream.
pub(super) fn split(socket: Socket, about: &Arc<About>) -> (ReadHalf, WriteHalf) {
    let (reader, writer) = match socket {
        Socket::Tcp(stream) => {
            let (reader, writer) = stream.into_split();
            (Reader::Tcp(reader), Writer::Tcp(writer))
        }
        #[cfg(unix)]
        Socket::Unix(stream) => {
            let (reader, writer) = stream.into_split();
            (Reader::Unix(reader), Writer::Unix(writer))
        }
        Socket::Other(stream) => {
            let (reader, writer) = tokio::io::split(stream);
            (Reader::Other(reader), Writer::Other(writer))
        }
    };
    let read = ReadHalf { reader, course: Course::default(), about: Arc::clone(about) };
    let write = WriteHalf { writer: Some(writer), is_finished: false, about: Arc::clone(about) };
    (read, write)
}

/// The stream of two halves; themselves, if they are not of one connection.
pub(super) fn join(read: ReadHalf, mut write: WriteHalf) -> Result<Socket, (ReadHalf, WriteHalf)> {
    if !read.is_pair_of(&write) {
        return Err((read, write));
    }
    let ReadHalf { reader, course, about } = read;
    let (reader, writer) = match (reader, write.writer.take()) {
        (Reader::Tcp(reader), Some(Writer::Tcp(writer))) => match reader.reunite(writer) {
            Ok(stream) => return Ok(Socket::Tcp(stream)),
            Err(tcp::ReuniteError(reader, writer)) => (Reader::Tcp(reader), Writer::Tcp(writer)),
        },
        #[cfg(unix)]
        (Reader::Unix(reader), Some(Writer::Unix(writer))) => match reader.reunite(writer) {
            Ok(stream) => return Ok(Socket::Unix(stream)),
            Err(unix::ReuniteError(reader, writer)) => (Reader::Unix(reader), Writer::Unix(writer)),
        },
        (Reader::Other(reader), Some(Writer::Other(writer))) if reader.is_pair_of(&writer) => {
            return Ok(Socket::Other(reader.unsplit(writer)));
        }
        (reader, writer) => {
            write.writer = writer;
            return Err((ReadHalf { reader, course, about }, write));
        }
    };
    write.writer = Some(writer);
    Err((ReadHalf { reader, course, about }, write))
}

impl ReadHalf {
    pub(super) fn about(&self) -> &Arc<About> {
        &self.about
    }

    /// These bytes came before whatever is read.
    pub(super) fn follow(&mut self, bytes: &[u8]) {
        self.course.follow(bytes);
    }

    /// Whether both are of one connection.
    #[must_use]
    pub fn is_pair_of(&self, other: &WriteHalf) -> bool {
        Arc::ptr_eq(&self.about, &other.about)
    }

    /// The socket, when it is one of TCP: for options that hton does not know.
    #[must_use]
    pub fn tcp(&self) -> Option<&TcpStream> {
        match &self.reader {
            Reader::Tcp(reader) => Some(reader.as_ref()),
            _ => None,
        }
    }

    /// The socket, when it is a Unix socket.
    #[cfg(unix)]
    #[must_use]
    pub fn unix(&self) -> Option<&UnixStream> {
        match &self.reader {
            Reader::Unix(reader) => Some(reader.as_ref()),
            _ => None,
        }
    }
}

impl WriteHalf {
    /// Has the end of the socket reset the connection, where the transport knows such a thing.
    pub(super) fn abort(&self) {
        self.about.note(Ending::Aborted);
        if let Some(Writer::Tcp(writer)) = &self.writer {
            SockRef::from(writer.as_ref()).set_linger(Some(Duration::ZERO)).ok();
        }
    }

    fn writer(&mut self) -> io::Result<Pin<&mut (dyn AsyncWrite + Send + Unpin)>> {
        match &mut self.writer {
            Some(Writer::Tcp(writer)) => Ok(Pin::new(writer)),
            #[cfg(unix)]
            Some(Writer::Unix(writer)) => Ok(Pin::new(writer)),
            Some(Writer::Other(writer)) => Ok(Pin::new(writer)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn noted<T>(&self, polled: io::Result<T>) -> Poll<io::Result<T>> {
        Poll::Ready(polled.inspect_err(|error| {
            // Whoever writes behind the end that it has set itself learns nothing of the other.
            if !self.is_finished {
                self.about.note_error(error);
            }
        }))
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        // Tokio's halves would finish the stream: here, that is `finish`.
        match self.writer.take() {
            Some(Writer::Tcp(writer)) => writer.forget(),
            #[cfg(unix)]
            Some(Writer::Unix(writer)) => writer.forget(),
            Some(Writer::Other(_)) | None => {}
        }
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        let polled = match &mut self.reader {
            Reader::Tcp(reader) => Pin::new(reader).poll_read(cx, out),
            #[cfg(unix)]
            Reader::Unix(reader) => Pin::new(reader).poll_read(cx, out),
            Reader::Other(reader) => Pin::new(reader).poll_read(cx, out),
        };
        match ready!(polled) {
            Ok(()) if out.filled().len() == before && out.remaining() > 0 => {
                self.about.note(Ending::of_stream(&self.course));
                Poll::Ready(Ok(()))
            }
            Ok(()) => {
                self.course.follow(out.filled().get(before..).unwrap_or_default());
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.about.note_error(&error);
                Poll::Ready(Err(error))
            }
        }
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = ready!(self.writer()?.poll_write(cx, bytes));
        self.noted(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = ready!(self.writer()?.poll_write_vectored(cx, pieces));
        self.noted(polled)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.writer {
            Some(Writer::Tcp(writer)) => writer.is_write_vectored(),
            #[cfg(unix)]
            Some(Writer::Unix(writer)) => writer.is_write_vectored(),
            Some(Writer::Other(writer)) => writer.is_write_vectored(),
            None => false,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = ready!(self.writer()?.poll_flush(cx));
        self.noted(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_finished {
            return Poll::Ready(Ok(()));
        }
        let polled = ready!(self.writer()?.poll_shutdown(cx));
        if polled.is_ok() {
            self.is_finished = true;
            self.about.note(Ending::Finished);
        }
        self.noted(polled)
    }
}
