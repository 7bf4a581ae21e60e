//! Whether serde writes what the schema of a type says: a serializer that walks both in step.

mod parts;

use super::Schema;
use super::error::SchemaError;
use super::registry::Registry;
use super::text::Writer;
use super::types::{Definition, Field, Payload, Type, Variant};
use parts::{Elements, Expected, Fields, Places};
use serde::ser::{self, Serialize};
use std::fmt::Display;

/// Checks that this value is written as its type's schema says. For tests: a schema that is derived
/// can disagree with a `Serialize` that is written by hand.
///
/// Only what the value holds is seen: give it a value of each variant, with elements in each
/// sequence.
///
/// # Errors
///
/// The first disagreement, with its path; or why the schema itself cannot be.
///
/// ```
/// rpc_core::schema::verify(&Some((1_u8, "text")))?;
/// # Ok::<(), rpc_core::schema::SchemaError>(())
/// ```
pub fn verify<T: Schema + Serialize + ?Sized>(value: &T) -> Result<(), SchemaError> {
    verify_as::<T, T>(value)
}

/// Checks that this value is written as the schema of `S` says.
///
/// # Errors
///
/// As for [`verify`].
pub fn verify_as<S: Schema + ?Sized, T: Serialize + ?Sized>(value: &T) -> Result<(), SchemaError> {
    let mut registry = Registry::new();
    let expected = S::schema(&mut registry);
    let mut writer = Writer::new(&registry);
    writer.ty(&expected)?;
    writer.finish()?;
    value.serialize(Walker { registry: &registry, expected: &expected })
}

/// Takes one value, of which the schema expects this.
#[derive(Clone, Copy, Debug)]
struct Walker<'r> {
    registry: &'r Registry,
    expected: &'r Type,
}

impl<'r> Walker<'r> {
    fn of(self, expected: &'r Type) -> Self {
        Self { expected, ..self }
    }

    fn behind(self) -> &'r Type {
        self.registry.behind(self.expected)
    }

    fn definition(self) -> Option<&'r Definition> {
        match self.behind() {
            Type::Declared(declared) => self.registry.definition(*declared),
            _ => None,
        }
    }

    fn takes(self, written: &Type) -> Result<(), SchemaError> {
        match self.behind() {
            expected if expected == written => Ok(()),
            // The same bytes.
            Type::Seq(inner) if *written == Type::Bytes && self.of(inner).behind() == &Type::U8 => {
                Ok(())
            }
            _ => Err(self.unexpected(written.primitive().unwrap_or("something else"))),
        }
    }

    fn unexpected(self, written: impl Display) -> SchemaError {
        let expected = match self.behind() {
            Type::Option(_) => "an option",
            Type::Seq(_) => "a sequence",
            Type::Map(..) => "a map",
            Type::Array(..) => "an array",
            Type::Tuple(_) => "a tuple",
            Type::Declared(_) => match self.definition() {
                Some(Definition::Struct(_)) => "a struct",
                Some(Definition::Tuple(_)) => "a tuple struct",
                Some(Definition::Enum(_)) => "an enum",
                Some(Definition::Newtype(_)) | None => "nothing that could be written",
            },
            primitive => primitive.primitive().unwrap_or("something else"),
        };
        SchemaError::new(format!("the schema has {expected}, serde writes {written}"))
    }

    fn places(self, places: &'r [Type], len: usize) -> Result<Places<'r>, SchemaError> {
        if places.len() != len {
            return Err(counts(places.len(), len));
        }
        Ok(Places { walker: self, expected: Expected::Each(places), index: 0, variant: None })
    }

    fn fields(self, fields: &'r [Field], len: usize) -> Result<Fields<'r>, SchemaError> {
        if fields.len() != len {
            return Err(counts(fields.len(), len));
        }
        Ok(Fields { walker: self, ahead: fields, variant: None })
    }

    fn variant(self, index: u32, name: &'static str) -> Result<&'r Payload, SchemaError> {
        let Some(Definition::Enum(variants)) = self.definition() else {
            return Err(self.unexpected(format_args!("the variant `{name}`")));
        };
        let known = usize::try_from(index).ok().and_then(|index| variants.get(index));
        match known {
            Some(Variant { name: expected, payload }) if expected == name => Ok(payload),
            Some(Variant { name: expected, .. }) => Err(SchemaError::new(format!(
                "variant {index} is `{expected}` in the schema and `{name}` to serde"
            ))),
            None => Err(SchemaError::new(format!(
                "the schema has no variant {index}, which serde writes for `{name}`"
            ))),
        }
    }
}

fn counts(expected: usize, written: usize) -> SchemaError {
    SchemaError::new(format!("the schema has {expected} parts, serde writes {written}"))
}

fn payload_differs(name: &str) -> SchemaError {
    let what = "the schema and serde mean another kind of variant";
    SchemaError::new(what).within(format_args!("::{name}"))
}

macro_rules! primitives {
    ($($method:ident: $ty:ty = $schema:ident;)*) => {
        $(fn $method(self, _: $ty) -> Result<(), SchemaError> {
            self.takes(&Type::$schema)
        })*
    };
}

impl<'r> ser::Serializer for Walker<'r> {
    type Ok = ();
    type Error = SchemaError;
    type SerializeSeq = Elements<'r>;
    type SerializeMap = Elements<'r>;
    type SerializeTuple = Places<'r>;
    type SerializeTupleStruct = Places<'r>;
    type SerializeTupleVariant = Places<'r>;
    type SerializeStruct = Fields<'r>;
    type SerializeStructVariant = Fields<'r>;

    primitives! {
        serialize_bool: bool = Bool;
        serialize_i8: i8 = I8;
        serialize_i16: i16 = I16;
        serialize_i32: i32 = I32;
        serialize_i64: i64 = I64;
        serialize_i128: i128 = I128;
        serialize_u8: u8 = U8;
        serialize_u16: u16 = U16;
        serialize_u32: u32 = U32;
        serialize_u64: u64 = U64;
        serialize_u128: u128 = U128;
        serialize_f32: f32 = F32;
        serialize_f64: f64 = F64;
        serialize_char: char = Char;
        serialize_str: &str = Str;
        serialize_bytes: &[u8] = Bytes;
    }

    fn serialize_unit(self) -> Result<(), SchemaError> {
        self.takes(&Type::Unit)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), SchemaError> {
        self.takes(&Type::Unit)
    }

    fn serialize_none(self) -> Result<(), SchemaError> {
        match self.behind() {
            Type::Option(_) => Ok(()),
            _ => Err(self.unexpected("an option")),
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SchemaError> {
        match self.behind() {
            Type::Option(inner) => value.serialize(self.of(inner)),
            _ => Err(self.unexpected("an option")),
        }
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), SchemaError> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'r>, SchemaError> {
        match self.behind() {
            Type::Seq(inner) => Ok(Elements { walker: self, expected: [inner, inner], index: 0 }),
            Type::Bytes => {
                Ok(Elements { walker: self, expected: [&Type::U8, &Type::U8], index: 0 })
            }
            _ => Err(self.unexpected("a sequence")),
        }
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Elements<'r>, SchemaError> {
        match self.behind() {
            Type::Map(key, value) => {
                Ok(Elements { walker: self, expected: [key, value], index: 0 })
            }
            _ => Err(self.unexpected("a map")),
        }
    }

    fn serialize_tuple(self, len: usize) -> Result<Places<'r>, SchemaError> {
        match self.behind() {
            Type::Array(_, count) if *count != len => Err(counts(*count, len)),
            Type::Array(inner, count) => {
                let expected = Expected::All(inner, *count);
                Ok(Places { walker: self, expected, index: 0, variant: None })
            }
            Type::Tuple(places) => self.places(places, len),
            _ => Err(self.unexpected("a tuple")),
        }
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        len: usize,
    ) -> Result<Places<'r>, SchemaError> {
        match self.definition() {
            Some(Definition::Tuple(places)) => self.places(places, len),
            _ => Err(self.unexpected("a tuple struct")),
        }
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Fields<'r>, SchemaError> {
        match self.definition() {
            Some(Definition::Struct(fields)) => self.fields(fields, len),
            _ => Err(self.unexpected("a struct")),
        }
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        index: u32,
        name: &'static str,
    ) -> Result<(), SchemaError> {
        match self.variant(index, name)? {
            Payload::Unit => Ok(()),
            _ => Err(payload_differs(name)),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        name: &'static str,
        value: &T,
    ) -> Result<(), SchemaError> {
        match self.variant(index, name)? {
            Payload::Newtype(ty) => {
                let walked = value.serialize(self.of(ty));
                walked.map_err(|error| error.within(format_args!("::{name}")))
            }
            _ => Err(payload_differs(name)),
        }
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        name: &'static str,
        len: usize,
    ) -> Result<Places<'r>, SchemaError> {
        match self.variant(index, name)? {
            Payload::Tuple(places) => {
                Ok(Places { variant: Some(name), ..self.places(places, len)? })
            }
            _ => Err(payload_differs(name)),
        }
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        name: &'static str,
        len: usize,
    ) -> Result<Fields<'r>, SchemaError> {
        match self.variant(index, name)? {
            Payload::Struct(fields) => {
                Ok(Fields { variant: Some(name), ..self.fields(fields, len)? })
            }
            _ => Err(payload_differs(name)),
        }
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}
