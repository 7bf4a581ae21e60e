//! Why a connection ends: the code that a GOAWAY carries, and the breach that caused it.

use std::fmt;

/// The code of a GOAWAY.
///
/// Spec: `errors.close.registry`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(u32);

macro_rules! close_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        impl CloseCode {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// The name of the code in the spec; `None` for a number this version does not know.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

close_codes! {
    /// A graceful end: calls that were accepted are finished first.
    GRACEFUL = 0;
    /// The first bytes are not those of hton.
    NOT_HTON = 1;
    /// The two version ranges do not meet.
    VERSION = 2;
    /// A malformed, repeated or misplaced HELLO, or another frame in its place.
    HELLO = 3;
    /// A frame longer than the receiver accepts.
    FRAME_TOO_LARGE = 4;
    /// A frame type that the receiver does not know and may not skip.
    UNKNOWN_TYPE = 5;
    /// A flag, or a pair of flags, that the frame type does not allow.
    FLAGS = 6;
    /// A body shorter or longer than its frame type needs, or metadata longer than the body.
    LENGTH = 7;
    /// A call id of the wrong parity, used before, or never opened.
    CALL_ID = 8;
    /// Fragments out of order, of the wrong total, or beyond the reassembly limit.
    FRAGMENT = 9;
    /// More credit than a window can hold, or items beyond the credit given.
    CREDIT = 10;
    /// Frames of a kind that a peer has no reason to send so often.
    FLOOD = 11;
    /// The peer did not send its HELLO, or did not answer a ping, in time.
    TIMEOUT = 12;
    /// A fault on the side that sends this.
    INTERNAL = 13;
    /// The token in the peer's HELLO is missing or refused.
    UNAUTHENTICATED = 14;
    /// The side that accepts connections has as many as it takes: try elsewhere, or later.
    LIMIT = 15;
}

impl CloseCode {
    /// The code with this number, known or not.
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

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "UNKNOWN({})", self.0),
        }
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The peer broke a rule of the wire: the connection cannot go on.
///
/// Display names the breach in a sentence that is also sent to the peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct ProtocolError {
    code: CloseCode,
    reason: String,
}

impl ProtocolError {
    /// A breach with the code that GOAWAY will carry, told in one sentence.
    pub fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    /// The code that the GOAWAY carries.
    #[must_use]
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// What the peer did, and which rule it broke.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
