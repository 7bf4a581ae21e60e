//! A codec that knows types only from the JSON of the vectors. It drives the archive through serde.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use serde::de::{self, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::ser::{self, Error as _, SerializeMap as _, SerializeSeq as _, SerializeTuple as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) type Names = &'static [&'static str];

#[derive(Debug)]
pub(crate) enum Type {
    Primitive(&'static str),
    Named(String),
    Option(Box<Self>),
    Seq(Box<Self>),
    Map(Box<Self>, Box<Self>),
    Tuple(Vec<Self>),
    UnitStruct,
    Newtype(Box<Self>),
    TupleStruct(Vec<Self>),
    Struct(Names, Vec<Self>),
    Enum(Names, Vec<Payload>),
}

#[derive(Debug)]
pub(crate) enum Payload {
    Unit,
    Newtype(Type),
    Tuple(Vec<Type>),
    Struct(Names, Vec<Type>),
}

pub(crate) type Types = HashMap<String, Rc<Type>>;

const PRIMITIVES: Names = &[
    "bool", "i8", "i16", "i32", "i64", "i128", "u8", "u16", "u32", "u64", "u128", "f32", "f64",
    "char", "str", "bytes", "unit",
];

/// serde asks for names that live forever.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> Names {
    names.map(|name| &*name.to_owned().leak()).collect::<Vec<_>>().leak()
}

fn types(json: &Value) -> Vec<Type> {
    json.as_array().unwrap().iter().map(Type::parse).collect()
}

fn fields(json: &Value) -> (Names, Vec<Type>) {
    let fields = json.as_array().unwrap();
    let types = fields.iter().map(|field| Type::parse(&field["type"])).collect();
    (names(fields.iter().map(|field| field["name"].as_str().unwrap())), types)
}

impl Type {
    pub(crate) fn parse(json: &Value) -> Self {
        if let Some(name) = json.as_str() {
            return match PRIMITIVES.iter().find(|primitive| **primitive == name) {
                Some(primitive) => Self::Primitive(primitive),
                None if name == "unit_struct" => Self::UnitStruct,
                None => Self::Named(name.to_owned()),
            };
        }
        let (kind, inner) = json.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "opt" => Self::Option(Box::new(Self::parse(inner))),
            "seq" => Self::Seq(Box::new(Self::parse(inner))),
            "map" => Self::Map(Box::new(Self::parse(&inner[0])), Box::new(Self::parse(&inner[1]))),
            "tuple" => Self::Tuple(types(inner)),
            "array" => Self::Tuple(
                (0..inner[1].as_u64().unwrap()).map(|_| Self::parse(&inner[0])).collect(),
            ),
            "newtype" => Self::Newtype(Box::new(Self::parse(inner))),
            "tuple_struct" => Self::TupleStruct(types(inner)),
            "struct" => {
                let (names, types) = fields(inner);
                Self::Struct(names, types)
            }
            "enum" => {
                let variants = inner.as_array().unwrap();
                let payloads = variants.iter().map(Payload::parse).collect();
                let names = names(variants.iter().map(|variant| variant["name"].as_str().unwrap()));
                Self::Enum(names, payloads)
            }
            other => panic!("the vectors have a type `{other}`"),
        }
    }
}

impl Payload {
    fn parse(json: &Value) -> Self {
        if let Some(inner) = json.get("newtype") {
            return Self::Newtype(Type::parse(inner));
        }
        if let Some(inner) = json.get("tuple") {
            return Self::Tuple(types(inner));
        }
        json.get("struct").map_or(Self::Unit, |inner| {
            let (names, types) = fields(inner);
            Self::Struct(names, types)
        })
    }
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    assert!(digits.len() % 2 == 0, "half a byte in {text}");
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A JSON value that serializes as the type says.
pub(crate) struct Typed<'a> {
    pub types: &'a Types,
    pub ty: &'a Type,
    pub value: &'a Value,
}

impl<'a> Typed<'a> {
    fn part(&self, ty: &'a Type, value: &'a Value) -> Self {
        Self { types: self.types, ty, value }
    }
}

fn integer<T: std::str::FromStr, E: ser::Error>(value: &Value) -> Result<T, E> {
    let text = value.as_str().ok_or_else(|| E::custom("type"))?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().map_err(|_| E::custom(if whole { "range" } else { "type" }))
}

fn bits<E: ser::Error>(value: &Value, digits: usize) -> Result<u64, E> {
    let text = value.as_str().and_then(|text| text.strip_prefix("0x"));
    let text = text.filter(|text| text.len() == digits).ok_or_else(|| E::custom("type"))?;
    u64::from_str_radix(text, 16).map_err(E::custom)
}

/// The parts of an array with this many places.
fn places<E: ser::Error>(value: &Value, count: usize) -> Result<&Vec<Value>, E> {
    let parts = value.as_array().filter(|parts| parts.len() == count);
    parts.ok_or_else(|| E::custom("type"))
}

/// The parts of an object with these names in this order.
fn parts_of<E: ser::Error>(value: &Value, names: Names) -> Result<Vec<&Value>, E> {
    let parts = value.as_object().ok_or_else(|| E::custom("type"))?;
    if parts.len() != names.len() {
        return Err(E::custom("type"));
    }
    names.iter().map(|name| parts.get(*name).ok_or_else(|| E::custom("type"))).collect()
}

impl Serialize for Typed<'_> {
    fn serialize<S: ser::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let wrong = || S::Error::custom("type");
        match self.ty {
            Type::Primitive(name) => self.primitive(name, to),
            Type::Named(name) => {
                let inner = self.types.get(name).ok_or_else(wrong)?;
                self.part(inner, self.value).serialize(to)
            }
            Type::Option(_) if self.value.is_null() => to.serialize_none(),
            Type::Option(inner) => {
                let some = self.value.as_object().and_then(|object| object.get("some"));
                to.serialize_some(&self.part(inner, some.ok_or_else(wrong)?))
            }
            Type::Seq(inner) => {
                let elements = self.value.as_array().ok_or_else(wrong)?;
                let mut seq = to.serialize_seq(Some(elements.len()))?;
                for element in elements {
                    seq.serialize_element(&self.part(inner, element))?;
                }
                seq.end()
            }
            Type::Map(key, value) => {
                let entries = self.value.as_array().ok_or_else(wrong)?;
                let mut map = to.serialize_map(Some(entries.len()))?;
                for entry in entries {
                    let pair = places(entry, 2)?;
                    map.serialize_entry(&self.part(key, &pair[0]), &self.part(value, &pair[1]))?;
                }
                map.end()
            }
            Type::Tuple(types) => {
                let mut tuple = to.serialize_tuple(types.len())?;
                for (ty, value) in types.iter().zip(places(self.value, types.len())?) {
                    tuple.serialize_element(&self.part(ty, value))?;
                }
                tuple.end()
            }
            Type::UnitStruct => to.serialize_unit_struct("Unit"),
            Type::Newtype(inner) => {
                to.serialize_newtype_struct("Newtype", &self.part(inner, self.value))
            }
            Type::TupleStruct(types) => {
                let mut tuple = to.serialize_tuple_struct("Tuple", types.len())?;
                for (ty, value) in types.iter().zip(places(self.value, types.len())?) {
                    ser::SerializeTupleStruct::serialize_field(&mut tuple, &self.part(ty, value))?;
                }
                ser::SerializeTupleStruct::end(tuple)
            }
            Type::Struct(names, types) => {
                let mut parts = to.serialize_struct("Struct", names.len())?;
                let values = parts_of(self.value, names)?;
                for ((name, ty), value) in names.iter().zip(types).zip(values) {
                    ser::SerializeStruct::serialize_field(&mut parts, name, &self.part(ty, value))?;
                }
                ser::SerializeStruct::end(parts)
            }
            Type::Enum(names, payloads) => self.variant(names, payloads, to),
        }
    }
}

impl Typed<'_> {
    fn primitive<S: ser::Serializer>(&self, name: &str, to: S) -> Result<S::Ok, S::Error> {
        let wrong = || S::Error::custom("type");
        let text = || self.value.as_str().ok_or_else(wrong);
        match name {
            "bool" => to.serialize_bool(self.value.as_bool().ok_or_else(wrong)?),
            "i8" => to.serialize_i8(integer(self.value)?),
            "i16" => to.serialize_i16(integer(self.value)?),
            "i32" => to.serialize_i32(integer(self.value)?),
            "i64" => to.serialize_i64(integer(self.value)?),
            "i128" => to.serialize_i128(integer(self.value)?),
            "u8" => to.serialize_u8(integer(self.value)?),
            "u16" => to.serialize_u16(integer(self.value)?),
            "u32" => to.serialize_u32(integer(self.value)?),
            "u64" => to.serialize_u64(integer(self.value)?),
            "u128" => to.serialize_u128(integer(self.value)?),
            "f32" => {
                let bits = u32::try_from(bits::<S::Error>(self.value, 8)?).unwrap();
                to.serialize_f32(f32::from_bits(bits))
            }
            "f64" => to.serialize_f64(f64::from_bits(bits(self.value, 16)?)),
            "char" => {
                let mut chars = text()?.chars();
                let first = chars.next().filter(|_| chars.next().is_none());
                to.serialize_char(first.ok_or_else(wrong)?)
            }
            "str" => to.serialize_str(text()?),
            "bytes" => to.serialize_bytes(&hex(text()?.strip_prefix("0x").ok_or_else(wrong)?)),
            "unit" => to.serialize_unit(),
            other => panic!("`{other}` is no primitive"),
        }
    }

    fn variant<S: ser::Serializer>(
        &self,
        names: Names,
        payloads: &[Payload],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let object = self.value.as_object().ok_or_else(|| S::Error::custom("type"))?;
        let (name, value) = object.iter().next().ok_or_else(|| S::Error::custom("type"))?;
        let index = names.iter().position(|known| known == name);
        let index = index.ok_or_else(|| S::Error::custom("variant"))?;
        let (number, name) = (u32::try_from(index).unwrap(), names[index]);
        match &payloads[index] {
            Payload::Unit if value.is_null() => to.serialize_unit_variant("Enum", number, name),
            Payload::Unit => Err(S::Error::custom("type")),
            Payload::Newtype(ty) => {
                to.serialize_newtype_variant("Enum", number, name, &self.part(ty, value))
            }
            Payload::Tuple(types) => {
                let mut tuple = to.serialize_tuple_variant("Enum", number, name, types.len())?;
                for (ty, value) in types.iter().zip(places(value, types.len())?) {
                    ser::SerializeTupleVariant::serialize_field(&mut tuple, &self.part(ty, value))?;
                }
                ser::SerializeTupleVariant::end(tuple)
            }
            Payload::Struct(names, types) => {
                let mut parts = to.serialize_struct_variant("Enum", number, name, names.len())?;
                for ((name, ty), value) in names.iter().zip(types).zip(parts_of(value, names)?) {
                    let part = self.part(ty, value);
                    ser::SerializeStructVariant::serialize_field(&mut parts, name, &part)?;
                }
                ser::SerializeStructVariant::end(parts)
            }
        }
    }
}

/// Deserializes what the type says as its JSON notation.
#[derive(Clone, Copy)]
struct Seed<'a> {
    types: &'a Types,
    ty: &'a Type,
}

impl<'a> Seed<'a> {
    fn part(self, ty: &'a Type) -> Self {
        Seed { types: self.types, ty }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        match self.ty {
            Type::Primitive(name) => match *name {
                "bool" => from.deserialize_bool(self),
                "i8" => from.deserialize_i8(self),
                "i16" => from.deserialize_i16(self),
                "i32" => from.deserialize_i32(self),
                "i64" => from.deserialize_i64(self),
                "i128" => from.deserialize_i128(self),
                "u8" => from.deserialize_u8(self),
                "u16" => from.deserialize_u16(self),
                "u32" => from.deserialize_u32(self),
                "u64" => from.deserialize_u64(self),
                "u128" => from.deserialize_u128(self),
                "f32" => from.deserialize_f32(self),
                "f64" => from.deserialize_f64(self),
                "char" => from.deserialize_char(self),
                "str" => from.deserialize_str(self),
                "bytes" => from.deserialize_bytes(self),
                _ => from.deserialize_unit(self),
            },
            Type::Named(name) => self.part(&self.types[name]).deserialize(from),
            Type::Option(_) => from.deserialize_option(self),
            Type::Seq(_) => from.deserialize_seq(self),
            Type::Map(..) => from.deserialize_map(self),
            Type::Tuple(types) => from.deserialize_tuple(types.len(), self),
            Type::UnitStruct => from.deserialize_unit_struct("Unit", self),
            Type::Newtype(_) => from.deserialize_newtype_struct("Newtype", self),
            Type::TupleStruct(types) => from.deserialize_tuple_struct("Tuple", types.len(), self),
            Type::Struct(names, _) => from.deserialize_struct("Struct", names, self),
            Type::Enum(names, _) => from.deserialize_enum("Enum", names, self),
        }
    }
}

macro_rules! visit_integers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method<E>(self, value: $type) -> Result<Value, E> {
            Ok(json!(value.to_string()))
        })*
    };
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.ty)
    }

    visit_integers! {
        visit_i8: i8, visit_i16: i16, visit_i32: i32, visit_i64: i64, visit_i128: i128,
        visit_u8: u8, visit_u16: u16, visit_u32: u32, visit_u64: u64, visit_u128: u128
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_f32<E>(self, value: f32) -> Result<Value, E> {
        Ok(json!(format!("0x{:08x}", value.to_bits())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(json!(format!("0x{:016x}", value.to_bits())))
    }

    fn visit_char<E>(self, value: char) -> Result<Value, E> {
        Ok(json!(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
        Ok(json!(format!("0x{}", to_hex(value))))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(json!([]))
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: de::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        let Type::Option(inner) = self.ty else { return Err(de::Error::custom("no option")) };
        Ok(json!({ "some": self.part(inner).deserialize(from)? }))
    }

    fn visit_newtype_struct<D: de::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        let Type::Newtype(inner) = self.ty else { return Err(de::Error::custom("no newtype")) };
        self.part(inner).deserialize(from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, from: A) -> Result<Value, A::Error> {
        match self.ty {
            Type::Seq(inner) => {
                let (mut from, mut elements) = (from, Vec::new());
                while let Some(element) = from.next_element_seed(self.part(inner))? {
                    elements.push(element);
                }
                Ok(Value::Array(elements))
            }
            Type::Tuple(types) | Type::TupleStruct(types) => {
                Ok(Value::Array(Parts { seed: self, types }.read(from)?))
            }
            Type::Struct(names, types) => {
                Ok(object(names, Parts { seed: self, types }.read(from)?))
            }
            _ => Err(de::Error::custom("no sequence")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let Type::Map(key, value) = self.ty else { return Err(de::Error::custom("no map")) };
        let mut entries = Vec::new();
        while let Some(entry) = from.next_entry_seed(self.part(key), self.part(value))? {
            entries.push(json!([entry.0, entry.1]));
        }
        Ok(Value::Array(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, from: A) -> Result<Value, A::Error> {
        let Type::Enum(names, payloads) = self.ty else { return Err(de::Error::custom("no enum")) };
        let (index, from) = from.variant_seed(VariantNumber(names.len()))?;
        let payload = match &payloads[index] {
            Payload::Unit => from.unit_variant().map(|()| Value::Null)?,
            Payload::Newtype(ty) => from.newtype_variant_seed(self.part(ty))?,
            Payload::Tuple(types) => {
                Value::Array(from.tuple_variant(types.len(), Parts { seed: self, types })?)
            }
            Payload::Struct(names, types) => {
                object(names, from.struct_variant(names, Parts { seed: self, types })?)
            }
        };
        Ok(object(&names[index..=index], vec![payload]))
    }
}

fn object(names: Names, parts: Vec<Value>) -> Value {
    names.iter().map(|name| (*name).to_owned()).zip(parts).collect()
}

/// The number of a variant, refused as a derived enum refuses it.
struct VariantNumber(usize);

impl<'de> DeserializeSeed<'de> for VariantNumber {
    type Value = usize;

    fn deserialize<D: de::Deserializer<'de>>(self, from: D) -> Result<usize, D::Error> {
        let index = u32::deserialize(from)? as usize;
        if index < self.0 { Ok(index) } else { Err(de::Error::custom("no such variant")) }
    }
}

/// The parts of a tuple or struct.
struct Parts<'a> {
    seed: Seed<'a>,
    types: &'a [Type],
}

impl Parts<'_> {
    fn read<'de, A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<Value>, A::Error> {
        let mut parts = Vec::new();
        for ty in self.types {
            let part = from.next_element_seed(self.seed.part(ty))?;
            parts.push(part.ok_or_else(|| de::Error::custom("too few parts"))?);
        }
        Ok(parts)
    }
}

impl<'de> Visitor<'de> for Parts<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.types)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, from: A) -> Result<Vec<Value>, A::Error> {
        self.read(from)
    }
}

thread_local! {
    static CURRENT: RefCell<Option<(Rc<Types>, Rc<Type>)>> = const { RefCell::new(None) };
}

/// A value of the type that [`with_type`] has set: the archive's functions take types, not seeds.
#[derive(Debug)]
pub(crate) struct Current(pub Value);

impl<'de> Deserialize<'de> for Current {
    fn deserialize<D: de::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (types, ty) = CURRENT.with_borrow(Clone::clone).expect("inside `with_type`");
        Seed { types: &types, ty: &ty }.deserialize(from).map(Current)
    }
}

pub(crate) fn with_type<T>(types: &Rc<Types>, ty: &Rc<Type>, code: impl FnOnce() -> T) -> T {
    CURRENT.set(Some((types.clone(), ty.clone())));
    code()
}
