//! Reads `#[serde(…)]` as serde reads it, and our own `#[schema(…)]`; refuses what bytes in order
//! cannot carry.

use super::case::Case;
use crate::fault::Faults;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, MetaList, Path, Token, Type, WherePredicate,
};

/// Where an attribute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Container,
    Variant,
    Field,
}

/// What the attributes of one place say.
#[derive(Default)]
pub(super) struct Attrs {
    /// The name that serde was given.
    pub(super) rename: Option<LitStr>,
    pub(super) rename_all: Case,
    pub(super) rename_all_fields: Case,
    /// `transparent`, where it stands.
    pub(super) transparent: Option<Path>,
    /// `default`, which makes a reader ignore what it could have read.
    pub(super) default: bool,
    /// `from` or `try_from`: what is read instead.
    pub(super) from: Option<LitStr>,
    /// `into`: what is written instead.
    pub(super) into: Option<LitStr>,
    /// Left out when it is written, where it says so.
    skip_writing: Option<Path>,
    /// Left out when it is read, where it says so.
    skip_reading: Option<Path>,
    /// The first attribute by which other code writes or reads the value.
    pub(super) by_other_code: Option<Meta>,
    /// `#[schema(as = "…")]`.
    pub(super) as_type: Option<Type>,
    /// `#[schema(crate = "…")]`.
    pub(super) krate: Option<Path>,
    /// `#[schema(bound = "…")]`.
    pub(super) bound: Option<Vec<WherePredicate>>,
}

impl Attrs {
    pub(super) fn read(attrs: &[Attribute], place: Place, faults: &mut Faults) -> Self {
        let mut read = Self::default();
        for attr in attrs {
            match &attr.meta {
                Meta::List(list) if list.path.is_ident("serde") => read.serde(list, place, faults),
                Meta::List(list) if list.path.is_ident("schema") => {
                    read.schema(list, place, faults);
                }
                meta if meta.path().is_ident("schema") => faults.push(
                    meta,
                    "`#[schema(…)]` names no option",
                    "write `#[schema(as = \"Type\")]`, or leave the attribute out",
                ),
                _ => {}
            }
        }
        read
    }

    /// Whether it is neither written nor read, where it says so.
    pub(super) fn skip(&self) -> Option<&Path> {
        self.skip_reading.as_ref().and(self.skip_writing.as_ref())
    }

    /// Refuses a part that only one end leaves out.
    pub(super) fn skipped_alike(&self, faults: &mut Faults) {
        let ((Some(one), None) | (None, Some(one))) = (&self.skip_writing, &self.skip_reading)
        else {
            return;
        };
        faults.push(
            one,
            "one end would leave this out and the other not: every later byte would be misread",
            "write `skip`, which holds for both",
        );
    }

    fn serde(&mut self, list: &MetaList, place: Place, faults: &mut Faults) {
        let metas = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
        match metas {
            Ok(metas) => metas.iter().for_each(|meta| self.serde_one(meta, place, faults)),
            Err(error) => faults.syntax(error),
        }
    }

    fn serde_one(&mut self, meta: &Meta, place: Place, faults: &mut Faults) {
        let Some(name) = meta.path().get_ident().map(|name| name.unraw().to_string()) else {
            return;
        };
        if let Some((what, help)) = refused(&name) {
            return faults.push(meta.path(), what, help);
        }
        match (name.as_str(), place) {
            ("rename", Place::Field | Place::Variant) => {
                self.rename = one_name(meta, faults);
            }
            ("rename_all", _) => self.rename_all = case(meta, faults),
            ("rename_all_fields", Place::Container) => self.rename_all_fields = case(meta, faults),
            ("transparent", Place::Container) => self.transparent = Some(meta.path().clone()),
            ("default", _) => self.default = true,
            ("from" | "try_from", Place::Container) => self.from = string(meta),
            ("into", Place::Container) => self.into = string(meta),
            ("skip", Place::Field | Place::Variant) => {
                self.skip_writing = Some(meta.path().clone());
                self.skip_reading = Some(meta.path().clone());
            }
            ("skip_serializing", Place::Field | Place::Variant) => {
                self.skip_writing = Some(meta.path().clone());
            }
            ("skip_deserializing", Place::Field | Place::Variant) => {
                self.skip_reading = Some(meta.path().clone());
            }
            ("with" | "serialize_with" | "deserialize_with", _) => {
                self.by_other_code.get_or_insert_with(|| meta.clone());
            }
            // Names of types, what only a reader does, and paths of serde's own code change no byte.
            // What serde does not know, serde refuses.
            _ => {}
        }
    }

    fn schema(&mut self, list: &MetaList, place: Place, faults: &mut Faults) {
        let options = list.parse_args_with(Punctuated::<Setting, Token![,]>::parse_terminated);
        let options = match options {
            Ok(options) => options,
            Err(error) => return faults.syntax(error),
        };
        for Setting { name, value } in options {
            match (name.unraw().to_string().as_str(), place) {
                ("as", _) => self.as_type = parsed(&value, faults),
                ("crate", Place::Container) => self.krate = parsed(&value, faults),
                ("bound", Place::Container) => {
                    let bound: Option<Predicates> = parsed(&value, faults);
                    self.bound = bound.map(|bound| bound.0.into_iter().collect());
                }
                (other, _) => faults.push(
                    &name,
                    format!("`#[schema(…)]` has no option `{other}` here"),
                    match place {
                        Place::Container => {
                            "the options of a type are `as = \"Type\"`, `bound = \"T: Bound\"` and `crate = \"path\"`"
                        }
                        _ => "the option of a field or variant is `as = \"Type\"`",
                    },
                ),
            }
        }
    }
}

/// serde's attributes that cannot work where bytes do not describe themselves: why, and what to do.
fn refused(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "flatten" => (
            "`flatten` makes a map of unknown length of the struct, which has no bytes",
            "keep the inner struct as a field of its own",
        ),
        "untagged" => (
            "an untagged enum is read by trying: bytes in order cannot tell which variant they are",
            "leave `untagged` out; an enum travels as the number of its variant",
        ),
        "tag" | "content" => (
            "a tag by name is looked for among fields that have names: bytes in order have none",
            "leave `tag` and `content` out; an enum travels as the number of its variant",
        ),
        "skip_serializing_if" => (
            "a field that is sometimes left out shifts every later byte: the reader cannot tell",
            "leave the attribute out; an `Option` that is `None` takes one byte",
        ),
        "variant_identifier" | "field_identifier" => (
            "an identifier is a name to read by, and takes no fixed bytes",
            "write a plain enum, or implement `Schema` by hand",
        ),
        _ => return None,
    })
}

/// `name = "value"`, where the name may be a keyword.
struct Setting {
    name: Ident,
    value: LitStr,
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        Ok(Self { name, value: input.parse()? })
    }
}

struct Predicates(Punctuated<WherePredicate, Token![,]>);

impl Parse for Predicates {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Punctuated::parse_terminated(input).map(Self)
    }
}

/// What stands in a string of an attribute.
pub(super) fn parsed<T: Parse>(text: &LitStr, faults: &mut Faults) -> Option<T> {
    match text.parse() {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            faults.syntax(error);
            None
        }
    }
}

fn string(meta: &Meta) -> Option<LitStr> {
    let Meta::NameValue(meta) = meta else { return None };
    literal(&meta.value)
}

fn literal(value: &Expr) -> Option<LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
        // What `macro_rules!` puts around a literal.
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

/// The string of `rename = "…"`, or of `rename(serialize = "…", deserialize = "…")` if it is one.
fn one_name(meta: &Meta, faults: &mut Faults) -> Option<LitStr> {
    let Meta::List(list) = meta else { return string(meta) };
    let both = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
    let names: Vec<LitStr> = both.iter().filter_map(string).collect();
    match &names[..] {
        [one, other] if one.value() == other.value() => Some(one.clone()),
        _ => {
            faults.push(
                meta,
                "the schema has one name for the end that writes and the end that reads",
                "write `rename = \"…\"` or `rename_all = \"…\"`, and `alias` for another name to read",
            );
            None
        }
    }
}

fn case(meta: &Meta, faults: &mut Faults) -> Case {
    // A name that serde does not know, serde refuses.
    one_name(meta, faults).and_then(|name| Case::of_name(&name.value())).unwrap_or_default()
}

/// The tokens of an attribute's name, for a fault.
pub(super) fn path_of(meta: &Meta) -> TokenStream {
    meta.path().to_token_stream()
}
