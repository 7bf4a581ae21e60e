//! One value on a blocking stream, without an archive over it and without a byte read ahead.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{DecodeError, DecodeErrorKind as Kind, LoadError, StoreError};
use super::limits::DecodeLimits;
use super::reader::Reader;
use super::source::{Source, eof};
use super::stream::AHEAD_BYTES_MAX;
use super::write::to_vec;

/// Writes `value` to a blocking `writer` with one `write_all`; it is not flushed.
///
/// # Errors
///
/// [`StoreError`], which keeps faults of the stream and of the value apart. Never panics unless
/// `value` or `writer` does.
///
/// ```
/// let mut file = Vec::new();
/// rpc_core::archive::write_to(&mut file, &0x0102_u16)?;
/// assert_eq!(file, [1, 2]);
/// # Ok::<(), rpc_core::archive::StoreError>(())
/// ```
pub fn write_to<W: Write, T: Serialize + ?Sized>(
    mut writer: W,
    value: &T,
) -> Result<(), StoreError> {
    let bytes = to_vec(value).map_err(StoreError::Archive)?;
    writer.write_all(&bytes).map_err(StoreError::Io)
}

/// Reads one value from a blocking `reader` and not a byte beyond it.
///
/// Counts are checked against `limits.message_bytes` and the memory budget; at most 64 KiB are
/// reserved ahead of bytes that have arrived. Small fields are read one by one: give it a
/// [`BufReader`](io::BufReader) when a read is a system call.
///
/// # Errors
///
/// [`LoadError`], which keeps faults of the stream and of the value apart. Never panics, whatever
/// arrives, unless `T` or `reader` does.
///
/// ```
/// use rpc_core::archive::{DecodeLimits, read_from};
///
/// let mut file: &[u8] = &[1, 2, 3];
/// assert_eq!(read_from::<_, u16>(&mut file, DecodeLimits::default())?, 0x0102);
/// assert_eq!(file, [3]);
/// # Ok::<(), rpc_core::archive::LoadError>(())
/// ```
pub fn read_from<R: Read, T: DeserializeOwned>(
    reader: R,
    limits: DecodeLimits,
) -> Result<T, LoadError> {
    let source =
        StreamSource { stream: reader, given: 0, left: limits.message_bytes, failure: None };
    let mut reader = Reader::new(source, limits);
    let value = reader.value();
    match reader.source.failure {
        Some(failure) => Err(LoadError::Io(failure)),
        None => value.map_err(LoadError::Archive),
    }
}

/// The bytes of a stream, up to the message limit.
struct StreamSource<R> {
    stream: R,
    given: u64,
    left: usize,
    /// The fault of the stream; what decoding then reports is of no interest.
    failure: Option<io::Error>,
}

impl<R: Read> StreamSource<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), DecodeError> {
        let wanted = buffer.len();
        let Some(left) = self.left.checked_sub(wanted) else {
            return Err(beyond_message(wanted, self.left, self.given));
        };
        let mut filled = 0;
        while let Some(space @ [_, ..]) = buffer.get_mut(filled..) {
            match self.stream.read(space) {
                Ok(0) => return Err(eof(wanted, filled, self.given)),
                Ok(count) => filled = filled.saturating_add(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.fail(error)),
            }
        }
        self.left = left;
        self.given = self.given.saturating_add(wanted as u64);
        Ok(())
    }

    #[cold]
    fn fail(&mut self, error: io::Error) -> DecodeError {
        self.failure = Some(error);
        DecodeError::new(Kind::Custom, "the stream failed", self.given)
    }
}

impl<R: Read> Source<'static> for StreamSource<R> {
    fn offset(&self) -> u64 {
        self.given
    }

    fn remaining(&self) -> usize {
        self.left
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        self.fill(&mut array)?;
        Ok(array)
    }

    fn take(&mut self, len: usize) -> Result<Cow<'static, [u8]>, DecodeError> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let arrived = bytes.len();
            let chunk = len.saturating_sub(arrived).min(AHEAD_BYTES_MAX);
            bytes.reserve_exact(chunk);
            bytes.resize(arrived.saturating_add(chunk), 0);
            self.fill(bytes.get_mut(arrived..).unwrap_or_default())?;
        }
        Ok(Cow::Owned(bytes))
    }
}

#[cold]
pub(super) fn beyond_message(wanted: usize, left: usize, offset: u64) -> DecodeError {
    let what =
        format!("the value takes {wanted} more bytes, and its message may have only {left} more,");
    DecodeError::new(Kind::Length, what, offset)
}
