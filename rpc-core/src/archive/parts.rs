//! The parts of a value as serde asks for them: elements, entries, fields, variants.
//!
//! Each part is paid for before it is decoded, and puts its own segment before the path of an error.

use serde::de::{self, IntoDeserializer as _, Visitor};

use super::element::Element;
use super::error::{DecodeError, DecodeErrorKind as Kind};
use super::limits::Level;
use super::path::Segment;
use super::reader::{Reader, over_budget};
use super::source::Source;

/// Most elements for which a collection may reserve space before they are decoded: 64 KiB for
/// elements of 256 bytes.
const RESERVED_ELEMENTS_MAX: usize = 256;

/// The elements of a sequence, or the entries of a map.
#[derive(Debug)]
pub(super) struct Elements<'a, 'de, S> {
    reader: &'a mut Reader<S>,
    /// What the reader has not given yet; it is told how far it is when it must know.
    rest: &'de [u8],
    count: usize,
    left: usize,
    /// Memory that each element is charged for.
    element_bytes: usize,
    level: Level,
}

impl<'a, 'de, S: Source<'de>> Elements<'a, 'de, S> {
    #[inline]
    pub(super) fn begin<T>(reader: &'a mut Reader<S>) -> Result<Self, DecodeError> {
        let level = reader.descend::<T>()?;
        let count = reader.count()?;
        let rest = reader.source.ahead();
        Ok(Self { reader, rest, count, left: count, element_bytes: 0, level })
    }

    /// Pays for this element and all that follow, which are of the same type; when one is larger
    /// than those before it, the rest is paid then.
    #[inline]
    fn pay(&mut self, element_bytes: usize) -> Result<(), DecodeError> {
        if element_bytes <= self.element_bytes {
            return Ok(());
        }
        let more = element_bytes.saturating_sub(self.element_bytes);
        let charged = self.reader.allowance.charge(self.left.saturating_mul(more));
        charged.map_err(|overdrawn| over_budget(overdrawn, self.offset()))?;
        self.element_bytes = element_bytes;
        Ok(())
    }

    #[inline]
    fn read<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, DecodeError> {
        let place_bytes = size_of::<T::Value>();
        seed.deserialize(Element { reader: &mut *self.reader, rest: &mut self.rest, place_bytes })
    }

    /// The number of the element or entry that is read.
    #[inline]
    fn index(&self) -> u64 {
        self.count.saturating_sub(self.left) as u64
    }

    #[inline]
    fn offset(&mut self) -> u64 {
        self.reader.source.rewind(self.rest);
        self.reader.source.offset()
    }

    /// What the type made of the elements.
    #[inline]
    pub(super) fn end<T>(mut self, value: Result<T, DecodeError>) -> Result<T, DecodeError> {
        self.reader.source.rewind(self.rest);
        let value = value?;
        self.reader.allowance.ascend(self.level);
        if self.left == 0 {
            return Ok(value);
        }
        Err(not_taken(self.index(), self.count, self.offset()))
    }
}

/// An error of a part, which has ended at `offset`, as one of the whole.
#[cold]
fn locate(error: DecodeError, offset: u64, segment: Segment) -> DecodeError {
    error.located(offset).within(segment)
}

#[cold]
fn not_taken(taken: u64, count: usize, offset: u64) -> DecodeError {
    let what = format!("the type takes {taken} of {count} elements");
    DecodeError::new(Kind::Length, what, offset)
}

impl<'de, S: Source<'de>> de::SeqAccess<'de> for &mut Elements<'_, 'de, S> {
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
            Err(error) => Err(locate(error, self.offset(), Segment::Index(self.index()))),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(RESERVED_ELEMENTS_MAX))
    }
}

impl<'de, S: Source<'de>> de::MapAccess<'de> for &mut Elements<'_, 'de, S> {
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
            Err(error) => Err(locate(error, self.offset(), Segment::Key(self.index()))),
        }
    }

    #[inline]
    fn next_value_seed<V: de::DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        let charged = self.reader.allowance.charge(size_of::<V::Value>());
        charged.map_err(|overdrawn| over_budget(overdrawn, self.offset()))?;
        match self.read(seed) {
            Ok(value) => {
                self.left = self.left.saturating_sub(1);
                Ok(value)
            }
            Err(error) => Err(locate(error, self.offset(), Segment::Value(self.index()))),
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

/// The path to a field: by its name where it has one.
#[cold]
fn locate_field(
    error: DecodeError,
    offset: u64,
    names: &'static [&'static str],
    index: usize,
) -> DecodeError {
    let segment = match names.get(index) {
        Some(name) => Segment::Field(name),
        None => Segment::Place(index),
    };
    locate(error, offset, segment)
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
            Err(error) => {
                let offset = self.reader.source.offset();
                Err(locate_field(error, offset, self.names, self.index))
            }
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
