//! The parts of a value that has some: elements, fields, places; each sized in its order.

use serde::ser::{self, Serialize};

use super::Sizer;
use crate::archive::error::{EncodeError, EncodeErrorKind as Kind};
use crate::archive::path::Segment;

/// A sequence or map: as many elements as announced, and at least a byte for each.
#[derive(Debug)]
pub(in crate::archive) struct SizeElements<'a> {
    pub(super) sizer: &'a mut Sizer,
    pub(super) start: u64,
    pub(super) count: usize,
    pub(super) seen: usize,
}

impl SizeElements<'_> {
    /// Spec: `values.seq.zero-size`.
    #[inline]
    fn finish(self) -> Result<(), EncodeError> {
        if self.seen != self.count {
            return Err(count_mismatch(self.count, self.seen));
        }
        let bytes = self.sizer.len.wrapping_sub(self.start);
        if bytes < self.count as u64 {
            return Err(zero_size(self.count, bytes));
        }
        self.sizer.ascend();
        Ok(())
    }
}

#[cold]
fn count_mismatch(count: usize, seen: usize) -> EncodeError {
    EncodeError::new(
        Kind::CountMismatch,
        format_args!("a sequence or map announced {count} elements and gave {seen}"),
    )
}

#[cold]
fn zero_size(count: usize, bytes: u64) -> EncodeError {
    EncodeError::new(
        Kind::ZeroSize,
        format_args!(
            "{count} elements take only {bytes} bytes, but every element must take at least one"
        ),
    )
}

impl ser::SerializeSeq for SizeElements<'_> {
    type Ok = ();
    type Error = EncodeError;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let index = self.seen;
        let sized = value.serialize(&mut *self.sizer);
        sized.map_err(|error| error.within(Segment::Index(index as u64)))?;
        self.seen = index.wrapping_add(1);
        Ok(())
    }

    #[inline]
    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}

impl ser::SerializeMap for SizeElements<'_> {
    type Ok = ();
    type Error = EncodeError;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        let sized = key.serialize(&mut *self.sizer);
        sized.map_err(|error| error.within(Segment::Key(self.seen as u64)))
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let index = self.seen;
        let sized = value.serialize(&mut *self.sizer);
        sized.map_err(|error| error.within(Segment::Value(index as u64)))?;
        self.seen = index.wrapping_add(1);
        Ok(())
    }

    #[inline]
    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}

/// A tuple, array, struct, or the fields of a variant: each in order, nothing left out.
#[derive(Debug)]
pub(in crate::archive) struct SizeFields<'a> {
    pub(super) sizer: &'a mut Sizer,
    pub(super) index: usize,
    pub(super) variant: Option<&'static str>,
}

impl SizeFields<'_> {
    #[inline]
    fn field<T: Serialize + ?Sized>(
        &mut self,
        segment: Segment,
        value: &T,
    ) -> Result<(), EncodeError> {
        let sized = value.serialize(&mut *self.sizer);
        sized.map_err(|error| self.locate(error.within(segment)))
    }

    #[inline]
    fn place<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.field(Segment::Place(self.index), value)?;
        self.index = self.index.wrapping_add(1);
        Ok(())
    }

    #[cold]
    fn locate(&self, error: EncodeError) -> EncodeError {
        match self.variant {
            Some(variant) => error.within(Segment::Variant(variant)),
            None => error,
        }
    }

    /// Spec: `values.struct.layout`.
    #[cold]
    fn skipped(&self, field: &'static str) -> EncodeError {
        let error = EncodeError::new(
            Kind::SkippedField,
            "a field is left out, and the reader would take the next one for it",
        );
        self.locate(error.within(Segment::Field(field)))
    }

    #[inline]
    fn finish(self) {
        self.sizer.ascend();
    }
}

macro_rules! places {
    ($($trait:ident::$method:ident),*) => {
        $(impl ser::$trait for SizeFields<'_> {
            type Ok = ();
            type Error = EncodeError;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
                self.place(value)
            }

            #[inline]
            fn end(self) -> Result<(), EncodeError> {
                self.finish();
                Ok(())
            }
        })*
    };
}

places!(
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! named_fields {
    ($($trait:ident),*) => {
        $(impl ser::$trait for SizeFields<'_> {
            type Ok = ();
            type Error = EncodeError;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), EncodeError> {
                self.field(Segment::Field(name), value)
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), EncodeError> {
                Err(self.skipped(name))
            }

            #[inline]
            fn end(self) -> Result<(), EncodeError> {
                self.finish();
                Ok(())
            }
        })*
    };
}

named_fields!(SerializeStruct, SerializeStructVariant);
