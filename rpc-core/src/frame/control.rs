//! The small frames: CREDIT, CANCEL, PING, PONG, GOAWAY and LIMITS.
//!
//! Each is one word in the head; only GOAWAY has a body.

use super::body::Body;
use super::cut_text;
use super::head::{Flags, Head, kind};
use super::wire_length;
use crate::{CallId, CloseCode, ProtocolError};

/// Longest reason of a GOAWAY in bytes.
pub const GOAWAY_REASON_BYTES_MAX: usize = 256;

/// Why a call is cancelled.
///
/// Spec: `frame.cancel.reason`. A number that this version does not know keeps its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CancelReason(u32);

impl CancelReason {
    /// The sender does not say.
    pub const UNSPECIFIED: Self = Self(0);
    /// The caller dropped it.
    pub const DROPPED: Self = Self(1);
    /// Its deadline passed.
    pub const DEADLINE: Self = Self(2);
    /// It went beyond a limit of the receiver.
    pub const LIMIT: Self = Self(3);
    /// The callee wants no more items; the call goes on.
    pub const NO_MORE_ITEMS: Self = Self(4);

    /// The reason with this number, known or not.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The number as it travels.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// The end of the connection, announced.
///
/// Spec: `conn.goaway.finish`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoAway {
    /// The last call of the receiver that the sender took up; id 0 = none.
    pub last_accepted: CallId,
    /// Why.
    pub code: CloseCode,
    /// Why, in words; bytes that are not UTF-8 are replaced.
    pub reason: String,
}

impl GoAway {
    /// Appends the frame; the reason is cut to [`GOAWAY_REASON_BYTES_MAX`] on a character boundary.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let reason = cut_text(&self.reason, GOAWAY_REASON_BYTES_MAX);
        word(kind::GOAWAY, CallId::CONNECTION, self.last_accepted.get(), 4 + reason.len(), out);
        out.extend_from_slice(&self.code.number().to_be_bytes());
        out.extend_from_slice(reason.as_bytes());
    }

    pub(super) fn decode(head: &Head, body: &[u8]) -> Result<Self, ProtocolError> {
        let mut body = Body::new(body);
        Ok(Self {
            last_accepted: CallId::new(head.arg),
            code: CloseCode::from_number(body.u32()?),
            // Bytes that are no UTF-8 are shown as such, which takes more room than they did.
            reason: cut_text(&String::from_utf8_lossy(body.rest()), GOAWAY_REASON_BYTES_MAX)
                .to_owned(),
        })
    }
}

/// Appends a CREDIT of `bytes` for a call, or for one-way calls when `id` is 0.
pub fn encode_credit(id: CallId, bytes: u32, out: &mut Vec<u8>) {
    word(kind::CREDIT, id, bytes, 0, out);
}

/// Appends a CANCEL.
pub fn encode_cancel(id: CallId, reason: CancelReason, out: &mut Vec<u8>) {
    word(kind::CANCEL, id, reason.number(), 0, out);
}

/// Appends a PING.
pub fn encode_ping(token: u32, out: &mut Vec<u8>) {
    word(kind::PING, CallId::CONNECTION, token, 0, out);
}

/// Appends a PONG.
pub fn encode_pong(token: u32, out: &mut Vec<u8>) {
    word(kind::PONG, CallId::CONNECTION, token, 0, out);
}

/// Appends a LIMITS.
pub fn encode_limits(calls: u32, out: &mut Vec<u8>) {
    word(kind::LIMITS, CallId::CONNECTION, calls, 0, out);
}

fn word(kind: u8, id: CallId, arg: u32, body_len: usize, out: &mut Vec<u8>) {
    let head =
        Head { length: wire_length(body_len), kind, flags: Flags::NONE, metadata_len: 0, id, arg };
    out.extend_from_slice(&head.encode());
}
