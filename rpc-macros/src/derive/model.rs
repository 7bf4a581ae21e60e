//! What a type is to serde once its attributes have been read: plain data.

use proc_macro2::Ident;
use syn::{Generics, Path, Type, WherePredicate};

/// A type that gets a schema.
pub(super) struct Shape {
    /// `::hton`, or the path that the user gave.
    pub(super) krate: Path,
    pub(super) ident: Ident,
    pub(super) generics: Generics,
    /// The bounds that the user gave instead of those that the fields suggest.
    pub(super) bound: Option<Vec<WherePredicate>>,
    pub(super) body: Body,
}

/// What travels for a value of the type.
pub(super) enum Body {
    /// A value of another type.
    Other(Type),
    /// Nothing.
    Unit,
    /// What is inside.
    Newtype(Type),
    Tuple(Vec<Type>),
    Struct(Vec<Field>),
    Enum(Vec<Variant>),
}

pub(super) struct Field {
    /// As serde writes it.
    pub(super) name: String,
    pub(super) ty: Type,
}

pub(super) struct Variant {
    /// As serde writes it.
    pub(super) name: String,
    pub(super) payload: Payload,
}

pub(super) enum Payload {
    Unit,
    Newtype(Box<Type>),
    Tuple(Vec<Type>),
    Struct(Vec<Field>),
}

impl Body {
    /// The types whose schemas are asked for.
    pub(super) fn types(&self) -> Vec<&Type> {
        match self {
            Self::Unit => Vec::new(),
            Self::Other(ty) | Self::Newtype(ty) => vec![ty],
            Self::Tuple(types) => types.iter().collect(),
            Self::Struct(fields) => fields.iter().map(|field| &field.ty).collect(),
            Self::Enum(variants) => {
                variants.iter().flat_map(|variant| variant.payload.types()).collect()
            }
        }
    }
}

impl Payload {
    fn types(&self) -> Vec<&Type> {
        match self {
            Self::Unit => Vec::new(),
            Self::Newtype(ty) => vec![ty],
            Self::Tuple(types) => types.iter().collect(),
            Self::Struct(fields) => fields.iter().map(|field| &field.ty).collect(),
        }
    }
}
