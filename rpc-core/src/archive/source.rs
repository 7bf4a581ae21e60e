//! Where the bytes to decode come from: a slice that is all there, or a reader that dribbles.

use std::borrow::Cow;

use super::error::{DecodeError, DecodeErrorKind as Kind};

/// Bytes in order, each given once.
pub(super) trait Source<'de> {
    /// How many bytes were given.
    fn offset(&self) -> u64;

    /// How many bytes may follow at most: no count can be larger.
    fn remaining(&self) -> usize;

    /// The bytes that follow, as far as they can be read without the source; it is told by `rewind` how many were.
    fn ahead(&self) -> &'de [u8] {
        &[]
    }

    /// Of what was `ahead`, this is left.
    fn rewind(&mut self, _rest: &'de [u8]) {}

    /// The next `N` bytes.
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError>;

    /// The next `len` bytes, without a copy where they stay.
    ///
    /// `len` is at most `remaining`.
    fn take(&mut self, len: usize) -> Result<Cow<'de, [u8]>, DecodeError>;
}

/// The bytes of one whole message.
#[derive(Clone, Copy, Debug)]
pub(super) struct SliceSource<'de> {
    rest: &'de [u8],
    len: usize,
}

impl<'de> SliceSource<'de> {
    pub(super) const fn new(bytes: &'de [u8]) -> Self {
        Self { rest: bytes, len: bytes.len() }
    }

    /// The last bytes of a message of `len`.
    pub(super) const fn part(rest: &'de [u8], len: usize) -> Self {
        Self { rest, len }
    }

    /// The next `len` bytes, which stay where they are.
    #[inline]
    pub(super) fn slice(&mut self, len: usize) -> Result<&'de [u8], DecodeError> {
        match self.rest.split_at_checked(len) {
            Some((piece, rest)) => {
                self.rest = rest;
                Ok(piece)
            }
            None => Err(eof(len, self.rest.len(), self.offset())),
        }
    }
}

impl<'de> Source<'de> for SliceSource<'de> {
    #[inline]
    fn offset(&self) -> u64 {
        self.len.saturating_sub(self.rest.len()) as u64
    }

    #[inline]
    fn remaining(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    fn ahead(&self) -> &'de [u8] {
        self.rest
    }

    #[inline]
    fn rewind(&mut self, rest: &'de [u8]) {
        self.rest = rest;
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((array, rest)) => {
                self.rest = rest;
                Ok(*array)
            }
            None => Err(eof(N, self.rest.len(), self.offset())),
        }
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<Cow<'de, [u8]>, DecodeError> {
        self.slice(len).map(Cow::Borrowed)
    }
}

#[cold]
pub(super) fn eof(wanted: usize, left: usize, offset: u64) -> DecodeError {
    DecodeError::new(
        Kind::Eof,
        format_args!("the bytes end inside a value: {wanted} are needed and {left} left"),
        offset,
    )
}
