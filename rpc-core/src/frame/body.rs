//! A bounded reader over the bytes of one body.
//!
//! Every take is checked against what is left; nothing is copied. Knows no frame type.

use crate::{CloseCode, ProtocolError};

/// What is left of a body.
pub(super) struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], ProtocolError> {
        let Some((taken, rest)) = self.0.split_at_checked(len) else {
            return Err(short(self.0.len(), len));
        };
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, ProtocolError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, ProtocolError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ProtocolError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ProtocolError> {
        self.array().map(u64::from_be_bytes)
    }

    /// All that is left.
    pub(super) const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtocolError> {
        let Some((taken, rest)) = self.0.split_first_chunk() else {
            return Err(short(self.0.len(), N));
        };
        self.0 = rest;
        Ok(*taken)
    }
}

#[cold]
fn short(left: usize, needed: usize) -> ProtocolError {
    ProtocolError::new(
        CloseCode::LENGTH,
        format!("a field of {needed} bytes does not fit the {left} that are left of its body"),
    )
}
