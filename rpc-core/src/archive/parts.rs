//! The parts of a value as serde asks for them: elements, entries, fields, variants.
//!
//! Each part is paid for before it is decoded, and puts its own segment before the path of an error.

use serde::de::{self, IntoDeserializer as _, Visitor};

use super::error::{DecodeError, DecodeErrorKind as Kind};
use super::path::Segment;
use super::reader::Reader;
use super::source::Source;

/// Most elements for which a collection may reserve space before they are decoded: 64 KiB for
/// elements of 256 bytes.
const RESERVED_ELEMENTS_MAX: usize = 256;

/// The elements of a sequence, or the entries of a map.
#[derive(Debug)]
pub(super) struct Elements<'a, S> {
    reader: &'a mut Reader<S>,
    count: usize,
    left: usize,
    /// Memory that each element is charged for.
    element_bytes: usize,
}

impl<'a, 'de, S: Source<'de>> Elements<'a, S> {
    #[inline]
    pub(super) fn begin<T>(reader: &'a mut Reader<S>) -> Result<Self, DecodeError> {
        reader.descend::<T>()?;
        let count = reader.count()?;
        Ok(Self { reader, count, left: count, element_bytes: 0 })
    }

    /// Pays for this element and all that follow, which are of the same type; when one is larger
    /// than those before it, the rest is paid then.
    #[inline]
    fn pay(&mut self, element_bytes: usize) -> Result<(), DecodeError> {
        if element_bytes <= self.element_bytes {
            return Ok(());
        }
        let more = element_bytes.saturating_sub(self.element_bytes);
        self.reader.charge(self.left.saturating_mul(more))?;
        self.element_bytes = element_bytes;
        Ok(())
    }

    #[inline]
    fn read<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, DecodeError> {
        self.reader.allowance.place::<T::Value>();
        seed.deserialize(&mut *self.reader)
    }

    #[cold]
    fn locate(&self, error: DecodeError, segment: fn(u64) -> Segment) -> DecodeError {
        let index = self.count.saturating_sub(self.left) as u64;
        let error = error.located(self.reader.source.offset());
        error.within(segment(index))
    }

    #[inline]
    pub(super) fn end(self) -> Result<(), DecodeError> {
        self.reader.allowance.ascend();
        if self.left == 0 {
            return Ok(());
        }
        Err(self.not_taken())
    }

    #[cold]
    fn not_taken(&self) -> DecodeError {
        let (count, taken) = (self.count, self.count.saturating_sub(self.left));
        let what = format!("the type takes {taken} of {count} elements");
        DecodeError::new(Kind::Length, what, self.reader.source.offset())
    }
}

impl<'de, S: Source<'de>> de::SeqAccess<'de> for &mut Elements<'_, S> {
    type Error = DecodeError;

    #[inline]
    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.pay(size_of::<T::Value>())?;
        match self.read(seed) {
            Ok(value) => {
                self.left = left;
                Ok(Some(value))
            }
            Err(error) => Err(self.locate(error, Segment::Index)),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(RESERVED_ELEMENTS_MAX))
    }
}

impl<'de, S: Source<'de>> de::MapAccess<'de> for &mut Elements<'_, S> {
    type Error = DecodeError;

    #[inline]
    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        // The values' size is not known before the first value.
        self.pay(size_of::<K::Value>())?;
        match self.read(seed) {
            Ok(key) => Ok(Some(key)),
            Err(error) => Err(self.locate(error, Segment::Key)),
        }
    }

    #[inline]
    fn next_value_seed<V: de::DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        self.reader.charge(size_of::<V::Value>())?;
        match self.read(seed) {
            Ok(value) => {
                self.left = self.left.saturating_sub(1);
                Ok(value)
            }
            Err(error) => Err(self.locate(error, Segment::Value)),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(RESERVED_ELEMENTS_MAX))
    }
}

/// The fields of a struct, tuple, array or variant.
#[derive(Debug)]
pub(super) struct Fields<'a, S> {
    pub(super) reader: &'a mut Reader<S>,
    /// Empty when the fields have no names.
    pub(super) names: &'static [&'static str],
    pub(super) index: usize,
    pub(super) count: usize,
}

impl<'de, S: Source<'de>> Fields<'_, S> {
    #[cold]
    fn locate(&self, error: DecodeError) -> DecodeError {
        let segment = match self.names.get(self.index) {
            Some(name) => Segment::Field(name),
            None => Segment::Place(self.index),
        };
        let error = error.located(self.reader.source.offset());
        error.within(segment)
    }
}

impl<'de, S: Source<'de>> de::SeqAccess<'de> for Fields<'_, S> {
    type Error = DecodeError;

    #[inline]
    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        if self.index >= self.count {
            return Ok(None);
        }
        self.reader.allowance.place::<T::Value>();
        match seed.deserialize(&mut *self.reader) {
            Ok(value) => {
                self.index = self.index.saturating_add(1);
                Ok(Some(value))
            }
            Err(error) => Err(self.locate(error)),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.count.saturating_sub(self.index).min(RESERVED_ELEMENTS_MAX))
    }
}

/// The variant of an enum: its number, then its payload.
#[derive(Debug)]
pub(super) struct Variant<'a, S> {
    pub(super) reader: &'a mut Reader<S>,
    pub(super) variants: &'static [&'static str],
    pub(super) name: &'static str,
}

impl<'de, S: Source<'de>> Variant<'_, S> {
    #[cold]
    fn locate(name: &'static str, error: DecodeError) -> DecodeError {
        if name.is_empty() {
            return error;
        }
        error.within(Segment::Variant(name))
    }
}

impl<'de, S: Source<'de>> de::EnumAccess<'de> for Variant<'_, S> {
    type Error = DecodeError;
    type Variant = Self;

    /// Spec: `values.enum.index`, `values.enum.unknown`.
    #[inline]
    fn variant_seed<V: de::DeserializeSeed<'de>>(
        mut self,
        seed: V,
    ) -> Result<(V::Value, Self), DecodeError> {
        let index = u32::from_be_bytes(self.reader.source.array()?);
        let name = usize::try_from(index).ok().and_then(|index| self.variants.get(index));
        self.name = name.copied().unwrap_or("");
        match seed.deserialize(index.into_deserializer()) {
            Ok(value) => Ok((value, self)),
            Err(error) => {
                let error: DecodeError = error;
                let offset = self.reader.offset_before(4);
                Err(error.of_kind(Kind::Variant).located(offset))
            }
        }
    }
}

impl<'de, S: Source<'de>> de::VariantAccess<'de> for Variant<'_, S> {
    type Error = DecodeError;

    #[inline]
    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        self.reader.occupy::<T::Value>()?;
        let value = seed.deserialize(&mut *self.reader);
        value.map_err(|error| {
            let error = error.located(self.reader.source.offset());
            Self::locate(self.name, error)
        })
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(
        self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let fields = self.reader.parts(count, &[], visitor);
        fields.map_err(|error| Self::locate(self.name, error))
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let fields = self.reader.parts(names.len(), names, visitor);
        fields.map_err(|error| Self::locate(self.name, error))
    }
}
