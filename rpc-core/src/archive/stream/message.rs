//! One whole message, to be taken apart into values.

use serde::Deserialize;

use crate::archive::error::DecodeError;
use crate::archive::message::Decoder;

/// One message, or what is left of it: values in order.
///
/// Values may borrow from it. The memory budget is one for the whole message. The first failure is
/// kept: every later call tells it again; the next message is not touched by it.
#[derive(Debug)]
#[must_use]
pub struct Message<'de>(pub(super) Decoder<'de>);

impl<'de> Message<'de> {
    /// The next value.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the bytes are not a `T` or exceed the limits, or when something failed
    /// before. Never panics, whatever the bytes are, unless `T` itself does.
    pub fn value<T: Deserialize<'de>>(&mut self) -> Result<T, DecodeError> {
        self.0.next_value()
    }

    /// The next `len` bytes as they are, without a count.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when fewer are left, or when something failed before.
    pub fn bytes(&mut self, len: usize) -> Result<&'de [u8], DecodeError> {
        self.0.next_bytes(len)
    }

    /// How many bytes of the message are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.0.remaining()
    }

    /// The one value that the message is.
    ///
    /// # Errors
    ///
    /// Those of [`value`](Self::value), then those of [`finish`](Self::finish).
    pub fn only<T: Deserialize<'de>>(mut self) -> Result<T, DecodeError> {
        let value = self.value()?;
        self.finish()?;
        Ok(value)
    }

    /// Ends the message.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when bytes are left, or when something failed before.
    pub fn finish(self) -> Result<(), DecodeError> {
        self.0.finish()
    }
}
