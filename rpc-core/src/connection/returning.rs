//! The end of a connection whose stream goes on: each side's last frame is a second GOAWAY.

use super::incoming::Outcome;
use super::{Connection, State};
use crate::frame::GoAway;
use crate::{CloseCode, ProtocolError};

impl<W> Connection<W> {
    /// The stream is to go on after the connection, on both sides: the peer's second GOAWAY is its last
    /// frame, and [`read`](Self::read) consumes nothing behind it.
    ///
    /// Spec: `conn.return.last`.
    pub fn return_stream(&mut self) {
        self.phase.returns = true;
    }

    /// Sends this side's last frame, a second GOAWAY, if both sides have sent a first and nothing is due
    /// here. Nothing follows it.
    ///
    /// Spec: `conn.return.last`.
    pub fn part(&mut self) {
        let both = self.phase.leaving.is_some() && self.phase.peer_leaving.is_some();
        if both && self.state() == State::Drained && !self.phase.parted {
            self.outbox.append_singles();
            self.go_away(CloseCode::GRACEFUL, "");
            self.phase.parted = true;
        }
    }

    /// Whether both sides have said their last frame: what follows in the stream is not of this connection.
    #[must_use]
    pub const fn has_parted(&self) -> bool {
        self.phase.parted && self.phase.peer_parted
    }

    /// A call of this side that is still open would never be answered.
    ///
    /// Spec: `conn.return.owed`.
    pub(super) fn on_last_frame<'i>(&mut self) -> Outcome<'i> {
        match self.asked.due() {
            0 => {
                self.phase.peer_parted = true;
                Ok(None)
            }
            due => Err(ProtocolError::new(
                CloseCode::CALL_ID,
                format!("the peer's last frame has come, and it owes {due} RESPONSEs"),
            )),
        }
    }

    /// Spec: `conn.return.last`.
    pub(super) fn is_last_frame(&self, goaway: &GoAway) -> bool {
        let is_second = self.phase.peer_leaving.is_some();
        self.phase.returns && is_second && goaway.code == CloseCode::GRACEFUL
    }
}
