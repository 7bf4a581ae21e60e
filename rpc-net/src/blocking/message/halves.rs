//! The two directions of one blocking connection, and the socket that both use.

use crate::message::Kind;
use crate::message::about::{About, Ending};
use crate::message::course::Course;
use crate::transport::options::SocketOptions;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How much too early a timeout may come that is one.
const TIMER_GRAIN: Duration = Duration::from_millis(10);

/// The shortest timeout that every system can count.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);

/// A connected blocking socket of whichever kind: what a blocking connection gives back.
#[derive(Debug)]
#[non_exhaustive]
pub enum Socket {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
}

/// What both directions use. The socket stands first: it is closed before anybody is told of the end.
#[derive(Debug)]
pub(super) struct Shared {
    socket: socket2::Socket,
    is_finished: AtomicBool,
    /// When writing is given up, if that is known.
    write_by: OnceLock<Instant>,
    about: Arc<About>,
}

/// The direction of a blocking connection that is read. Dropping it leaves the other as it is.
#[derive(Debug)]
pub struct ReadHalf {
    shared: Arc<Shared>,
    /// Of the messages that were read.
    course: Course,
}

/// The direction of a blocking connection that is written. Dropping it leaves the other as it is, and tells the
/// peer nothing: [`finish`](Self::finish) does.
#[derive(Debug)]
pub struct WriteHalf(Arc<Shared>);

/// The two directions of the socket.
pub(super) fn split(socket: socket2::Socket, about: &Arc<About>) -> (ReadHalf, WriteHalf) {
    let shared = Arc::new(Shared {
        socket,
        is_finished: AtomicBool::new(false),
        write_by: OnceLock::new(),
        about: Arc::clone(about),
    });
    (ReadHalf { shared: Arc::clone(&shared), course: Course::default() }, WriteHalf(shared))
}

/// Does what may wait, and really waits: a socket that somebody left non-blocking is made to block, and what a
/// signal interrupts goes on. A timeout of the socket's is [`TimedOut`](io::ErrorKind::TimedOut) on every system.
pub(super) fn wait<T>(
    socket: &socket2::Socket,
    timeout: impl Fn() -> io::Result<Option<Duration>>,
    mut act: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let began = Instant::now();
    loop {
        match act() {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                socket.set_nonblocking(false)?;
                if timeout()?.is_some_and(|timeout| began.elapsed() + TIMER_GRAIN >= timeout) {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
            acted => return acted,
        }
    }
}

/// A timeout as sockets take it: to them, less than they can count is none at all.
pub(super) fn limit(timeout: Option<Duration>) -> io::Result<Option<Duration>> {
    match timeout {
        Some(Duration::ZERO) => Err(io::ErrorKind::InvalidInput.into()),
        timeout => Ok(timeout.map(|timeout| timeout.max(TIMEOUT_MIN))),
    }
}

impl Shared {
    fn noted<T>(&self, acted: io::Result<T>) -> io::Result<T> {
        acted.inspect_err(|error| {
            // A timeout of this side's says nothing of the other.
            if error.kind() != io::ErrorKind::TimedOut {
                self.about.note_error(error);
            }
        })
    }

    /// The socket once more, for somebody else.
    pub(super) fn socket(&self) -> io::Result<Socket> {
        let socket = self.socket.try_clone()?;
        #[cfg(unix)]
        if self.about.kind == Kind::Unix {
            return Ok(Socket::Unix(socket.into()));
        }
        Ok(Socket::Tcp(socket.into()))
    }
}

impl ReadHalf {
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Sets how long a read waits before it fails with [`TimedOut`](io::ErrorKind::TimedOut); for ever unless set.
    ///
    /// # Errors
    ///
    /// What the system says; a time of zero is refused.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.shared.socket.set_read_timeout(limit(timeout)?)
    }
}

impl WriteHalf {
    /// Sets how long a write waits before it fails with [`TimedOut`](io::ErrorKind::TimedOut); for ever unless set.
    ///
    /// # Errors
    ///
    /// What the system says; a time of zero is refused.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.socket.set_write_timeout(limit(timeout)?)
    }

    /// Tells the other end that nothing follows; it can still be read from. Flush the archive first.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn finish(&self) -> io::Result<()> {
        if self.0.is_finished.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.0.noted(self.0.socket.shutdown(Shutdown::Write))?;
        self.0.is_finished.store(true, Ordering::Relaxed);
        self.0.about.note(Ending::Finished);
        Ok(())
    }

    /// Has every write from now on fail after this moment, however many there are.
    pub(super) fn give_up_at(&self, by: Instant) {
        self.0.write_by.set(by).ok();
    }

    /// Has the end of the socket reset the connection, where the transport knows such a thing.
    pub(super) fn abort(&self) {
        self.0.about.note(Ending::Aborted);
        if self.0.about.kind == Kind::Tcp {
            self.0.socket.set_linger(Some(Duration::ZERO)).ok();
        }
    }
}

impl Read for ReadHalf {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let socket = &self.shared.socket;
        let read = wait(socket, || socket.read_timeout(), || (&mut &*socket).read(space));
        let read = self.shared.noted(read)?;
        if read == 0 && !space.is_empty() {
            self.shared.about.note(Ending::of_stream(&self.course));
        }
        self.course.follow(space.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl Write for WriteHalf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Shared { socket, write_by, is_finished, .. } = &*self.0;
        if let Some(by) = write_by.get() {
            let left = by.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            socket.set_write_timeout(limit(Some(left))?)?;
        }
        let written = wait(socket, || socket.write_timeout(), || (&mut &*socket).write(bytes));
        // Whoever writes behind the end that it has set itself learns nothing of the other.
        if is_finished.load(Ordering::Relaxed) { written } else { self.0.noted(written) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the kernel says of the socket.
pub(super) fn in_force(socket: &socket2::Socket) -> Option<SocketOptions> {
    SocketOptions::in_force(socket).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_signal_interrupts_goes_on_within_its_time() {
        let socket = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket().unwrap();
        let mut interruptions = 3;
        let acted = wait(
            &socket,
            || Ok(None),
            || {
                if interruptions == 0 {
                    return Ok(7);
                }
                interruptions -= 1;
                Err(io::ErrorKind::Interrupted.into())
            },
        );
        assert_eq!(acted.ok(), Some(7));
        let late = || Ok(Some(Duration::ZERO));
        let acted = wait(&socket, late, || Err::<(), _>(io::ErrorKind::Interrupted.into()));
        assert_eq!(acted.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
