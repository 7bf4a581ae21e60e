//! From the syntax of a type to its shape, by the rules that serde's derive follows.

use super::attr::{Attrs, Place, parsed, path_of};
use super::case::Case;
use super::model::{Body, Field, Payload, Shape, Variant};
use crate::fault::Faults;
use crate::types;
use proc_macro2::Ident;
use quote::ToTokens;
use std::collections::HashSet;
use syn::ext::IdentExt;
use syn::{Data, DataEnum, DeriveInput, Fields, Type, parse_quote};

/// Reads a type. Where it has faults, what is missing from the shape stands in them.
pub(super) fn shape(input: &DeriveInput, faults: &mut Faults) -> Shape {
    let attrs = Attrs::read(&input.attrs, Place::Container, faults);
    let body = match &attrs.as_type {
        Some(ty) => Body::Other(ty.clone()),
        None => match proxy(&attrs, faults) {
            Some(ty) => Body::Other(ty),
            None => body(input, &attrs, faults),
        },
    };
    Shape {
        krate: attrs.krate.unwrap_or_else(|| parse_quote!(::hton)),
        ident: input.ident.clone(),
        generics: input.generics.clone(),
        bound: attrs.bound,
        body,
    }
}

/// What travels in the type's place, by `from`, `try_from` and `into`.
fn proxy(attrs: &Attrs, faults: &mut Faults) -> Option<Type> {
    match (&attrs.from, &attrs.into) {
        (None, None) => None,
        (Some(from), Some(into)) => {
            let [read, written]: [Option<Type>; 2] = [parsed(from, faults), parsed(into, faults)];
            let same = |one: &Type, other: &Type| {
                one.to_token_stream().to_string() == other.to_token_stream().to_string()
            };
            match (read, written) {
                (Some(read), Some(written)) if !same(&read, &written) => {
                    faults.push(
                        into,
                        "one type is written for this one, and another is read",
                        "name the same type in both, or say what travels: `#[schema(as = \"Type\")]`",
                    );
                    None
                }
                (_, written) => written,
            }
        }
        (Some(one), None) | (None, Some(one)) => {
            faults.push(
                one,
                "this holds for one direction only; what travels in the other is not said",
                "write both `into` and `from` or `try_from`, or say what travels: `#[schema(as = \"Type\")]`",
            );
            None
        }
    }
}

fn body(input: &DeriveInput, attrs: &Attrs, faults: &mut Faults) -> Body {
    if let Some(meta) = &attrs.by_other_code {
        other_code(meta, faults);
    }
    match &input.data {
        Data::Struct(data) if attrs.transparent.is_some() => transparent(&data.fields, faults),
        Data::Struct(data) => structure(&data.fields, attrs.rename_all, faults),
        Data::Enum(data) => enumeration(data, attrs, faults),
        Data::Union(data) => {
            faults.push(
                data.union_token,
                "a union does not say which of its fields it holds",
                "write an enum",
            );
            Body::Unit
        }
    }
}

/// The one field of a transparent struct that serde does not pass over.
fn transparent(fields: &Fields, faults: &mut Faults) -> Body {
    for field in fields {
        let attrs = Attrs::read(&field.attrs, Place::Field, faults);
        let passed_over = attrs.skip().is_some()
            || types::last_segment(&field.ty).is_some_and(|last| last.ident == "PhantomData");
        if passed_over || attrs.default {
            continue;
        }
        attrs.skipped_alike(faults);
        return Body::Newtype(field_type(&field.ty, &attrs, faults));
    }
    // serde refuses it, too.
    Body::Unit
}

fn structure(fields: &Fields, case: Case, faults: &mut Faults) -> Body {
    match fields {
        Fields::Unit => Body::Unit,
        Fields::Named(_) => Body::Struct(named(fields, case, faults)),
        Fields::Unnamed(unnamed) if unnamed.unnamed.len() == 1 => {
            let attrs = unnamed.unnamed.first().map(|field| field.attrs.as_slice());
            let attrs = Attrs::read(attrs.unwrap_or_default(), Place::Field, faults);
            if let Some(skip) = attrs.skip() {
                faults.push(
                    skip,
                    "serde writes the one field of a newtype all the same",
                    "write a unit struct, or `#[schema(as = \"Type\")]` with a serde implementation of your own",
                );
            }
            match &mut places(fields, faults)[..] {
                [ty] => Body::Newtype(ty.clone()),
                _ => Body::Unit,
            }
        }
        Fields::Unnamed(_) => Body::Tuple(places(fields, faults)),
    }
}

/// The fields that travel, by name.
fn named(fields: &Fields, case: Case, faults: &mut Faults) -> Vec<Field> {
    let mut seen = HashSet::new();
    let mut named = Vec::new();
    for field in fields {
        let Some(ident) = &field.ident else { continue };
        let attrs = Attrs::read(&field.attrs, Place::Field, faults);
        attrs.skipped_alike(faults);
        if attrs.skip().is_some() {
            continue;
        }
        let name = name(ident, &attrs, |name| case.of_field(name), &mut seen, faults);
        named.push(Field { name, ty: field_type(&field.ty, &attrs, faults) });
    }
    named
}

/// The fields that travel, by place.
fn places(fields: &Fields, faults: &mut Faults) -> Vec<Type> {
    let mut places = Vec::new();
    for field in fields {
        let attrs = Attrs::read(&field.attrs, Place::Field, faults);
        attrs.skipped_alike(faults);
        if attrs.skip().is_none() {
            places.push(field_type(&field.ty, &attrs, faults));
        }
    }
    places
}

fn field_type(ty: &Type, attrs: &Attrs, faults: &mut Faults) -> Type {
    match (&attrs.as_type, &attrs.by_other_code) {
        (Some(ty), _) => ty.clone(),
        (None, Some(meta)) => {
            other_code(meta, faults);
            parse_quote!(())
        }
        (None, None) => ty.clone(),
    }
}

fn other_code(meta: &syn::Meta, faults: &mut Faults) {
    let name = path_of(meta);
    faults.push(
        &name,
        format!("`{name}` hides from the schema what is written here"),
        "say what it is: `#[schema(as = \"Type\")]`, a type that serde writes in the same way",
    );
}

fn enumeration(data: &DataEnum, attrs: &Attrs, faults: &mut Faults) -> Body {
    let mut seen = HashSet::new();
    let mut variants = Vec::new();
    let mut skipped: Vec<syn::Path> = Vec::new();
    for variant in &data.variants {
        let own = Attrs::read(&variant.attrs, Place::Variant, faults);
        own.skipped_alike(faults);
        if let Some(skip) = own.skip() {
            skipped.push(skip.clone());
            continue;
        }
        for skip in skipped.drain(..) {
            faults.push(
                skip,
                "serde counts a skipped variant when it writes, and not when it reads: the variants behind it would be taken for one another",
                "move the skipped variants to the end of the enum",
            );
        }
        let case = |name: &str| attrs.rename_all.of_variant(name);
        let name = name(&variant.ident, &own, case, &mut seen, faults);
        let case = match own.rename_all {
            Case::Same => attrs.rename_all_fields,
            case => case,
        };
        let payload = match (&own.as_type, &own.by_other_code) {
            (Some(ty), _) => Payload::Newtype(Box::new(ty.clone())),
            (None, Some(meta)) => {
                other_code(meta, faults);
                Payload::Unit
            }
            (None, None) => payload(&variant.fields, case, faults),
        };
        variants.push(Variant { name, payload });
    }
    Body::Enum(variants)
}

fn payload(fields: &Fields, case: Case, faults: &mut Faults) -> Payload {
    match fields {
        Fields::Unit => Payload::Unit,
        Fields::Named(_) => Payload::Struct(named(fields, case, faults)),
        Fields::Unnamed(unnamed) => {
            let one = unnamed.unnamed.len() == 1;
            match (one, places(fields, faults)) {
                // serde makes a unit variant of one whose only field is skipped.
                (true, places) => match places.into_iter().next() {
                    Some(ty) => Payload::Newtype(Box::new(ty)),
                    None => Payload::Unit,
                },
                (false, places) => Payload::Tuple(places),
            }
        }
    }
}

/// The name as serde writes it, which must be one that the canonical text can carry.
fn name(
    ident: &Ident,
    attrs: &Attrs,
    case: impl Fn(&str) -> String,
    seen: &mut HashSet<String>,
    faults: &mut Faults,
) -> String {
    let name = match &attrs.rename {
        Some(name) => name.value(),
        None => case(&ident.unraw().to_string()),
    };
    let at = match &attrs.rename {
        Some(given) => given.to_token_stream(),
        None => ident.to_token_stream(),
    };
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !starts || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        faults.push(
            at,
            format!("serde names this {name:?}, and a schema has names of ASCII letters, digits and `_` only"),
            "give it another name: `#[serde(rename = \"…\")]`, or another `rename_all`",
        );
    } else if !seen.insert(name.clone()) {
        faults.push(
            at,
            format!("the name `{name}` stands here twice"),
            "give one of them another name",
        );
    }
    name
}
