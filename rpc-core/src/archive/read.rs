//! Decoding: a value from bytes that a stranger may have written.
//!
//! Mirror of `write.rs`. Whatever the bytes are, it neither panics nor takes more memory or stack
//! than the limits allow.

use std::borrow::Cow;
use std::str::Utf8Error;

use serde::de::{self, Deserialize, Visitor};

use super::error::{DecodeError, DecodeErrorKind as Kind};
use super::limits::DecodeLimits;
use super::parts::{Elements, Variant};
use super::reader::Reader;
use super::shared;
use super::source::{SliceSource, Source};

/// Decodes one value that takes all of `bytes`; `&str` and `&[u8]` in it are not copied.
///
/// # Errors
///
/// [`DecodeError`] with its kind, offset and path when the bytes are not exactly one `T`, or when
/// it exceeds `limits`. Never panics, whatever the bytes are, unless `T` itself does.
///
/// ```
/// use rpc_core::archive::{self, DecodeLimits};
///
/// let pair: (u16, &str) = archive::from_slice(b"\x01\x02\0\0\0\0\0\0\0\x02hi", DecodeLimits::default())?;
/// assert_eq!(pair, (0x0102, "hi"));
/// # Ok::<(), archive::DecodeError>(())
/// ```
#[inline]
pub fn from_slice<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    limits: DecodeLimits,
) -> Result<T, DecodeError> {
    let mut reader = Reader::new(SliceSource::new(bytes), limits);
    let value = reader.value()?;
    reader.end()?;
    Ok(value)
}

macro_rules! reads {
    ($($method:ident: $type:ty => $visit:ident;)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            let value = <$type>::from_be_bytes(self.source.array()?);
            let visited = visitor.$visit(value);
            visited.map_err(|error: DecodeError| error.located(self.offset_before(size_of::<$type>())))
        })*
    };
}

macro_rules! needs_description {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
            self.undescribed(stringify!($method))
        })*
    };
}

impl<'de, S: Source<'de>> de::Deserializer<'de> for &mut Reader<S> {
    type Error = DecodeError;

    reads! {
        deserialize_u8: u8 => visit_u8;
        deserialize_u16: u16 => visit_u16;
        deserialize_u32: u32 => visit_u32;
        deserialize_u64: u64 => visit_u64;
        deserialize_u128: u128 => visit_u128;
        deserialize_i8: i8 => visit_i8;
        deserialize_i16: i16 => visit_i16;
        deserialize_i32: i32 => visit_i32;
        deserialize_i64: i64 => visit_i64;
        deserialize_i128: i128 => visit_i128;
        deserialize_f32: f32 => visit_f32;
        deserialize_f64: f64 => visit_f64;
    }

    needs_description! { deserialize_any deserialize_identifier deserialize_ignored_any }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let visited = match self.source.array()? {
            [0] => visitor.visit_bool(false),
            [1] => visitor.visit_bool(true),
            [byte] => Err(not_a_bool(byte, self.offset_before(1))),
        };
        visited.map_err(|error| error.located(self.offset_before(1)))
    }

    #[inline]
    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let (value, len) = self.char()?;
        let visited = visitor.visit_char(value);
        visited.map_err(|error: DecodeError| error.located(self.offset_before(len)))
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let bytes = self.counted_bytes()?;
        let len = bytes.len();
        let visited = match bytes {
            Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => visitor.visit_borrowed_str(text),
                Err(error) => Err(not_utf8(error, self.offset_before(len))),
            },
            Cow::Owned(bytes) => match String::from_utf8(bytes) {
                Ok(text) => visitor.visit_string(text),
                Err(error) => Err(not_utf8(error.utf8_error(), self.offset_before(len))),
            },
        };
        visited.map_err(|error| error.located(self.offset_before(len)))
    }

    /// Checks the copy, which begins at a word, as a string in a message seldom does: that is quicker.
    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let bytes = self.counted_bytes()?;
        let len = bytes.len();
        let visited = match String::from_utf8(bytes.into_owned()) {
            Ok(text) => visitor.visit_string(text),
            Err(error) => Err(not_utf8(error.utf8_error(), self.offset_before(len))),
        };
        visited.map_err(|error| error.located(self.offset_before(len)))
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let bytes = self.counted_bytes()?;
        let len = bytes.len();
        let visited = match bytes {
            Cow::Borrowed(bytes) => visitor.visit_borrowed_bytes(bytes),
            Cow::Owned(bytes) => visitor.visit_byte_buf(bytes),
        };
        visited.map_err(|error: DecodeError| error.located(self.offset_before(len)))
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let level = self.descend::<V::Value>()?;
        let value = match self.source.array()? {
            [0] => visitor.visit_none()?,
            [1] => visitor.visit_some(&mut *self)?,
            [byte] => return Err(not_an_option(byte, self.offset_before(1))),
        };
        self.allowance.ascend(level);
        Ok(value)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if name == shared::NAME {
            return self.shared(visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut elements = Elements::begin::<V::Value>(self)?;
        let value = visitor.visit_seq(&mut elements);
        elements.end(value)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut elements = Elements::begin::<V::Value>(self)?;
        let value = visitor.visit_map(&mut elements);
        elements.end(value)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.fields(count, &[], visitor)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.fields(count, &[], visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.fields(names.len(), names, visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let level = self.descend::<V::Value>()?;
        let value = visitor.visit_enum(Variant { reader: &mut *self, variants, name: "" })?;
        self.allowance.ascend(level);
        Ok(value)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

impl<'de, S: Source<'de>> Reader<S> {
    /// A char and the number of its bytes.
    ///
    /// Spec: `values.char.layout`.
    #[inline]
    fn char(&mut self) -> Result<(char, usize), DecodeError> {
        let [first] = self.source.array()?;
        let mut bytes = [first, 0, 0, 0];
        let len = match first {
            0..=0x7f => return Ok((char::from(first), 1)),
            0xc2..=0xdf => {
                [bytes[1]] = self.source.array()?;
                2
            }
            0xe0..=0xef => {
                [bytes[1], bytes[2]] = self.source.array()?;
                3
            }
            0xf0..=0xf4 => {
                [bytes[1], bytes[2], bytes[3]] = self.source.array()?;
                4
            }
            _ => return Err(not_a_char(&[first], self.offset_before(1))),
        };
        let (bytes, _) = bytes.split_at(len);
        match std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next()) {
            Some(value) => Ok((value, len)),
            None => Err(not_a_char(bytes, self.offset_before(len))),
        }
    }
}

#[cold]
fn not_a_bool(byte: u8, offset: u64) -> DecodeError {
    let what = format!("a bool is 0 or 1, not {byte},");
    DecodeError::new(Kind::Bool, what, offset)
}

#[cold]
fn not_an_option(byte: u8, offset: u64) -> DecodeError {
    let what = format!("an option begins with 0 or 1, not {byte},");
    DecodeError::new(Kind::OptionTag, what, offset)
}

#[cold]
fn not_a_char(bytes: &[u8], offset: u64) -> DecodeError {
    let what = format!("the bytes {bytes:02x?} are no UTF-8 character");
    DecodeError::new(Kind::Char, what, offset)
}

/// The offset is that of the first byte that breaks the rule.
#[cold]
fn not_utf8(error: Utf8Error, start: u64) -> DecodeError {
    let offset = start.saturating_add(error.valid_up_to() as u64);
    DecodeError::new(Kind::Utf8, "a string is not UTF-8", offset)
}
