//! What is known of one connection, shared by its halves: names, options, and how it ends.

use super::Kind;
use super::course::Course;
use crate::Address;
use crate::events::{Watch, Watched};
use crate::identity::PeerInfo;
use crate::link::Closed;
use crate::transport::Socket;
use crate::transport::options::SocketOptions;
use rpc_core::CloseCode;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Who opened the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Dialed,
    Accepted,
}

/// How a connection ended, as far as it shows: the first that happens counts, but for a clean end, which
/// whatever goes wrong after it replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The peer has finished, between two messages.
    PeerFinished,
    /// This side has finished first.
    Finished,
    /// The peer ended inside a message.
    Truncated,
    /// The peer, or the way to it, cut the connection.
    Reset,
    /// This side cut the connection.
    Aborted,
    /// The stream was taken over by something else.
    Released,
}

impl Ending {
    /// The peer has ended its stream of messages where it stands.
    pub(crate) const fn of_stream(course: &Course) -> Self {
        if course.is_inside() { Self::Truncated } else { Self::PeerFinished }
    }

    const fn is_clean(self) -> bool {
        matches!(self, Self::PeerFinished | Self::Finished)
    }

    fn told(self) -> Closed {
        let (code, by_peer, reason) = match self {
            Self::PeerFinished => (Some(CloseCode::GRACEFUL), true, "the peer finished"),
            Self::Finished => (Some(CloseCode::GRACEFUL), false, "this side finished"),
            Self::Truncated => (None, true, "the peer ended inside a message"),
            Self::Reset => (None, true, "the connection was reset"),
            Self::Aborted => (None, false, "this side aborted the connection"),
            Self::Released => (Some(CloseCode::GRACEFUL), false, "the stream was taken over"),
        };
        Closed { code, by_peer, reason: reason.into() }
    }
}

/// Of one connection. When the last of its halves is gone, the observer is told of the end.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) kind: Kind,
    pub(crate) local: Option<Address>,
    pub(crate) peer: Option<Address>,
    pub(crate) info: PeerInfo,
    pub(crate) options: Option<SocketOptions>,
    watched: OnceLock<Watched>,
    ending: Mutex<Option<Ending>>,
}

/// What is asked of the transport before a connection stands on it.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) kind: Kind,
    pub(crate) local: Option<Address>,
    pub(crate) peer: Option<Address>,
    pub(crate) info: PeerInfo,
    pub(crate) options: Option<SocketOptions>,
}

impl Names {
    pub(crate) fn of(socket: &Socket, options: Option<SocketOptions>) -> Self {
        Self {
            kind: socket.kind(),
            local: socket.local_addr(),
            peer: socket.peer_addr(),
            info: socket.peer_info(),
            options,
        }
    }
}

impl About {
    pub(crate) fn new(names: Names, origin: Origin, watch: Option<&Arc<Watch>>) -> Arc<Self> {
        let Names { kind, local, peer, info, options } = names;
        let (watched, ending) = (OnceLock::new(), Mutex::new(None));
        let about = Self { kind, local, peer, info, options, watched, ending };
        if let Some(watch) = watch {
            about.watch(origin, watch);
        }
        Arc::new(about)
    }

    /// Begins to tell an observer, unless another is told already.
    pub(crate) fn watch(&self, origin: Origin, watch: &Arc<Watch>) {
        let mut is_first = false;
        let watched = self.watched.get_or_init(|| {
            is_first = true;
            Watched::new(Arc::clone(watch), &self.info)
        });
        match origin {
            _ if !is_first => {}
            Origin::Dialed => watched.connected(),
            Origin::Accepted => watched.accepted(),
        }
    }

    /// Notes what the end will be called.
    pub(crate) fn note(&self, ending: Ending) {
        let mut noted = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.is_none_or(|noted| noted.is_clean() && !ending.is_clean()) {
            *noted = Some(ending);
        }
    }

    /// Notes what this error of the socket says about the end.
    pub(crate) fn note_error(&self, error: &io::Error) {
        if is_reset(error) {
            self.note(Ending::Reset);
        }
    }
}

impl Drop for About {
    fn drop(&mut self) {
        let ending = *self.ending.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(watched) = self.watched.get() {
            // Whoever lets go of a connection on which nothing happened has finished first.
            watched.closed(ending.unwrap_or(Ending::Finished).told());
        }
    }
}

/// Whether the other end, or the way to it, has cut the connection.
pub(crate) fn is_reset(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, TimedOut};
    matches!(
        error.kind(),
        ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected | TimedOut
    )
}
