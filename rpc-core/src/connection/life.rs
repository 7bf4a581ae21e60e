//! How a connection goes away: what has been said about it as a whole, and its last words.
//!
//! Knows nothing of single calls but whether any are open.

use super::{Connection, Expiry, State};
use crate::frame::GoAway;
use crate::{CallId, CloseCode, ProtocolError};

/// What has been said about the connection as a whole.
#[derive(Debug, Default)]
pub(super) struct Phase {
    pub(super) opened: bool,
    pub(super) closed: bool,
    /// The last call of the peer that this side takes up, when it has sent a GOAWAY.
    pub(super) leaving: Option<CallId>,
    /// The last call of this side that the peer takes up, when it has sent a GOAWAY.
    pub(super) peer_leaving: Option<CallId>,
    /// The stream goes on after the connection: a second GOAWAY of the peer is its last frame.
    pub(super) returns: bool,
    /// This side's last frame is in the outbox.
    pub(super) parted: bool,
    /// The peer's last frame has been read.
    pub(super) peer_parted: bool,
}

impl<W> Connection<W> {
    /// Ends the connection.
    ///
    /// `GRACEFUL` sends a GOAWAY and lets calls that are open, and new calls of this side, be finished; the
    /// state becomes [`State::Drained`] in time. Any other code sends its GOAWAY and closes at once: call
    /// [`fail_calls`](Self::fail_calls). The reason is cut to 256 bytes.
    ///
    /// Spec: `conn.goaway.finish`.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        if self.phase.closed {
            return;
        }
        if code != CloseCode::GRACEFUL {
            return self.shut(code, reason);
        }
        if self.phase.leaving.is_none() {
            self.phase.leaving = Some(self.owed.accepted());
            self.go_away(code, reason);
        }
    }

    /// The transport is gone: nothing more is written or read. Call [`fail_calls`](Self::fail_calls).
    pub fn fail(&mut self) {
        self.phase.closed = true;
        self.outbox.clear();
        self.gather.clear();
        self.flows.clear();
    }

    /// How far the life of the connection has come.
    #[must_use]
    pub fn state(&self) -> State {
        let Phase { opened, closed, leaving, peer_leaving, .. } = &self.phase;
        if *closed {
            State::Closed
        } else if leaving.is_some() && self.owed.len() == 0 && self.asked.due() == 0 {
            State::Drained
        } else if leaving.is_some() || peer_leaving.is_some() {
            State::Draining
        } else if *opened {
            State::Open
        } else {
            State::Opening
        }
    }

    /// Whether this side has sent a GOAWAY.
    #[must_use]
    pub const fn is_leaving(&self) -> bool {
        self.phase.leaving.is_some()
    }

    pub(super) fn silent(&mut self, reason: &str) -> Expiry {
        let error = ProtocolError::new(CloseCode::TIMEOUT, reason);
        self.shut(error.code(), error.reason());
        Expiry::Connection(error)
    }

    /// Sends the last GOAWAY, unless this side's last frame is said already, and closes.
    pub(super) fn shut(&mut self, code: CloseCode, reason: &str) {
        self.outbox.drop_messages();
        self.gather.clear();
        self.flows.clear();
        if !self.phase.parted {
            self.outbox.append_singles();
            self.go_away(code, reason);
        }
        self.phase.closed = true;
    }

    pub(super) fn go_away(&mut self, code: CloseCode, reason: &str) {
        let goaway = GoAway {
            last_accepted: self.phase.leaving.unwrap_or_else(|| self.owed.accepted()),
            code,
            reason: reason.to_owned(),
        };
        goaway.encode(self.outbox.frames());
    }
}
