//! The structure of types as they travel: plain data.

use super::registry::Declared;

/// The structure of one type: what decides its bytes, and the names of what is in it.
///
/// Spec: `schema.text.grammar`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// One byte, 0 or 1.
    Bool,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits.
    I32,
    /// Signed, 64 bits; also `isize`.
    I64,
    /// Signed, 128 bits.
    I128,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits; also `usize`.
    U64,
    /// Unsigned, 128 bits.
    U128,
    /// A float of 32 bits.
    F32,
    /// A float of 64 bits.
    F64,
    /// One character.
    Char,
    /// A text.
    Str,
    /// A run of bytes. A [`Type::Seq`] of [`Type::U8`] is the same.
    Bytes,
    /// Nothing: `()`, a unit struct, `PhantomData`.
    Unit,
    /// A value or none.
    Option(Box<Self>),
    /// Any number of elements of one type, in order or not.
    Seq(Box<Self>),
    /// Any number of pairs of a key and a value.
    Map(Box<Self>, Box<Self>),
    /// So many elements of one type.
    Array(Box<Self>, usize),
    /// One value after the other, without names.
    Tuple(Vec<Self>),
    /// A struct, enum or newtype that the registry holds.
    Declared(Declared),
}

impl Type {
    /// The word for a primitive in the canonical text.
    pub(super) fn primitive(&self) -> Option<&'static str> {
        PRIMITIVES.iter().find(|(_, ty)| ty == self).map(|(word, _)| *word)
    }

    /// The primitive with this word.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        PRIMITIVES.iter().find(|(known, _)| *known == word).map(|(_, ty)| ty.clone())
    }
}

const PRIMITIVES: [(&str, Type); 17] = [
    ("bool", Type::Bool),
    ("i8", Type::I8),
    ("i16", Type::I16),
    ("i32", Type::I32),
    ("i64", Type::I64),
    ("i128", Type::I128),
    ("u8", Type::U8),
    ("u16", Type::U16),
    ("u32", Type::U32),
    ("u64", Type::U64),
    ("u128", Type::U128),
    ("f32", Type::F32),
    ("f64", Type::F64),
    ("char", Type::Char),
    ("str", Type::Str),
    ("bytes", Type::Bytes),
    ("unit", Type::Unit),
];

/// What a declared type is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// A struct with named fields.
    Struct(Vec<Field>),
    /// A struct with places instead of names, other than a newtype.
    Tuple(Vec<Type>),
    /// An enum, its variants in the order of declaration.
    Enum(Vec<Variant>),
    /// A struct around one value. It travels as that value, and its name tells nobody anything.
    Newtype(Type),
}

/// A field of a struct, or an argument of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name as serde knows it.
    pub name: String,
    /// What stands there.
    pub ty: Type,
}

impl Field {
    /// A field.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        Self { name: name.into(), ty }
    }
}

/// A variant of an enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The name as serde knows it.
    pub name: String,
    /// What it carries.
    pub payload: Payload,
}

impl Variant {
    /// A variant.
    pub fn new(name: impl Into<String>, payload: Payload) -> Self {
        Self { name: name.into(), payload }
    }
}

/// What a variant carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing: `A`.
    Unit,
    /// One value: `A(T)`.
    Newtype(Type),
    /// Places: `A(T, U)`, also `A()`.
    Tuple(Vec<Type>),
    /// Named fields: `A { a: T }`.
    Struct(Vec<Field>),
}
