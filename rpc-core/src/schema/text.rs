//! From structures to the canonical text, and what cannot be written there.
//!
//! Facing side: `parse`.

use super::error::SchemaError;
use super::registry::{Declared, Registry};
use super::types::{Definition, Field, Payload, Type, Variant};
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

/// What every text begins with.
pub(super) const VERSION: &str = "hton-sig/1";

/// Writes types, giving each declared type its number where it first stands.
///
/// Spec: `schema.text.numbers`.
#[derive(Debug)]
pub(super) struct Writer<'r> {
    registry: &'r Registry,
    out: String,
    numbers: HashMap<Declared, usize>,
    /// By number.
    numbered: Vec<Declared>,
}

impl<'r> Writer<'r> {
    pub(super) fn new(registry: &'r Registry) -> Self {
        Self { registry, out: String::new(), numbers: HashMap::new(), numbered: Vec::new() }
    }

    pub(super) fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Writes the definitions and gives the text.
    pub(super) fn finish(mut self) -> Result<String, SchemaError> {
        let mut number = 0;
        while let Some(declared) = self.numbered.get(number).copied() {
            // Writing to a `String` cannot fail.
            let _ = write!(self.out, ";#{number}=");
            self.definition(declared).map_err(|error| match self.registry.name(declared) {
                Some(name) => error.within(name),
                None => error,
            })?;
            number += 1;
        }
        Ok(self.out)
    }

    fn definition(&mut self, declared: Declared) -> Result<(), SchemaError> {
        let registry = self.registry;
        match registry.definition(declared) {
            Some(Definition::Struct(fields)) => self.fields(fields),
            Some(Definition::Tuple(places)) => self.places(places),
            Some(Definition::Newtype(inner)) => self.ty(inner),
            Some(Definition::Enum(variants)) => self.variants(variants),
            None => Err(SchemaError::new("a type is of another registry, or not defined yet")),
        }
    }

    /// `{a:T,b:T}`.
    pub(super) fn fields(&mut self, fields: &[Field]) -> Result<(), SchemaError> {
        unique(fields.iter().map(|field| field.name.as_str()))?;
        self.separated('{', ',', '}', fields, |writer, field| {
            writer.push(&field.name);
            writer.push(":");
            writer.ty(&field.ty).map_err(|error| error.within(&field.name))
        })
    }

    /// `(T,T)`.
    fn places(&mut self, places: &[Type]) -> Result<(), SchemaError> {
        self.separated('(', ',', ')', places, Self::ty)
    }

    /// `<A|B:T|C(T,T)|D{a:T}>`.
    fn variants(&mut self, variants: &[Variant]) -> Result<(), SchemaError> {
        unique(variants.iter().map(|variant| variant.name.as_str()))?;
        self.separated('<', '|', '>', variants, |writer, variant| {
            writer.push(&variant.name);
            let written = match &variant.payload {
                Payload::Unit => Ok(()),
                Payload::Newtype(ty) => {
                    writer.push(":");
                    writer.ty(ty)
                }
                Payload::Tuple(places) => writer.places(places),
                Payload::Struct(fields) => writer.fields(fields),
            };
            written.map_err(|error| error.within(format_args!("::{}", variant.name)))
        })
    }

    fn separated<T>(
        &mut self,
        open: char,
        between: char,
        close: char,
        parts: &[T],
        mut write: impl FnMut(&mut Self, &T) -> Result<(), SchemaError>,
    ) -> Result<(), SchemaError> {
        self.out.push(open);
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                self.out.push(between);
            }
            write(self, part)?;
        }
        self.out.push(close);
        Ok(())
    }

    pub(super) fn ty(&mut self, ty: &Type) -> Result<(), SchemaError> {
        if let Some(word) = ty.primitive() {
            self.push(word);
            return Ok(());
        }
        match ty {
            Type::Option(inner) => {
                self.push("?");
                self.ty(inner)
            }
            Type::Seq(inner) if *self.registry.behind(inner) == Type::U8 => {
                self.push("bytes");
                Ok(())
            }
            Type::Seq(inner) => {
                self.takes_bytes(&[inner])?;
                self.push("[");
                self.ty(inner).map_err(|error| error.within("[]"))?;
                self.push("]");
                Ok(())
            }
            Type::Map(key, value) => {
                self.takes_bytes(&[key, value])?;
                self.push("{");
                self.ty(key).map_err(|error| error.within("[key]"))?;
                self.push(">");
                self.ty(value).map_err(|error| error.within("[value]"))?;
                self.push("}");
                Ok(())
            }
            Type::Array(inner, count) => {
                self.push("[");
                self.ty(inner).map_err(|error| error.within("[]"))?;
                self.push(";");
                self.push(&count.to_string());
                self.push("]");
                Ok(())
            }
            Type::Tuple(places) if places.is_empty() => {
                self.push("unit");
                Ok(())
            }
            Type::Tuple(places) => self.places(places),
            Type::Declared(declared) => self.declared(*declared),
            // The primitives stand above.
            _ => Ok(()),
        }
    }

    fn declared(&mut self, declared: Declared) -> Result<(), SchemaError> {
        let registry = self.registry;
        match registry.definition(declared) {
            Some(Definition::Newtype(inner)) if !self.loops(declared) => self.ty(inner),
            _ => {
                let next = self.numbered.len();
                let number = *self.numbers.entry(declared).or_insert(next);
                if number == next {
                    self.numbered.push(declared);
                }
                // Writing to a `String` cannot fail.
                let _ = write!(self.out, "#{number}");
                Ok(())
            }
        }
    }

    /// Whether a newtype leads back to itself with no struct or enum between.
    fn loops(&self, newtype: Declared) -> bool {
        let mut seen = HashSet::new();
        let mut ahead = vec![newtype];
        while let Some(from) = ahead.pop() {
            if let Some(Definition::Newtype(inner)) = self.registry.definition(from) {
                let mut reached = Vec::new();
                contained(inner, &mut reached);
                if reached.contains(&newtype) {
                    return true;
                }
                ahead.extend(reached.into_iter().filter(|declared| seen.insert(*declared)));
            }
        }
        false
    }

    /// Refuses elements of a sequence or map that take no bytes: a count of them could be anything.
    ///
    /// Spec: `values.seq.zero-size`.
    fn takes_bytes(&self, element: &[&Type]) -> Result<(), SchemaError> {
        if element.iter().all(|part| self.is_empty(part, &mut HashSet::new())) {
            let what = "the elements of a sequence or map take no bytes, so that its count could not be checked";
            return Err(SchemaError::new(what));
        }
        Ok(())
    }

    /// Whether every value of the type takes no bytes. One that contains itself is none of those.
    fn is_empty(&self, ty: &Type, within: &mut HashSet<Declared>) -> bool {
        match ty {
            Type::Unit => true,
            Type::Tuple(places) => places.iter().all(|place| self.is_empty(place, within)),
            Type::Array(inner, count) => *count == 0 || self.is_empty(inner, within),
            Type::Declared(declared) => {
                if !within.insert(*declared) {
                    return false;
                }
                let empty = match self.registry.definition(*declared) {
                    Some(Definition::Struct(fields)) => {
                        fields.iter().all(|field| self.is_empty(&field.ty, within))
                    }
                    Some(Definition::Tuple(places)) => {
                        places.iter().all(|place| self.is_empty(place, within))
                    }
                    Some(Definition::Newtype(inner)) => self.is_empty(inner, within),
                    Some(Definition::Enum(_)) | None => false,
                };
                within.remove(declared);
                empty
            }
            _ => false,
        }
    }
}

/// The declared types that stand in a type itself, not in their definitions.
fn contained(ty: &Type, into: &mut Vec<Declared>) {
    match ty {
        Type::Declared(declared) => into.push(*declared),
        Type::Option(inner) | Type::Seq(inner) | Type::Array(inner, _) => contained(inner, into),
        Type::Map(key, value) => {
            contained(key, into);
            contained(value, into);
        }
        Type::Tuple(places) => places.iter().for_each(|place| contained(place, into)),
        _ => {}
    }
}

/// Refuses names that the text could not carry, and names that stand twice.
///
/// Spec: `schema.text.name`.
fn unique<'n>(names: impl Iterator<Item = &'n str>) -> Result<(), SchemaError> {
    let mut seen = HashSet::new();
    for name in names {
        if !is_name(name) {
            let what = format!(
                "the name {name:?} has other characters than ASCII letters, digits and `_`"
            );
            return Err(SchemaError::new(what));
        }
        if !seen.insert(name) {
            return Err(SchemaError::new(format!("the name `{name}` stands here twice")));
        }
    }
    Ok(())
}

/// Whether this is `[A-Za-z_][A-Za-z0-9_]*`.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(is_name_char)
}

pub(super) fn is_name_char(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}
