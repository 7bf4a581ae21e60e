//! A message of several values, one after the other: the arguments of a call, or its result.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::error::{DecodeError, EncodeError, EncodeErrorKind as Kind};
use super::limits::{Allowance, DecodeLimits};
use super::path::Segment;
use super::reader::Reader;
use super::shared::Kept;
use super::size::measure;
use super::source::{SliceSource, Source as _};
use super::write::write_sized;
use crate::Payload;

/// Writes the values of one message.
///
/// The first failure is kept: what follows it is not written, and [`finish`](Self::finish) tells it.
///
/// ```
/// use rpc_core::archive::{Decoder, DecodeLimits, Encoder};
///
/// let mut encoder = Encoder::new(Vec::new(), 4096);
/// encoder.value(&7_u16)?;
/// encoder.bytes(b"raw")?;
/// let message = encoder.finish()?;
///
/// let mut decoder = Decoder::new(message.as_slice().unwrap(), DecodeLimits::default());
/// assert_eq!(decoder.value::<u16>("number")?, 7);
/// assert_eq!(decoder.bytes("data")?, b"raw");
/// decoder.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct Encoder {
    payload: Payload,
    message_bytes_max: usize,
    shared: Option<Box<Kept>>,
    failure: Option<EncodeError>,
}

impl Encoder {
    /// A message of at most `message_bytes_max` bytes, written to `buffer`, whose content is dropped.
    #[inline]
    pub fn new(buffer: Vec<u8>, message_bytes_max: usize) -> Self {
        Self {
            payload: Payload::with_buffer(buffer),
            message_bytes_max,
            shared: None,
            failure: None,
        }
    }

    /// Appends a value.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the value has no encoding, when the message would grow beyond its
    /// limit, or when something failed before.
    #[inline]
    pub fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.attempt(|encoder| {
            let len = measure(value, &mut encoder.shared)?;
            encoder.admit(len)?;
            let Self { payload, shared, .. } = encoder;
            payload.append(|out| write_sized(value, len, shared, out))
        })
    }

    /// Appends bytes as a `Vec<u8>` is encoded: their count, then themselves.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the message would grow beyond its limit, or when something failed before.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.attempt(|encoder| {
            encoder.admit(bytes.len().saturating_add(8))?;
            encoder.payload.append(|out| {
                out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
                out.extend_from_slice(bytes);
                Ok(())
            })
        })
    }

    /// Appends bytes like [`bytes`](Self::bytes), but keeps large ones where they are.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the message would grow beyond its limit, or when something failed before.
    #[inline]
    pub fn shared(&mut self, bytes: Bytes) -> Result<(), EncodeError> {
        self.attempt(|encoder| {
            encoder.admit(bytes.len().saturating_add(8))?;
            encoder.payload.append(|out| {
                out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
                Ok(())
            })?;
            encoder.payload.share(bytes);
            Ok(())
        })
    }

    /// As [`shared`](Self::shared), for bytes that stay with the caller too: small ones are only copied.
    ///
    /// # Errors
    ///
    /// Those of [`shared`](Self::shared).
    #[inline]
    pub fn shared_with(&mut self, bytes: &Bytes) -> Result<(), EncodeError> {
        match bytes.len() < Payload::SHARE_FROM_BYTES {
            true => self.bytes(bytes),
            false => self.shared(bytes.clone()),
        }
    }

    /// The message.
    ///
    /// # Errors
    ///
    /// The first failure of the calls before.
    #[inline]
    pub fn finish(self) -> Result<Payload, EncodeError> {
        match self.failure {
            None => Ok(self.payload),
            Some(failure) => Err(failure),
        }
    }

    #[inline]
    fn attempt(
        &mut self,
        append: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        append(self).inspect_err(|failure| self.failure = Some(failure.clone()))
    }

    #[inline]
    fn admit(&self, bytes: usize) -> Result<(), EncodeError> {
        let len = self.payload.len().saturating_add(bytes);
        if len <= self.message_bytes_max {
            return Ok(());
        }
        Err(too_large(len, self.message_bytes_max))
    }
}

#[cold]
fn too_large(len: usize, limit: usize) -> EncodeError {
    EncodeError::new(
        Kind::TooLarge,
        format_args!("the message takes at least {len} bytes, and its limit is {limit}"),
    )
}

/// Reads the values of one message.
///
/// The memory budget is one for the whole message; each value has the full depth. The first
/// failure is kept: every later call tells it again.
#[derive(Debug)]
#[must_use]
pub struct Decoder<'de> {
    source: SliceSource<'de>,
    allowance: Allowance,
    shared: Option<Box<Kept>>,
    owner: Option<&'de Bytes>,
    failure: Option<DecodeError>,
}

impl<'de> Decoder<'de> {
    /// Reads a message that is borrowed.
    #[inline]
    pub fn new(message: &'de [u8], limits: DecodeLimits) -> Self {
        Self::resume(SliceSource::new(message), Allowance::new(limits), None)
    }

    /// Reads a message whose bytes may be kept without a copy.
    #[inline]
    pub fn shared(message: &'de Bytes, limits: DecodeLimits) -> Self {
        Self { owner: Some(message), ..Self::new(message, limits) }
    }

    /// The next value; `name` begins the path of an error.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the bytes are not a `T` or exceed the limits, or when something failed
    /// before. Never panics, whatever the bytes are, unless `T` itself does.
    #[inline]
    pub fn value<T: Deserialize<'de>>(&mut self, name: &'static str) -> Result<T, DecodeError> {
        self.attempt(name, Reader::value)
    }

    /// The next value as bytes, which stay where they are.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the count is larger than what follows, or when something failed before.
    #[inline]
    pub fn bytes(&mut self, name: &'static str) -> Result<&'de [u8], DecodeError> {
        self.attempt(name, |reader| {
            let count = reader.count()?;
            reader.source.slice(count)
        })
    }

    /// The next value as bytes of its own.
    ///
    /// # Errors
    ///
    /// Those of [`bytes`](Self::bytes), and when the bytes exceed the memory budget.
    #[inline]
    pub fn byte_vec(&mut self, name: &'static str) -> Result<Vec<u8>, DecodeError> {
        self.attempt(name, |reader| {
            let count = reader.count()?;
            reader.charge(count)?;
            Ok(reader.source.slice(count)?.to_vec())
        })
    }

    /// The next value as shared bytes: a slice of the message when it is [shared](Self::shared),
    /// otherwise a copy.
    ///
    /// # Errors
    ///
    /// Those of [`bytes`](Self::bytes), and when a copy exceeds the memory budget.
    #[inline]
    pub fn byte_string(&mut self, name: &'static str) -> Result<Bytes, DecodeError> {
        match self.owner {
            Some(owner) => self.bytes(name).map(|bytes| owner.slice_ref(bytes)),
            None => self.byte_vec(name).map(Bytes::from),
        }
    }

    /// Ends the message.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when bytes are left, or when something failed before.
    #[inline]
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.failure {
            None => Reader::resume(self.source, self.allowance, None).end(),
            Some(failure) => Err(failure),
        }
    }

    /// Goes on with what another has begun.
    #[inline]
    pub(super) fn resume(
        source: SliceSource<'de>,
        allowance: Allowance,
        shared: Option<Box<Kept>>,
    ) -> Self {
        Self { source, allowance, shared, owner: None, failure: None }
    }

    /// The next value, whose paths begin with itself.
    pub(super) fn next_value<T: Deserialize<'de>>(&mut self) -> Result<T, DecodeError> {
        self.read(Reader::value)
    }

    /// The next bytes as they are.
    pub(super) fn next_bytes(&mut self, len: usize) -> Result<&'de [u8], DecodeError> {
        self.read(|reader| reader.source.slice(len))
    }

    pub(super) fn remaining(&self) -> usize {
        self.source.remaining()
    }

    #[inline]
    fn attempt<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Reader<SliceSource<'de>>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        self.read(|reader| read(reader).map_err(|error| error.within(Segment::Field(name))))
    }

    #[inline]
    fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<SliceSource<'de>>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        // A reader for each value: handles that must stay on their thread are known within one value only.
        let known = Kept::len(self.shared.as_deref());
        let mut reader = Reader::resume(self.source, self.allowance, self.shared.take());
        let value = read(&mut reader);
        (self.source, self.allowance) = (reader.source, reader.allowance);
        self.shared = reader.shared.settle(known, false);
        value.inspect_err(|failure| self.failure = Some(failure.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DecodeErrorKind, EncodeErrorKind};
    use super::*;

    fn limits() -> DecodeLimits {
        DecodeLimits::default()
    }

    #[test]
    fn every_form_of_bytes_is_the_encoding_of_a_byte_vector() {
        let data = vec![7_u8; Payload::SHARE_FROM_BYTES + 1];
        let expected = super::super::to_vec(&data).unwrap();
        let mut copied = Encoder::new(Vec::new(), expected.len());
        copied.bytes(&data).unwrap();
        assert_eq!(copied.finish().unwrap().as_slice(), Some(expected.as_slice()));
        let mut shared = Encoder::new(Vec::new(), expected.len());
        shared.shared(Bytes::from(data.clone())).unwrap();
        assert_eq!(shared.finish().unwrap().into_slices().concat(), expected);
        let mut decoder = Decoder::new(&expected, limits());
        assert_eq!(decoder.value::<Vec<u8>>("data").unwrap(), data);
        decoder.finish().unwrap();
    }

    #[test]
    fn a_message_may_fill_its_limit_and_not_exceed_it_by_a_byte() {
        let fill = |max| {
            let mut encoder = Encoder::new(Vec::new(), max);
            encoder.value(&1_u16)?;
            encoder.bytes(&[1, 2])?;
            encoder.shared(Bytes::from_static(&[3]))?;
            encoder.finish()
        };
        assert_eq!(fill(21).unwrap().len(), 21);
        let error = fill(20).unwrap_err();
        assert_eq!(error.kind(), EncodeErrorKind::TooLarge);
        assert_eq!(
            error.to_string(),
            "the message takes at least 21 bytes, and its limit is 20: \
             send less in one message, use a stream, or raise the limit on both sides"
        );
    }

    #[test]
    fn the_first_failure_of_an_encoder_is_told_by_all_that_follows() {
        let mut encoder = Encoder::new(Vec::new(), 100);
        let failure = encoder.value(&vec![()]).unwrap_err();
        assert_eq!(encoder.value(&1_u8).unwrap_err(), failure);
        assert_eq!(encoder.bytes(&[]).unwrap_err(), failure);
        assert_eq!(encoder.shared(Bytes::new()).unwrap_err(), failure);
        assert_eq!(encoder.finish().unwrap_err(), failure);
    }

    #[test]
    fn the_first_failure_of_a_decoder_is_told_by_all_that_follows() {
        let mut decoder = Decoder::new(&[2, 1, 1], limits());
        let failure = decoder.value::<bool>("ready").unwrap_err();
        assert_eq!((failure.path(), failure.offset()), ("ready", 0));
        assert_eq!(decoder.value::<u8>("next").unwrap_err(), failure);
        assert_eq!(decoder.finish().unwrap_err(), failure);
    }

    #[test]
    fn shared_bytes_are_slices_of_the_message() {
        let message = Bytes::from(super::super::to_vec(&(1_u8, vec![5_u8; 3])).unwrap());
        let mut decoder = Decoder::shared(&message, limits());
        decoder.value::<u8>("first").unwrap();
        let bytes = decoder.byte_string("second").unwrap();
        assert_eq!((&bytes[..], bytes.as_ptr()), (&[5, 5, 5][..], message[9..].as_ptr()));
        decoder.finish().unwrap();
        let mut copying = Decoder::new(&message[1..], limits());
        assert_ne!(copying.byte_string("second").unwrap().as_ptr(), message[9..].as_ptr());
    }

    #[test]
    fn a_copy_of_bytes_is_charged_and_a_slice_is_not() {
        let message = Bytes::from(super::super::to_vec(&vec![5_u8; 3]).unwrap());
        let read = |budget| Decoder::shared(&message, DecodeLimits::new(budget, 0)).byte_vec("b");
        assert_eq!(read(3).unwrap(), [5, 5, 5]);
        assert_eq!(read(2).unwrap_err().kind(), DecodeErrorKind::Budget);
        let mut free = Decoder::shared(&message, DecodeLimits::new(0, 0));
        assert_eq!(free.byte_string("b").unwrap(), [5, 5, 5][..]);
    }

    #[test]
    fn the_budget_is_one_for_the_message() {
        let message = super::super::to_vec(&("abc", "def")).unwrap();
        let read = |budget| {
            let mut decoder = Decoder::new(&message, DecodeLimits::new(budget, 0));
            decoder.value::<String>("a")?;
            decoder.value::<String>("b")
        };
        assert_eq!(read(6).unwrap(), "def");
        let error = read(5).unwrap_err();
        assert_eq!((error.kind(), error.path()), (DecodeErrorKind::Budget, "b"));
    }

    #[test]
    fn bytes_after_the_last_value_are_refused() {
        let mut decoder = Decoder::new(&[1, 2], limits());
        decoder.value::<u8>("a").unwrap();
        let error = decoder.finish().unwrap_err();
        assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::Trailing, 1));
    }
}
