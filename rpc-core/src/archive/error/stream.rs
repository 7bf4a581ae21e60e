//! Why an archive over a stream failed: the stream, or what it holds.

use std::{fmt, io};

use super::{DecodeError, EncodeError};

/// Why storing failed: the stream, or the value.
///
/// The two are never confused: a full disk is `Io`, whatever was being written; a value without an
/// encoding is `Archive`, whatever the stream.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The stream failed; part of what was stored may have been written.
    Io(io::Error),
    /// The value has no encoding, or its message would be too long; nothing of it was stored.
    Archive(EncodeError),
}

/// Why loading failed: the stream, or the bytes in it.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// The stream failed.
    Io(io::Error),
    /// The bytes are not a value of the wanted type, or exceed the limits, or they end too early.
    Archive(DecodeError),
}

impl StoreError {
    /// The fault of the value, when it was not the stream's.
    #[must_use]
    pub fn archive(&self) -> Option<&EncodeError> {
        match self {
            Self::Archive(error) => Some(error),
            Self::Io(_) => None,
        }
    }
}

impl LoadError {
    /// The fault of the bytes, when it was not the stream's.
    #[must_use]
    pub fn archive(&self) -> Option<&DecodeError> {
        match self {
            Self::Archive(error) => Some(error),
            Self::Io(_) => None,
        }
    }
}

macro_rules! either {
    ($($error:ident from $archive:ident: $stream:literal;)*) => {
        $(impl fmt::Display for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Io(error) => write!(f, $stream, error),
                    Self::Archive(error) => error.fmt(f),
                }
            }
        }

        impl std::error::Error for $error {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                match self {
                    Self::Io(error) => Some(error),
                    Self::Archive(_) => None,
                }
            }
        }

        impl From<io::Error> for $error {
            fn from(error: io::Error) -> Self {
                Self::Io(error)
            }
        }

        impl From<$archive> for $error {
            fn from(error: $archive) -> Self {
                Self::Archive(error)
            }
        })*
    };
}

either! {
    StoreError from EncodeError: "the stream cannot be written: {}";
    LoadError from DecodeError: "the stream cannot be read: {}";
}
