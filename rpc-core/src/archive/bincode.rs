//! The bincode crate as an alternative codec of the same bytes. Nothing else names that crate.
//!
//! It is unmaintained (RUSTSEC-2025-0141) and knows neither a depth limit nor a memory budget: a
//! short message from a stranger can overflow the stack, loop without end or take hundreds of times
//! its size in memory. **Decode only bytes whose writer you trust.**

use ::bincode::config::{BigEndian, Configuration, Fixint, standard};
use ::bincode::enc::write::SizeWriter;
use ::bincode::serde as codec;
use serde::{Deserialize, Serialize, de, ser};

use super::error::{DecodeError, DecodeErrorKind, EncodeError};
use super::limits::DecodeLimits;

const CONFIGURATION: Configuration<BigEndian, Fixint> =
    standard().with_big_endian().with_fixed_int_encoding();

/// How many bytes `value` takes when it is encoded.
///
/// # Errors
///
/// [`EncodeError`] when bincode refuses the value.
pub fn encoded_len<T: Serialize + ?Sized>(value: &T) -> Result<usize, EncodeError> {
    let mut size = SizeWriter::default();
    let sized = codec::encode_into_writer(value, &mut size, CONFIGURATION);
    sized.map_err(ser::Error::custom)?;
    Ok(size.bytes_written)
}

/// Encodes `value` into a new `Vec`: the bytes of [`archive::to_vec`](super::to_vec).
///
/// # Errors
///
/// [`EncodeError`] when bincode refuses the value. It accepts some that the archive refuses:
/// sequences of elements that take no bytes, skipped fields, any depth.
///
/// ```
/// use rpc_core::archive;
///
/// assert_eq!(archive::bincode::to_vec(&(1_u16, "a"))?, archive::to_vec(&(1_u16, "a"))?);
/// # Ok::<(), archive::EncodeError>(())
/// ```
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    codec::encode_to_vec(value, CONFIGURATION).map_err(ser::Error::custom)
}

/// Encodes `value` and appends it to `out`.
///
/// # Errors
///
/// Those of [`to_vec`]; `out` is then as it was before.
pub fn encode_into<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.append(&mut to_vec(value)?);
    Ok(())
}

/// Decodes one value that takes all of `bytes`, **which must be from a trusted writer**.
///
/// Of `limits` bincode can observe none.
///
/// # Errors
///
/// [`DecodeError`] without a path when bincode refuses the bytes, or when bytes are left.
///
/// # Panics
///
/// bincode may panic, abort or never return when the bytes are hostile.
pub fn from_slice<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    _limits: DecodeLimits,
) -> Result<T, DecodeError> {
    let decoded = codec::borrow_decode_from_slice(bytes, CONFIGURATION);
    let (value, taken) = decoded.map_err(<DecodeError as de::Error>::custom)?;
    if taken == bytes.len() {
        return Ok(value);
    }
    let what = "bytes are left after the value, which ends";
    Err(DecodeError::new(DecodeErrorKind::Trailing, what, taken as u64))
}
