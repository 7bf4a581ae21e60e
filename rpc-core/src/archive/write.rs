//! Second pass of encoding: the bytes, into space of exactly the size that `size.rs` found.
//!
//! `read.rs` is its mirror.

use std::fmt::{self, Display, Write as _};

use serde::ser::{self, Serialize};

use super::error::{EncodeError, EncodeErrorKind as Kind};
use super::shared::{self, Kept, Slot};
use super::size::encoded_len;

/// Encodes `value` into a new `Vec` of exactly its size.
///
/// # Errors
///
/// [`EncodeError`] when the value has no encoding: a sequence of unknown length or of elements
/// that take no bytes, more than [`DecodeLimits::DEPTH`](super::DecodeLimits::DEPTH) levels, a
/// field that `skip_serializing_if` left out. Never panics unless `value` itself does.
///
/// ```
/// let bytes = rpc_core::archive::to_vec(&(0x0102_u16, Some(true)))?;
/// assert_eq!(bytes, [1, 2, 1, 1]);
/// # Ok::<(), rpc_core::archive::EncodeError>(())
/// ```
#[inline]
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    encode_into(value, &mut out)?;
    Ok(out)
}

/// Encodes `value` and appends it to `out`, which grows by exactly its size.
///
/// # Errors
///
/// Those of [`to_vec`]; `out` is then as it was before.
///
/// ```
/// let mut out = vec![9];
/// rpc_core::archive::encode_into(&1_u16, &mut out)?;
/// assert_eq!(out, [9, 0, 1]);
/// # Ok::<(), rpc_core::archive::EncodeError>(())
/// ```
#[inline]
pub fn encode_into<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    write_sized(value, encoded_len(value)?, &mut None, out)
}

/// Appends `value`, which takes `len` bytes, to `out`; `out` is untouched on error.
#[inline]
pub(super) fn write_sized<T: Serialize + ?Sized>(
    value: &T,
    len: usize,
    shared: &mut Option<Box<Kept>>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if out.try_reserve_exact(len).is_err() {
        return Err(no_memory(len));
    }
    let before = out.len();
    // Writing into a slice is worth the zeros: a loop over small elements has no space to grow.
    out.resize(before.saturating_add(len), 0);
    let known = Kept::len(shared.as_deref());
    let shared_slot = Slot::new(shared.take());
    let mut writer =
        Writer { space: out.get_mut(before..).unwrap_or_default(), shared: shared_slot };
    let written = value.serialize(&mut writer);
    let whole = written.is_ok() && writer.space.is_empty();
    *shared = writer.shared.settle(known, !whole);
    if whole {
        return Ok(());
    }
    out.truncate(before);
    written.and_then(|()| Err(changed()))
}

#[cold]
pub(super) fn no_memory(len: usize) -> EncodeError {
    let what = format!("there is no memory for a message of {len} bytes");
    EncodeError::new(Kind::TooLarge, what)
}

#[cold]
fn changed() -> EncodeError {
    EncodeError::new(
        Kind::Changed,
        "the value has another size when it is written than when it was measured",
    )
}

#[cold]
fn not_displayed() -> EncodeError {
    ser::Error::custom("the `Display` of a value fails, or its text changes")
}

/// The space that is left for the value.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    space: &'a mut [u8],
    shared: Slot,
}

impl<'a> Writer<'a> {
    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a mut [u8], EncodeError> {
        match std::mem::take(&mut self.space).split_at_mut_checked(len) {
            Some((place, space)) => {
                self.space = space;
                Ok(place)
            }
            None => Err(changed()),
        }
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.take(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// Spec: `values.seq.layout`.
    #[inline]
    fn put_count(&mut self, count: usize) -> Result<(), EncodeError> {
        self.put(&(count as u64).to_be_bytes())
    }

    /// Spec: `values.enum.index`.
    #[inline]
    fn put_variant(&mut self, index: u32) -> Result<(), EncodeError> {
        self.put(&index.to_be_bytes())
    }
}

macro_rules! writes {
    ($($method:ident: $type:ty;)*) => {
        $(#[inline]
        fn $method(self, value: $type) -> Result<(), EncodeError> {
            self.put(&value.to_be_bytes())
        })*
    };
}

impl ser::Serializer for &mut Writer<'_> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Self;
    type SerializeMap = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    writes! {
        serialize_u8: u8;
        serialize_u16: u16;
        serialize_u32: u32;
        serialize_u64: u64;
        serialize_u128: u128;
        serialize_i8: i8;
        serialize_i16: i16;
        serialize_i32: i32;
        serialize_i64: i64;
        serialize_i128: i128;
        serialize_f32: f32;
        serialize_f64: f64;
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.put(&[u8::from(value)])
    }

    #[inline]
    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.put(value.encode_utf8(&mut [0; 4]).as_bytes())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        self.serialize_bytes(value.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        self.put_count(value.len())?;
        self.put(value)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        let count_place = self.take(size_of::<u64>())?;
        let before = self.space.len();
        write!(self, "{value}").map_err(|_| not_displayed())?;
        let count = before.saturating_sub(self.space.len()) as u64;
        count_place.copy_from_slice(&count.to_be_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), EncodeError> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), EncodeError> {
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<(), EncodeError> {
        self.put(&[0])
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        self.put(&[1])?;
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        if name == shared::NAME {
            // The first pass has counted the levels.
            let levels_left = u16::MAX;
            let walk = |writer: &mut Writer<'_>| value.serialize(writer);
            return Slot::lend(self, |writer| &mut writer.shared, levels_left, walk).0;
        }
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
    ) -> Result<(), EncodeError> {
        self.put_variant(index)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.put_variant(index)?;
        value.serialize(self)
    }

    #[inline]
    fn serialize_seq(self, count: Option<usize>) -> Result<Self, EncodeError> {
        // The first pass has refused `None`.
        self.put_count(count.unwrap_or(0))?;
        Ok(self)
    }

    #[inline]
    fn serialize_map(self, count: Option<usize>) -> Result<Self, EncodeError> {
        self.serialize_seq(count)
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, EncodeError> {
        self.put_variant(index)?;
        Ok(self)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, EncodeError> {
        self.put_variant(index)?;
        Ok(self)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

impl fmt::Write for Writer<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

macro_rules! parts_in_order {
    ($($trait:ident { $($method:ident($($name:ident: $type:ty)?))* })*) => {
        $(impl ser::$trait for &mut Writer<'_> {
            type Ok = ();
            type Error = EncodeError;

            $(#[inline]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($name: $type,)?
                value: &T,
            ) -> Result<(), EncodeError> {
                value.serialize(&mut **self)
            })*

            #[inline]
            fn end(self) -> Result<(), EncodeError> {
                Ok(())
            }
        })*
    };
}

parts_in_order! {
    SerializeSeq { serialize_element() }
    SerializeMap { serialize_key() serialize_value() }
    SerializeTuple { serialize_element() }
    SerializeTupleStruct { serialize_field() }
    SerializeTupleVariant { serialize_field() }
    SerializeStruct { serialize_field(_name: &'static str) }
    SerializeStructVariant { serialize_field(_name: &'static str) }
}
