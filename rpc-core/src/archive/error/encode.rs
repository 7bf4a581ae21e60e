//! Why a value cannot be encoded: what, in which part, and what to do.

use std::fmt;

use super::{capped, kinds};
use crate::archive::path::{Path, Segment};

/// What kind of fault stopped encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum EncodeErrorKind {
    /// A sequence or map does not know its length before it is walked.
    UnknownLength = 33,
    /// A sequence or map has more or fewer elements than it said.
    CountMismatch = 34,
    /// The elements of a sequence or map take fewer bytes than there are elements.
    ZeroSize = 35,
    /// Values nest deeper than [`DecodeLimits::DEPTH`](crate::archive::DecodeLimits::DEPTH).
    Depth = 36,
    /// A field was left out, which the reader could not notice.
    SkippedField = 37,
    /// The message would be longer than its limit.
    TooLarge = 38,
    /// The value changed between the two passes of encoding.
    Changed = 39,
    /// The type's own `Serialize` failed.
    Custom = 40,
    /// A shared object holds itself.
    Cycle = 41,
}

impl EncodeErrorKind {
    const ALL: [Self; 9] = [
        Self::UnknownLength,
        Self::CountMismatch,
        Self::ZeroSize,
        Self::Depth,
        Self::SkippedField,
        Self::TooLarge,
        Self::Changed,
        Self::Custom,
        Self::Cycle,
    ];

    /// The name of the kind in the spec.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownLength => "unknown-length",
            Self::CountMismatch => "count-mismatch",
            Self::ZeroSize => "zero-size",
            Self::Depth => "depth",
            Self::SkippedField => "skipped-field",
            Self::TooLarge => "too-large",
            Self::Changed => "changed",
            Self::Custom => "custom",
            Self::Cycle => "cycle",
        }
    }

    /// The number of the kind in the spec: it never changes, whatever the system or the release.
    ///
    /// Spec: `message.error.number`.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this number; `None` when the spec gives it to no fault of encoding.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// What the reader of the error can do about it.
    const fn advice(self) -> &'static str {
        match self {
            Self::UnknownLength => {
                "collect it into a `Vec` first; in a struct, remove `#[serde(flatten)]`"
            }
            Self::CountMismatch => "its `Serialize` must announce the exact number",
            Self::ZeroSize => "send the number of elements as an integer instead",
            Self::Depth => "make the value flatter, for instance a list in place of a chain",
            Self::SkippedField => {
                "remove `#[serde(skip_serializing_if = \"…\")]`, an `Option` takes one byte when it is `None`"
            }
            Self::TooLarge => {
                "send less in one message, use a stream, or raise the limit on both sides"
            }
            Self::Changed => "do not change a value while it is encoded",
            Self::Custom => "the type itself cannot be encoded like this",
            Self::Cycle => "let the object that closes the ring hold a number instead",
        }
    }
}

/// A value that has no encoding.
///
/// Display says what is wrong, in which part of the value, and what to do.
///
/// ```
/// use rpc_core::archive::{self, EncodeErrorKind};
///
/// let error = archive::to_vec(&vec![(), ()]).unwrap_err();
/// assert_eq!(error.kind(), EncodeErrorKind::ZeroSize);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct EncodeError(Box<EncodeFault>);

#[derive(Clone, PartialEq, Eq)]
struct EncodeFault {
    kind: EncodeErrorKind,
    what: String,
    path: Path,
}

impl EncodeError {
    #[cold]
    pub(in crate::archive) fn new(kind: EncodeErrorKind, what: impl fmt::Display) -> Self {
        Self(Box::new(EncodeFault { kind, what: capped(what), path: Path::default() }))
    }

    /// The kind of fault.
    #[must_use]
    pub fn kind(&self) -> EncodeErrorKind {
        self.0.kind
    }

    /// The part of the value that is at fault, such as `order.tags`; empty for the whole.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.path.as_str()
    }

    #[cold]
    pub(in crate::archive) fn within(mut self, segment: Segment) -> Self {
        self.0.path.prepend(segment);
        self
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = &self.0;
        write!(f, "{}{}: {}", fault.what, fault.path, fault.kind.advice())
    }
}

impl fmt::Debug for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodeError")
            .field("kind", &self.kind())
            .field("what", &self.0.what)
            .field("path", &self.path())
            .finish()
    }
}

impl std::error::Error for EncodeError {}

impl serde::ser::Error for EncodeError {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(kinds::of_encoding(), message)
    }
}
