//! Why bytes cannot be decoded: what, where, why, and what to do.

use std::fmt;

use super::{capped, kinds};
use crate::archive::path::{Path, Segment};

/// What kind of fault stopped decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum DecodeErrorKind {
    /// The bytes end inside a value.
    Eof = 1,
    /// Bytes are left after the value.
    Trailing = 2,
    /// A count is larger than the number of bytes that remain, or than the type can take.
    Length = 3,
    /// A string is not UTF-8.
    Utf8 = 4,
    /// The bytes of a char are not the UTF-8 form of one.
    Char = 5,
    /// A bool is neither 0 nor 1.
    Bool = 6,
    /// The tag of an option is neither 0 nor 1.
    OptionTag = 7,
    /// The type has no variant with this number.
    Variant = 8,
    /// Values nest deeper than the limit.
    Depth = 9,
    /// The value takes more memory than the budget.
    Budget = 10,
    /// The type asks the bytes to describe themselves, which they do not.
    Unsupported = 11,
    /// The type refused what it was given: its own `Deserialize` says why.
    Custom = 12,
    /// The length of a message is larger than its limit. The stream cannot be read on.
    Message = 13,
    /// The stream ends inside a message.
    Truncated = 14,
    /// The stream has ended, between two messages, and another value was wanted.
    End = 15,
    /// A reference names no shared object of this type that is known.
    Reference = 16,
    /// A shared object holds itself.
    Cycle = 17,
    /// The value has a version that the type does not know.
    Version = 18,
}

impl DecodeErrorKind {
    const ALL: [Self; 18] = [
        Self::Eof,
        Self::Trailing,
        Self::Length,
        Self::Utf8,
        Self::Char,
        Self::Bool,
        Self::OptionTag,
        Self::Variant,
        Self::Depth,
        Self::Budget,
        Self::Unsupported,
        Self::Custom,
        Self::Message,
        Self::Truncated,
        Self::End,
        Self::Reference,
        Self::Cycle,
        Self::Version,
    ];

    /// The name of the kind in the spec and its vectors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eof => "eof",
            Self::Trailing => "trailing",
            Self::Length => "length",
            Self::Utf8 => "utf8",
            Self::Char => "char",
            Self::Bool => "bool",
            Self::OptionTag => "option-tag",
            Self::Variant => "variant",
            Self::Depth => "depth",
            Self::Budget => "limit",
            Self::Unsupported => "unsupported",
            Self::Custom => "custom",
            Self::Message => "message",
            Self::Truncated => "truncated",
            Self::End => "end",
            Self::Reference => "reference",
            Self::Cycle => "cycle",
            Self::Version => "version",
        }
    }

    /// The number of the kind in the spec: it never changes, whatever the system or the release.
    ///
    /// Spec: `message.error.number`.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this number; `None` when the spec gives it to no fault of decoding.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// What the reader of the error can do about it.
    const fn advice(self) -> &'static str {
        match self {
            Self::Eof => "the message was cut, or its writer used another type",
            Self::Trailing => "its writer used another type; compare the two declarations",
            Self::Length | Self::Bool | Self::OptionTag => {
                "the bytes are damaged, or their writer used another type"
            }
            Self::Utf8 | Self::Char => "send what may hold other bytes as bytes, not as text",
            Self::Variant => {
                "the writer's enum has other variants; bring both sides to one version"
            }
            Self::Depth => "make the value flatter, for instance a list in place of a chain",
            Self::Budget => "send less in one message, or raise `DecodeLimits::budget_bytes`",
            Self::Unsupported => {
                "remove `#[serde(flatten)]`, `#[serde(untagged)]` or `#[serde(tag = \"…\")]` from the type"
            }
            Self::Custom => "the type itself refuses this value",
            Self::Message => {
                "send less in one message, or raise `DecodeLimits::message_bytes`; \
                 or the other side speaks another protocol"
            }
            Self::Truncated => "the writer ended, or the connection broke, before its `flush`",
            Self::End => "there is no other message; `next_message` tells the end without an error",
            Self::Reference => "the bytes are damaged, or their writer used another type",
            Self::Cycle => "let the object that closes the ring hold a number instead",
            Self::Version => "bring both sides to one version, or let the type read this one too",
        }
    }
}

/// Bytes that are not a value of the wanted type, or one that costs more than the limits allow.
///
/// Display says what is wrong, at which byte, in which part of the value, and what to do.
///
/// ```
/// use rpc_core::archive::{self, DecodeErrorKind, DecodeLimits};
///
/// let error = archive::from_slice::<(u8, bool)>(&[7, 2], DecodeLimits::default()).unwrap_err();
/// assert_eq!((error.kind(), error.offset(), error.path()), (DecodeErrorKind::Bool, 1, ".1"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<DecodeFault>);

#[derive(Clone, PartialEq, Eq)]
struct DecodeFault {
    kind: DecodeErrorKind,
    what: String,
    /// `None` until a reader, which knows where it stands, has seen the error.
    offset: Option<u64>,
    path: Path,
}

impl DecodeError {
    #[cold]
    pub(in crate::archive) fn new(
        kind: DecodeErrorKind,
        what: impl fmt::Display,
        offset: u64,
    ) -> Self {
        Self(Box::new(DecodeFault {
            kind,
            what: capped(what),
            offset: Some(offset),
            path: Path::default(),
        }))
    }

    /// The kind of fault.
    #[must_use]
    pub fn kind(&self) -> DecodeErrorKind {
        self.0.kind
    }

    /// How many bytes of the message stand before the place of the fault.
    ///
    /// That place is the first byte of what is refused. Only when a whole struct or collection is
    /// refused by its own type is it the byte after it.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.0.offset.unwrap_or(0)
    }

    /// The part of the value that is at fault, such as `order.items[3].qty`; empty for the whole.
    ///
    /// The names are those that serde's derive tells. It lists the names of
    /// `#[serde(alias = "…")]` among them, so in such a type they may be off.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.path.as_str()
    }

    #[cold]
    pub(in crate::archive) fn within(mut self, segment: Segment) -> Self {
        self.0.path.prepend(segment);
        self
    }

    /// Sets the offset of an error that a type raised: it could not know it.
    #[cold]
    pub(in crate::archive) fn located(mut self, offset: u64) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Sets the kind of an error that a type raised.
    #[cold]
    pub(in crate::archive) fn of_kind(mut self, kind: DecodeErrorKind) -> Self {
        if self.0.kind == DecodeErrorKind::Custom {
            self.0.kind = kind;
        }
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = &self.0;
        let (what, path, advice) = (&fault.what, &fault.path, fault.kind.advice());
        write!(f, "{what} at byte {}{path}: {advice}", self.offset())
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodeError")
            .field("kind", &self.kind())
            .field("what", &self.0.what)
            .field("offset", &self.offset())
            .field("path", &self.path())
            .finish()
    }
}

impl std::error::Error for DecodeError {}

impl serde::de::Error for DecodeError {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        let mut error = Self::new(kinds::of_decoding(), message, 0);
        error.0.offset = None;
        error
    }
}
