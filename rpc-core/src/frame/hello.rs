//! HELLO: what a side can do, sent once by each, first of all.
//!
//! `min u8 | max u8 | reserved u16 | (tag u16 | length u16 | value)*`. Also judges, byte by byte, whether
//! what arrives first is a HELLO at all. Knows nothing of what follows from the values.

use super::body::Body;
use super::head::{Flags, HEAD_BYTES, HTON, Head, kind};
use super::{cut_text, wire_length};
use crate::{CallId, CloseCode, Limits, ProtocolError};
use std::fmt;
use std::ops::RangeInclusive;

/// The version of the wire that this crate speaks.
pub const VERSION: u8 = 1;

/// The version in force between two ranges: the smaller of their ends. `None` = they do not meet.
///
/// Spec: `conn.version.choose`.
pub(crate) fn common_version(ours: RangeInclusive<u8>, theirs: RangeInclusive<u8>) -> Option<u8> {
    let version = *ours.end().min(theirs.end());
    (ours.contains(&version) && theirs.contains(&version)).then_some(version)
}

/// Longest peer name in bytes.
const NAME_BYTES_MAX: usize = 256;
/// Set in a tag that its receiver must know.
const CRITICAL: u16 = 0x8000;

/// What one side says about itself.
///
/// Spec: `conn.hello.layout`, `conn.hello.floors`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hello {
    /// Lowest version that it speaks.
    pub version_min: u8,
    /// Highest version that it speaks.
    pub version_max: u8,
    /// Largest frame body that it accepts.
    pub frame_bytes: u32,
    /// Largest message that it accepts.
    pub message_bytes: u32,
    /// Largest metadata that it accepts.
    pub metadata_bytes: u32,
    /// Unary calls that may be open towards it.
    pub calls: u32,
    /// Streaming calls that may be open towards it.
    pub streams: u32,
    /// Credit of a stream in bytes.
    pub window_bytes: u32,
    /// Sum of the totals of cut messages that may be unfinished towards it.
    pub reassembly_bytes: u32,
    /// Optional abilities, one bit each; unknown bits mean nothing.
    pub features: u64,
    /// What it calls itself; empty = it does not say.
    pub name: String,
    /// Who it is; empty = it does not say.
    pub auth_token: AuthToken,
}

/// What a side shows to be let in. Empty = nothing. `Debug` does not show it.
///
/// Compare it in constant time.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AuthToken(Vec<u8>);

impl AuthToken {
    /// Longest token in bytes.
    pub const BYTES_MAX: usize = 1024;

    /// A token; `None` when it is longer than [`BYTES_MAX`](Self::BYTES_MAX).
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        Some(Self(bytes.into())).filter(|token| token.0.len() <= Self::BYTES_MAX)
    }

    /// The bytes of the token.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for AuthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthToken({} bytes)", self.0.len())
    }
}

impl Hello {
    /// What holds until the peer's HELLO has come, and for each tag that it leaves out.
    pub const FLOORS: Self = Self {
        version_min: VERSION,
        version_max: VERSION,
        frame_bytes: Limits::FLOOR_FRAME_BYTES,
        message_bytes: 4 * 1024 * 1024,
        metadata_bytes: Limits::FLOOR_METADATA_BYTES,
        calls: 256,
        streams: 64,
        window_bytes: Limits::FLOOR_WINDOW_BYTES,
        reassembly_bytes: Limits::FLOOR_REASSEMBLY_BYTES,
        features: 0,
        name: String::new(),
        auth_token: AuthToken(Vec::new()),
    };

    /// What a side with these limits says.
    #[must_use]
    pub fn of(limits: &Limits) -> Self {
        Self {
            frame_bytes: limits.frame_bytes,
            message_bytes: limits.message_bytes,
            metadata_bytes: limits.metadata_bytes,
            calls: limits.calls,
            streams: limits.streams,
            window_bytes: limits.window_bytes,
            reassembly_bytes: limits.reassembly_bytes,
            ..Self::FLOORS
        }
    }

    /// Appends the frame. The name is cut to 256 bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut body = vec![self.version_min, self.version_max, 0, 0];
        for (tag, value) in [
            (1, self.frame_bytes),
            (2, self.message_bytes),
            (3, self.metadata_bytes),
            (4, self.calls),
            (5, self.streams),
            (6, self.window_bytes),
            (7, self.reassembly_bytes),
        ] {
            encode_tag(tag, &value.to_be_bytes(), &mut body);
        }
        if self.features != 0 {
            encode_tag(8, &self.features.to_be_bytes(), &mut body);
        }
        let name = cut_text(&self.name, NAME_BYTES_MAX);
        if !name.is_empty() {
            encode_tag(9, name.as_bytes(), &mut body);
        }
        let auth_token = self.auth_token.as_bytes();
        if !auth_token.is_empty() {
            encode_tag(10, auth_token, &mut body);
        }
        let head = Head {
            length: wire_length(body.len()),
            kind: kind::HELLO,
            flags: Flags::NONE,
            metadata_len: 0,
            id: CallId::CONNECTION,
            arg: HTON,
        };
        out.extend_from_slice(&head.encode());
        out.extend_from_slice(&body);
    }

    /// Reads a body whose head has been judged.
    ///
    /// Spec: `conn.hello.tlv`.
    pub(super) fn decode(body: &[u8]) -> Result<Self, ProtocolError> {
        let mut body = Body::new(body);
        let mut hello = Self { version_min: body.u8()?, version_max: body.u8()?, ..Self::FLOORS };
        body.u16()?;
        let mut seen = 0_u16;
        while !body.is_empty() {
            let torn = |_| breach("a HELLO ends inside a tag");
            let tag = body.u16().map_err(torn)?;
            let len = body.u16().map_err(torn)?;
            let value = body.take(usize::from(len)).map_err(torn)?;
            if !(1..=10).contains(&tag) {
                if tag & CRITICAL != 0 {
                    return Err(breach(format!("the critical HELLO tag {tag:#06x} is unknown")));
                }
                continue;
            }
            let bit = 1 << tag;
            if seen & bit != 0 {
                return Err(breach(format!("HELLO has the tag {tag} twice")));
            }
            seen |= bit;
            hello.set(tag, value)?;
        }
        hello.check_floors()?;
        Ok(hello)
    }

    fn set(&mut self, tag: u16, value: &[u8]) -> Result<(), ProtocolError> {
        match tag {
            1 => self.frame_bytes = word(tag, value)?,
            2 => self.message_bytes = word(tag, value)?,
            3 => self.metadata_bytes = word(tag, value)?,
            4 => self.calls = word(tag, value)?,
            5 => self.streams = word(tag, value)?,
            6 => self.window_bytes = word(tag, value)?,
            7 => self.reassembly_bytes = word(tag, value)?,
            8 => self.features = u64::from_be_bytes(exact(tag, value)?),
            9 if value.len() > NAME_BYTES_MAX => return Err(wrong_length(tag, value)),
            9 => {
                let name = std::str::from_utf8(value)
                    .map_err(|_| breach("the peer name in a HELLO is not UTF-8"))?;
                name.clone_into(&mut self.name);
            }
            _ => {
                self.auth_token = AuthToken::new(value).ok_or_else(|| wrong_length(tag, value))?;
            }
        }
        Ok(())
    }

    fn check_floors(&self) -> Result<(), ProtocolError> {
        let floors = Self::FLOORS;
        for (what, value, floor) in [
            ("frame_bytes", self.frame_bytes, floors.frame_bytes),
            ("metadata_bytes", self.metadata_bytes, floors.metadata_bytes),
            ("window_bytes", self.window_bytes, floors.window_bytes),
            ("reassembly_bytes", self.reassembly_bytes, floors.reassembly_bytes),
        ] {
            if value < floor {
                return Err(breach(format!(
                    "HELLO says {what} {value}, below the floor of {floor}"
                )));
            }
        }
        if self.frame_bytes > Limits::FRAME_BYTES_CEILING {
            return Err(breach(format!(
                "HELLO says frame_bytes {}, above {}",
                self.frame_bytes,
                Limits::FRAME_BYTES_CEILING
            )));
        }
        if self.version_min == 0 || self.version_min > self.version_max {
            return Err(breach(format!(
                "HELLO says versions {} to {}, which is no range",
                self.version_min, self.version_max
            )));
        }
        Ok(())
    }
}

/// The first bytes of a HELLO that do not depend on its content.
const FIRST: [(usize, u8); 12] = [
    (0, 0),
    (4, kind::HELLO),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 0),
    (12, b'H'),
    (13, b'T'),
    (14, b'O'),
];

/// Judges what arrives first, as far as it has come: a stranger is refused at its first wrong byte.
///
/// # Errors
///
/// `NOT_HTON`; `HELLO` when another frame of hton's comes first.
///
/// Spec: `conn.first.hton`, `conn.first.hello`.
pub fn judge_first(input: &[u8]) -> Result<(), ProtocolError> {
    for (at, expected) in FIRST.into_iter().chain([(HEAD_BYTES - 1, b'N')]) {
        let Some(&byte) = input.get(at) else {
            return Ok(());
        };
        if byte == expected {
            continue;
        }
        if at == 4 && (kind::REQUEST..=kind::LIMITS).contains(&byte) {
            return Err(breach(format!(
                "the first frame has type {byte:#04x} but must be a HELLO"
            )));
        }
        return Err(ProtocolError::new(
            CloseCode::NOT_HTON,
            format!("the first bytes are not hton's: byte {at} is {byte:#04x}"),
        ));
    }
    Ok(())
}

fn encode_tag(tag: u16, value: &[u8], body: &mut Vec<u8>) {
    let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend_from_slice(&tag.to_be_bytes());
    body.extend_from_slice(&len.to_be_bytes());
    body.extend_from_slice(value);
}

fn word(tag: u16, value: &[u8]) -> Result<u32, ProtocolError> {
    exact(tag, value).map(u32::from_be_bytes)
}

fn exact<const N: usize>(tag: u16, value: &[u8]) -> Result<[u8; N], ProtocolError> {
    value.try_into().map_err(|_| wrong_length(tag, value))
}

fn wrong_length(tag: u16, value: &[u8]) -> ProtocolError {
    breach(format!("the HELLO tag {tag} cannot have {} bytes", value.len()))
}

fn breach(reason: impl Into<String>) -> ProtocolError {
    ProtocolError::new(CloseCode::HELLO, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Verifies: conn.version.choose
    #[test]
    fn the_highest_version_that_both_speak_is_in_force() {
        for (ours, theirs, chosen) in [
            (1..=2, 2..=3, Some(2)),
            (1..=3, 1..=3, Some(3)),
            (1..=1, 1..=9, Some(1)),
            (2..=5, 3..=4, Some(4)),
            (1..=1, 2..=3, None),
            (1..=2, 3..=255, None),
        ] {
            assert_eq!(common_version(ours.clone(), theirs.clone()), chosen, "{ours:?} {theirs:?}");
            assert_eq!(common_version(theirs.clone(), ours.clone()), chosen, "{theirs:?} {ours:?}");
        }
    }
}
