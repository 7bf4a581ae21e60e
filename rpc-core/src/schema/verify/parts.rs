//! The values that have parts: each part is walked beside what the schema has there.

use super::Walker;
use crate::schema::error::SchemaError;
use crate::schema::types::{Field, Type};
use serde::ser::{self, Serialize};

/// The elements of a sequence, or the keys and values of a map.
#[derive(Debug)]
pub(super) struct Elements<'r> {
    pub(super) walker: Walker<'r>,
    pub(super) expected: [&'r Type; 2],
    pub(super) index: u64,
}

impl<'r> Elements<'r> {
    fn part<T: Serialize + ?Sized>(
        &self,
        expected: &'r Type,
        what: &str,
        value: &T,
    ) -> Result<(), SchemaError> {
        let walked = value.serialize(self.walker.of(expected));
        walked.map_err(|error| error.within(format_args!("[{what}{}]", self.index)))
    }
}

impl ser::SerializeSeq for Elements<'_> {
    type Ok = ();
    type Error = SchemaError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SchemaError> {
        let [expected, _] = self.expected;
        self.part(expected, "", value)?;
        self.index = self.index.wrapping_add(1);
        Ok(())
    }

    fn end(self) -> Result<(), SchemaError> {
        Ok(())
    }
}

impl ser::SerializeMap for Elements<'_> {
    type Ok = ();
    type Error = SchemaError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SchemaError> {
        let [expected, _] = self.expected;
        self.part(expected, "key ", key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SchemaError> {
        let [_, expected] = self.expected;
        self.part(expected, "value ", value)?;
        self.index = self.index.wrapping_add(1);
        Ok(())
    }

    fn end(self) -> Result<(), SchemaError> {
        Ok(())
    }
}

/// What stands at each place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected<'r> {
    All(&'r Type, usize),
    Each(&'r [Type]),
}

impl Expected<'_> {
    const fn len(self) -> usize {
        match self {
            Self::All(_, len) => len,
            Self::Each(types) => types.len(),
        }
    }
}

/// A tuple, array, tuple struct or tuple variant.
#[derive(Debug)]
pub(super) struct Places<'r> {
    pub(super) walker: Walker<'r>,
    pub(super) expected: Expected<'r>,
    pub(super) index: usize,
    pub(super) variant: Option<&'static str>,
}

impl Places<'_> {
    fn place<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SchemaError> {
        let expected = match self.expected {
            Expected::All(ty, len) => (self.index < len).then_some(ty),
            Expected::Each(types) => types.get(self.index),
        };
        let walked = match expected {
            Some(expected) => value.serialize(self.walker.of(expected)),
            None => Err(SchemaError::new("serde writes more places than it announced")),
        };
        walked.map_err(|error| {
            in_variant(self.variant, error.within(format_args!(".{}", self.index)))
        })?;
        self.index = self.index.wrapping_add(1);
        Ok(())
    }

    fn finish(&self) -> Result<(), SchemaError> {
        if self.index < self.expected.len() {
            let error = SchemaError::new("serde does not write this place");
            return Err(in_variant(self.variant, error.within(format_args!(".{}", self.index))));
        }
        Ok(())
    }
}

fn in_variant(variant: Option<&'static str>, error: SchemaError) -> SchemaError {
    match variant {
        Some(name) => error.within(format_args!("::{name}")),
        None => error,
    }
}

macro_rules! places {
    ($($trait:ident::$method:ident),*) => {
        $(impl ser::$trait for Places<'_> {
            type Ok = ();
            type Error = SchemaError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SchemaError> {
                self.place(value)
            }

            fn end(self) -> Result<(), SchemaError> {
                self.finish()
            }
        })*
    };
}

places!(
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

/// A struct, or the fields of a variant.
#[derive(Debug)]
pub(super) struct Fields<'r> {
    pub(super) walker: Walker<'r>,
    pub(super) ahead: &'r [Field],
    pub(super) variant: Option<&'static str>,
}

impl Fields<'_> {
    fn field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), SchemaError> {
        let walked = match self.ahead.split_first() {
            Some((expected, ahead)) if expected.name == name => {
                self.ahead = ahead;
                value.serialize(self.walker.of(&expected.ty))
            }
            Some((expected, _)) => {
                Err(SchemaError::new(format!("the schema has the field `{}` here", expected.name)))
            }
            None => Err(SchemaError::new("serde writes more fields than it announced")),
        };
        walked.map_err(|error| in_variant(self.variant, error.within(name)))
    }

    fn finish(&self) -> Result<(), SchemaError> {
        match self.ahead.first() {
            Some(missing) => {
                let error = SchemaError::new("serde does not write this field");
                Err(in_variant(self.variant, error.within(&missing.name)))
            }
            None => Ok(()),
        }
    }
}

macro_rules! named_fields {
    ($($trait:ident),*) => {
        $(impl ser::$trait for Fields<'_> {
            type Ok = ();
            type Error = SchemaError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), SchemaError> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), SchemaError> {
                self.finish()
            }
        })*
    };
}

named_fields!(SerializeStruct, SerializeStructVariant);
