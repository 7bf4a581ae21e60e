//! Why a value cannot be encoded, or bytes cannot be decoded: what, where, why, and what to do.

use std::fmt;

use super::path::{Path, Segment};

/// Longest text, in bytes, that a type's own error message keeps: it may quote what a peer sent.
const MESSAGE_BYTES_MAX: usize = 1024;

/// What kind of fault stopped decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes end inside a value.
    Eof,
    /// Bytes are left after the value.
    Trailing,
    /// A count is larger than the number of bytes that remain, or than the type can take.
    Length,
    /// A string is not UTF-8.
    Utf8,
    /// The bytes of a char are not the UTF-8 form of one.
    Char,
    /// A bool is neither 0 nor 1.
    Bool,
    /// The tag of an option is neither 0 nor 1.
    OptionTag,
    /// The type has no variant with this number.
    Variant,
    /// Values nest deeper than the limit.
    Depth,
    /// The value takes more memory than the budget.
    Budget,
    /// The type asks the bytes to describe themselves, which they do not.
    Unsupported,
    /// The type refused what it was given: its own `Deserialize` says why.
    Custom,
}

impl DecodeErrorKind {
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
        }
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
    pub(super) fn new(kind: DecodeErrorKind, what: impl fmt::Display, offset: u64) -> Self {
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
    pub(super) fn within(mut self, segment: Segment) -> Self {
        self.0.path.prepend(segment);
        self
    }

    /// Sets the offset of an error that a type raised: it could not know it.
    #[cold]
    pub(super) fn located(mut self, offset: u64) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Sets the kind of an error that a type raised.
    #[cold]
    pub(super) fn of_kind(mut self, kind: DecodeErrorKind) -> Self {
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
        let mut error = Self::new(DecodeErrorKind::Custom, message, 0);
        error.0.offset = None;
        error
    }
}

/// What kind of fault stopped encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// A sequence or map does not know its length before it is walked.
    UnknownLength,
    /// A sequence or map has more or fewer elements than it said.
    CountMismatch,
    /// The elements of a sequence or map take fewer bytes than there are elements.
    ZeroSize,
    /// Values nest deeper than [`DecodeLimits::DEPTH`](super::DecodeLimits::DEPTH).
    Depth,
    /// A field was left out, which the reader could not notice.
    SkippedField,
    /// The message would be longer than its limit.
    TooLarge,
    /// The value changed between the two passes of encoding.
    Changed,
    /// The type's own `Serialize` failed.
    Custom,
}

impl EncodeErrorKind {
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
    pub(super) fn new(kind: EncodeErrorKind, what: impl fmt::Display) -> Self {
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
    pub(super) fn within(mut self, segment: Segment) -> Self {
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
        Self::new(EncodeErrorKind::Custom, message)
    }
}

/// The text of `message`, cut on a character boundary when it is too long.
fn capped(message: impl fmt::Display) -> String {
    struct Capped(String);

    impl fmt::Write for Capped {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = MESSAGE_BYTES_MAX.saturating_sub(self.0.len());
            if text.len() <= room {
                self.0.push_str(text);
                return Ok(());
            }
            let cut = (0..=room).rev().find(|&at| text.is_char_boundary(at));
            self.0.push_str(text.get(..cut.unwrap_or(0)).unwrap_or(""));
            self.0.push('…');
            Err(fmt::Error)
        }
    }

    let mut text = Capped(String::new());
    // The only failure is the full buffer, and its text is what was wanted.
    let _ = fmt::write(&mut text, format_args!("{message}"));
    text.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_one_pointer() {
        assert_eq!(size_of::<DecodeError>(), size_of::<usize>());
        assert_eq!(size_of::<EncodeError>(), size_of::<usize>());
    }

    #[test]
    fn a_long_message_is_cut_on_a_character_boundary() {
        let longest = "x".repeat(MESSAGE_BYTES_MAX);
        assert_eq!(capped(&longest), longest);
        let cut = capped(format!("y{}", "é".repeat(MESSAGE_BYTES_MAX)));
        assert_eq!(cut.chars().count(), 1 + (MESSAGE_BYTES_MAX - 1) / 2 + 1);
        assert!(cut.ends_with("é…"));
    }
}
