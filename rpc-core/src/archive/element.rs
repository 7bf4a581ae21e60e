//! An element of a collection: a number is read from bytes that stay in registers from one element to the next.
//!
//! Collections of numbers are long, and their loop should touch nothing but the bytes and the numbers. Whatever is
//! no number goes on with the reader, which is told before how far the bytes are.

use serde::de::{self, Visitor};

use super::error::DecodeError;
use super::reader::Reader;
use super::shared;
use super::source::Source;

/// Reads one element, key or value, which goes to a place that is paid for.
#[derive(Debug)]
pub(super) struct Element<'a, 'de, S> {
    pub(super) reader: &'a mut Reader<S>,
    /// What the reader has not given yet, and does not know of while numbers are read.
    pub(super) rest: &'a mut &'de [u8],
    /// Bytes of the place in memory.
    pub(super) place_bytes: usize,
}

impl<'de, S: Source<'de>> Element<'_, 'de, S> {
    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((array, rest)) => {
                *self.rest = rest;
                Ok(*array)
            }
            None => self.by_reader(|reader| reader.source.array()),
        }
    }

    #[inline]
    fn by_reader<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<S>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        self.reader.source.rewind(self.rest);
        self.reader.allowance.place_bytes(self.place_bytes);
        let value = read(&mut *self.reader);
        *self.rest = self.reader.source.ahead();
        value
    }

    /// Offset of the number whose last byte was given last.
    #[inline]
    fn offset_before(&mut self, len: usize) -> u64 {
        self.reader.source.rewind(self.rest);
        self.reader.offset_before(len)
    }
}

macro_rules! numbers {
    ($($method:ident: $type:ty => $visit:ident;)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
            let value = <$type>::from_be_bytes(self.array()?);
            let visited = visitor.$visit(value);
            visited.map_err(|error: DecodeError| error.located(self.offset_before(size_of::<$type>())))
        })*
    };
}

macro_rules! goes_on_with_the_reader {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(
            mut self,
            $($name: $type,)*
            visitor: V,
        ) -> Result<V::Value, DecodeError> {
            self.by_reader(|reader| reader.$method($($name,)* visitor))
        })*
    };
}

impl<'de, S: Source<'de>> de::Deserializer<'de> for Element<'_, 'de, S> {
    type Error = DecodeError;

    numbers! {
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

    goes_on_with_the_reader! {
        deserialize_any();
        deserialize_identifier();
        deserialize_ignored_any();
        deserialize_bool();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_option();
        deserialize_seq();
        deserialize_map();
        deserialize_tuple(count: usize);
        deserialize_tuple_struct(name: &'static str, count: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if name == shared::NAME {
            return self.by_reader(|reader| reader.shared(visitor));
        }
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}
