//! The fixed head of every frame, and what each frame type allows in it.
//!
//! Sixteen bytes in, sixteen bytes out, and one table of rules. Knows no body and no state.
//! The only file that names byteorder: `NetworkEndian` is the project's name said aloud.

use crate::{CallId, CloseCode, ProtocolError};
use byteorder::{ByteOrder, NetworkEndian};
use std::fmt;

/// Length of the head in bytes.
pub const HEAD_BYTES: usize = 16;

/// The `arg` of a HELLO: the letters HTON.
pub const HTON: u32 = 0x4854_4f4e;

/// The numbers of the frame types.
///
/// Spec: `frame.type.unknown`.
pub mod kind {
    /// Opens a connection: versions, limits and features of its sender.
    pub const HELLO: u8 = 0x01;
    /// Opens a call.
    pub const REQUEST: u8 = 0x02;
    /// Ends a call, in both directions.
    pub const RESPONSE: u8 = 0x03;
    /// A stream item, or a fragment of a message.
    pub const DATA: u8 = 0x04;
    /// Gives credit for stream items or one-way calls.
    pub const CREDIT: u8 = 0x05;
    /// Asks that a call end, or that no more items come.
    pub const CANCEL: u8 = 0x06;
    /// Asks for a sign of life.
    pub const PING: u8 = 0x07;
    /// Gives it.
    pub const PONG: u8 = 0x08;
    /// Announces the end of the connection.
    pub const GOAWAY: u8 = 0x09;
    /// Changes how many calls may be open.
    pub const LIMITS: u8 = 0x0a;
    /// Set in a type that may be skipped by a receiver that does not know it.
    pub const SKIPPABLE: u8 = 0x80;
}

/// The flags of a frame.
///
/// Spec: `frame.flags.allowed`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u8);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// The sender is done with its side of the call.
    pub const END: Self = Self(0x01);
    /// More fragments of the same message follow.
    pub const MORE: Self = Self(0x02);
    /// There is no message in this frame, which is not a message of length 0.
    pub const NOMSG: Self = Self(0x04);
    /// The body carries the milliseconds that remain until the deadline.
    pub const TIMEOUT: Self = Self(0x08);
    /// Compressed; reserved in version 1 and refused.
    pub const PACKED: Self = Self(0x10);
    /// No reply is wanted.
    pub const ONEWAY: Self = Self(0x40);

    /// The flags with these bits, known or not.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The bits as they travel.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// `other` when `condition` holds, added to these.
    #[must_use]
    pub const fn and_if(self, condition: bool, other: Self) -> Self {
        if condition { self.and(other) } else { self }
    }

    /// Whether all of `other` are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({:#04x})", self.0)
    }
}

/// The head of a frame.
///
/// Spec: `frame.header.layout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes of body that follow.
    pub length: u32,
    /// The frame type, one of [`kind`] or unknown.
    pub kind: u8,
    /// The flags, known or not.
    pub flags: Flags,
    /// Bytes of metadata in the body.
    pub metadata_len: u16,
    /// The call, or [`CallId::CONNECTION`].
    pub id: CallId,
    /// One word whose meaning depends on the type.
    pub arg: u32,
}

impl Head {
    /// The head as it travels.
    #[inline]
    #[must_use]
    pub fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        let [length @ .., _, _, _, _, _, _, _, _, _, _, _, _] = &mut bytes;
        NetworkEndian::write_u32(length, self.length);
        let [_, _, _, _, kind, flags, rest @ ..] = &mut bytes;
        (*kind, *flags) = (self.kind, self.flags.bits());
        let (metadata_len, rest) = rest.split_at_mut(2);
        let (id, arg) = rest.split_at_mut(4);
        NetworkEndian::write_u16(metadata_len, self.metadata_len);
        NetworkEndian::write_u32(id, self.id.get());
        NetworkEndian::write_u32(arg, self.arg);
        bytes
    }

    /// Reads a head. Every combination of bytes is one; [`check`](Self::check) judges it.
    #[inline]
    #[must_use]
    pub fn decode(bytes: &[u8; HEAD_BYTES]) -> Self {
        let (length, rest) = bytes.split_at(4);
        let (kinds, rest) = rest.split_at(2);
        let (metadata_len, rest) = rest.split_at(2);
        let (id, arg) = rest.split_at(4);
        let kinds = NetworkEndian::read_u16(kinds).to_be_bytes();
        Self {
            length: NetworkEndian::read_u32(length),
            kind: kinds[0],
            flags: Flags::from_bits(kinds[1]),
            metadata_len: NetworkEndian::read_u16(metadata_len),
            id: CallId::new(NetworkEndian::read_u32(id)),
            arg: NetworkEndian::read_u32(arg),
        }
    }

    /// Judges the head alone, before any of the body has come. An unknown type that may be skipped
    /// is in order.
    ///
    /// # Errors
    ///
    /// `FRAME_TOO_LARGE`, `UNKNOWN_TYPE`, `FLAGS`, `CALL_ID`, `CREDIT` or `LENGTH`, judged in this
    /// order.
    ///
    /// Spec: `frame.length.limit`, `frame.type.unknown`, `frame.flags.allowed`.
    pub fn check(&self, frame_bytes_max: u32) -> Result<(), ProtocolError> {
        if self.length > frame_bytes_max {
            return Err(self.too_large(frame_bytes_max));
        }
        let Some(rule) = RULES.get(usize::from(self.kind)).and_then(Option::as_ref) else {
            return self.unknown();
        };
        if !rule.allows(self) {
            return Err(self.wrong_flags(rule));
        }
        if !rule.id.allows(self.id) {
            return Err(self.wrong_id(rule));
        }
        if rule.needs_arg && self.arg == 0 {
            return Err(ProtocolError::new(CloseCode::CREDIT, "CREDIT of 0 bytes gives nothing"));
        }
        if !rule.fits(self) {
            return Err(self.wrong_length(rule));
        }
        Ok(())
    }

    #[cold]
    fn too_large(&self, frame_bytes_max: u32) -> ProtocolError {
        ProtocolError::new(
            CloseCode::FRAME_TOO_LARGE,
            format!(
                "a frame announces {} bytes of body, {frame_bytes_max} are accepted",
                self.length
            ),
        )
    }

    #[cold]
    fn unknown(&self) -> Result<(), ProtocolError> {
        if self.kind & kind::SKIPPABLE != 0 {
            return Ok(());
        }
        Err(ProtocolError::new(
            CloseCode::UNKNOWN_TYPE,
            format!("frame type {:#04x} is unknown and may not be skipped", self.kind),
        ))
    }

    #[cold]
    fn wrong_flags(&self, rule: &Rule) -> ProtocolError {
        ProtocolError::new(
            CloseCode::FLAGS,
            format!("{} does not allow the flags {:#04x}", rule.name, self.flags.bits()),
        )
    }

    #[cold]
    fn wrong_length(&self, rule: &Rule) -> ProtocolError {
        ProtocolError::new(
            CloseCode::LENGTH,
            format!(
                "{} with flags {:#04x} cannot have {} bytes of body with {} of metadata",
                rule.name,
                self.flags.bits(),
                self.length,
                self.metadata_len
            ),
        )
    }

    #[cold]
    fn wrong_id(&self, rule: &Rule) -> ProtocolError {
        let needs = match rule.id {
            IdRule::Connection => "must have the call id 0",
            IdRule::Call | IdRule::Any => "needs a call id",
        };
        ProtocolError::new(CloseCode::CALL_ID, format!("{} {needs} but has {}", rule.name, self.id))
    }
}

/// What one frame type allows.
struct Rule {
    name: &'static str,
    flags: Flags,
    /// Flag, what it needs beside it, what it excludes.
    pairs: &'static [(Flags, Flags, Flags)],
    metadata: bool,
    /// Least and most bytes of body, without what flags and metadata add.
    body: (u32, u32),
    id: IdRule,
    /// `arg` may not be 0.
    needs_arg: bool,
    /// NOMSG alone is only there to carry credit in `arg`.
    is_data: bool,
}

enum IdRule {
    Connection,
    Call,
    Any,
}

impl IdRule {
    fn allows(&self, id: CallId) -> bool {
        match self {
            Self::Connection => id == CallId::CONNECTION,
            Self::Call => id != CallId::CONNECTION,
            Self::Any => true,
        }
    }
}

impl Rule {
    fn allows(&self, head: &Head) -> bool {
        let flags = head.flags;
        let says_something = !self.is_data || flags.bits() != Flags::NOMSG.bits() || head.arg != 0;
        says_something
            && flags.bits() & !self.flags.bits() == 0
            && self.pairs.iter().all(|&(flag, needs, excludes)| {
                !flags.has(flag) || (flags.has(needs) && !flags.has_any(excludes))
            })
    }

    fn fits(&self, head: &Head) -> bool {
        let (least, most) = self.body;
        let mut least = least;
        if self.metadata {
            least += u32::from(head.metadata_len);
            if head.flags.has(Flags::TIMEOUT) {
                least += 4;
            }
            if head.flags.has(Flags::MORE) {
                least += 4;
            }
        } else if head.metadata_len != 0 {
            return false;
        }
        let most = if head.flags.has(Flags::NOMSG) { least } else { most };
        (least..=most).contains(&head.length)
    }
}

const ANY_BODY: u32 = u32::MAX;

/// The table of the spec: flags and pairs, metadata, body and id of each type.
const RULES: [Option<Rule>; 11] = [
    None,
    Some(Rule {
        name: "HELLO",
        flags: Flags::NONE,
        pairs: &[],
        metadata: false,
        body: (4, 4096),
        id: IdRule::Connection,
        needs_arg: false,
        is_data: false,
    }),
    Some(Rule {
        name: "REQUEST",
        flags: Flags(0x01 | 0x02 | 0x04 | 0x08 | 0x40),
        pairs: &[
            (Flags::MORE, Flags::NONE, Flags(0x01 | 0x04)),
            (Flags::ONEWAY, Flags::END, Flags(0x02 | 0x04)),
        ],
        metadata: true,
        body: (8, ANY_BODY),
        id: IdRule::Call,
        needs_arg: false,
        is_data: false,
    }),
    Some(Rule {
        name: "RESPONSE",
        flags: Flags::NOMSG,
        pairs: &[],
        metadata: true,
        body: (0, ANY_BODY),
        id: IdRule::Call,
        needs_arg: false,
        is_data: false,
    }),
    Some(Rule {
        name: "DATA",
        flags: Flags(0x01 | 0x02 | 0x04),
        pairs: &[(Flags::MORE, Flags::NONE, Flags(0x01 | 0x04))],
        metadata: false,
        body: (0, ANY_BODY),
        id: IdRule::Call,
        needs_arg: false,
        is_data: true,
    }),
    Some(Rule {
        name: "CREDIT",
        flags: Flags::NONE,
        pairs: &[],
        metadata: false,
        body: (0, 0),
        id: IdRule::Any,
        needs_arg: true,
        is_data: false,
    }),
    Some(Rule {
        name: "CANCEL",
        flags: Flags::NONE,
        pairs: &[],
        metadata: false,
        body: (0, 0),
        id: IdRule::Call,
        needs_arg: false,
        is_data: false,
    }),
    Some(Rule {
        name: "PING",
        flags: Flags::NONE,
        pairs: &[],
        metadata: false,
        body: (0, 0),
        id: IdRule::Connection,
        needs_arg: false,
        is_data: false,
    }),
    Some(Rule {
        name: "PONG",
        flags: Flags::NONE,
        pairs: &[],
        metadata: false,
        body: (0, 0),
        id: IdRule::Connection,
        needs_arg: false,
        is_data: false,
    }),
    Some(Rule {
        name: "GOAWAY",
        flags: Flags::NONE,
        pairs: &[],
        metadata: false,
        body: (4, 4 + 256),
        id: IdRule::Connection,
        needs_arg: false,
        is_data: false,
    }),
    Some(Rule {
        name: "LIMITS",
        flags: Flags::NONE,
        pairs: &[],
        metadata: false,
        body: (0, 0),
        id: IdRule::Connection,
        needs_arg: false,
        is_data: false,
    }),
];

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: [u8; HEAD_BYTES] = [
        0x00, 0x01, 0x02, 0x03, 0x02, 0x09, 0x04, 0x05, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32,
        0x10,
    ];

    #[test]
    fn every_field_stands_at_its_place_in_network_order() {
        let head = Head {
            length: 0x0001_0203,
            kind: kind::REQUEST,
            flags: Flags::END.and(Flags::TIMEOUT),
            metadata_len: 0x0405,
            id: CallId::new(0xfedc_ba98),
            arg: 0x7654_3210,
        };
        assert_eq!(head.encode(), BYTES);
        assert_eq!(Head::decode(&BYTES), head);
    }

    #[test]
    fn a_length_is_judged_before_anything_else() {
        let mut bytes = BYTES;
        bytes[0] = 0x16;
        bytes[4] = 0x7f;
        let error = Head::decode(&bytes).check(1 << 16).unwrap_err();
        assert_eq!(error.code(), CloseCode::FRAME_TOO_LARGE);
    }
}
