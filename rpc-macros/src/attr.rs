//! Reads attributes: the options of a service, those of a method, and which of the user's own
//! attributes a generated piece inherits.

use crate::fault::Faults;
use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, Path, Token};

/// What stands in `#[hton::service(…)]`.
#[derive(Default)]
pub(crate) struct ServiceOptions {
    /// The service's name on the wire, when it is not the trait's.
    pub(crate) name: Option<LitStr>,
    /// Where hton is found, when it is not `::hton`.
    pub(crate) krate: Option<Path>,
    /// Calls are started in the order in which they arrive.
    pub(crate) ordered: bool,
    /// Which types have to say what they are on the wire.
    pub(crate) schemas: Option<Schemas>,
}

/// What is asked of the types of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Schemas {
    /// A method whose types all have a `Schema` is checked, another is not.
    #[default]
    Probed,
    /// Every type has a `Schema`.
    Required,
    /// No method is checked.
    Off,
}

/// What stands in `#[hton(…)]` on a method.
#[derive(Default)]
pub(crate) struct MethodOptions {
    /// The handler always runs in a task of its own.
    pub(crate) spawn: bool,
    /// Nothing answers.
    pub(crate) oneway: bool,
}

impl ServiceOptions {
    /// Reads `name = "…"`, `crate = "…"`, `ordered` and `schema = …`.
    pub(crate) fn parse(options: TokenStream, faults: &mut Faults) -> Self {
        let mut read = Self::default();
        let options = match Punctuated::<Meta, Token![,]>::parse_terminated.parse2(options) {
            Ok(options) => options,
            Err(error) => {
                faults.syntax(error);
                return read;
            }
        };
        for option in &options {
            match option_name(option).as_str() {
                "name" if read.name.is_some() => given_twice(option, "name", faults),
                "name" => read.name = string(option, "name = \"Calc\"", faults),
                "crate" if read.krate.is_some() => given_twice(option, "crate", faults),
                "crate" => {
                    let path = string(option, "crate = \"path::to::hton\"", faults);
                    match path.map(|path| path.parse()) {
                        Some(Ok(path)) => read.krate = Some(path),
                        Some(Err(error)) => faults.syntax(error),
                        None => {}
                    }
                }
                "ordered" => {
                    flag(option, "#[hton::service(ordered)]", &mut read.ordered, faults);
                }
                "schema" if read.schemas.is_some() => given_twice(option, "schema", faults),
                "schema" => read.schemas = schemas(option, faults),
                name => faults.push(
                    option.path(),
                    format!("a service has no option `{name}`"),
                    "the options of a service are `name = \"…\"`, `crate = \"…\"`, `ordered` and `schema = …`",
                ),
            }
        }
        read
    }
}

impl MethodOptions {
    /// Reads every `#[hton(…)]` among a method's attributes.
    pub(crate) fn parse(attrs: &[Attribute], faults: &mut Faults) -> Self {
        let mut read = Self::default();
        for attr in attrs.iter().filter(|attr| is_ours(attr)) {
            let options = match &attr.meta {
                Meta::List(list) => {
                    list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                }
                Meta::Path(_) | Meta::NameValue(_) => Ok(Punctuated::new()),
            };
            match options {
                Ok(options) if options.is_empty() => faults.push(
                    attr,
                    "`#[hton(…)]` names no option",
                    "write `#[hton(oneway)]` or `#[hton(spawn)]`, or leave the attribute out",
                ),
                Ok(options) => options.iter().for_each(|option| read.read(option, faults)),
                Err(error) => faults.syntax(error),
            }
        }
        read
    }

    fn read(&mut self, option: &Meta, faults: &mut Faults) {
        match option_name(option).as_str() {
            "spawn" => flag(option, "#[hton(spawn)]", &mut self.spawn, faults),
            "oneway" => flag(option, "#[hton(oneway)]", &mut self.oneway, faults),
            name => faults.push(
                option.path(),
                format!("a method has no option `{name}`"),
                "the options of a method are `oneway` and `spawn`",
            ),
        }
    }
}

/// Whether this is `#[hton]`, with or without options.
pub(crate) fn is_ours(attr: &Attribute) -> bool {
    attr.path().is_ident("hton")
}

/// The attributes that decide whether an item is compiled at all. Each generated piece carries them.
pub(crate) fn conditions(attrs: &[Attribute]) -> Vec<Attribute> {
    inherited(attrs, &["cfg"])
}

/// The attributes of a trait's method that its stub carries, too.
pub(crate) fn for_stub(attrs: &[Attribute]) -> Vec<Attribute> {
    inherited(attrs, &["cfg", "doc", "deprecated"])
}

/// The attributes of a trait that its generated types carry: conditions, and whether docs show them.
pub(crate) fn for_type(attrs: &[Attribute]) -> Vec<Attribute> {
    let mut kept = inherited(attrs, &["cfg", "doc", "deprecated"]);
    kept.retain(|attr| !is_doc_text(&attr.meta));
    kept
}

/// Whether an attribute says something to a reader.
pub(crate) fn is_doc_text(meta: &Meta) -> bool {
    matches!(meta, Meta::NameValue(meta) if meta.path.is_ident("doc"))
}

/// The attributes with one of these names, also those within a `cfg_attr`.
fn inherited(attrs: &[Attribute], names: &[&str]) -> Vec<Attribute> {
    let kept = attrs.iter().filter_map(|attr| {
        let meta = inherited_meta(&attr.meta, names)?;
        Some(Attribute { meta, ..attr.clone() })
    });
    kept.collect()
}

fn inherited_meta(meta: &Meta, names: &[&str]) -> Option<Meta> {
    if names.iter().any(|name| meta.path().is_ident(name)) {
        return Some(meta.clone());
    }
    let Meta::List(list) = meta else { return None };
    if !list.path.is_ident("cfg_attr") {
        return None;
    }
    let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
    let mut parts = parts.into_iter();
    let predicate = parts.next()?;
    let kept: Vec<Meta> = parts.filter_map(|part| inherited_meta(&part, names)).collect();
    if kept.is_empty() {
        return None;
    }
    let mut list = list.clone();
    list.tokens = quote::quote!(#predicate #(, #kept)*);
    Some(Meta::List(list))
}

fn option_name(option: &Meta) -> String {
    match option.path().get_ident() {
        Some(ident) => ident.unraw().to_string(),
        None => {
            let path = option.path();
            quote::quote!(#path).to_string().replace(' ', "")
        }
    }
}

/// Reads an option that is there or not.
fn flag(option: &Meta, example: &str, set: &mut bool, faults: &mut Faults) {
    let name = option_name(option);
    if !matches!(option, Meta::Path(_)) {
        let help = format!("write `{example}`, or leave it out");
        faults.push(option, format!("`{name}` takes no value"), help);
    } else if *set {
        given_twice(option, &name, faults);
    }
    *set = true;
}

fn schemas(option: &Meta, faults: &mut Faults) -> Option<Schemas> {
    let value = match option {
        Meta::NameValue(option) => match &option.value {
            Expr::Path(value) => value.path.get_ident(),
            _ => None,
        },
        _ => None,
    };
    if value.is_some_and(|value| value == "required") {
        return Some(Schemas::Required);
    }
    if value.is_some_and(|value| value == "off") {
        return Some(Schemas::Off);
    }
    faults.push(
        option,
        "`schema` says whether the types of a service are compared",
        "write `schema = required` or `schema = off`; without it, those that have a `Schema` are",
    );
    None
}

fn given_twice(option: &Meta, name: &str, faults: &mut Faults) {
    faults.push(option, format!("`{name}` is given twice"), "leave one of them out");
}

fn string(option: &Meta, example: &str, faults: &mut Faults) -> Option<LitStr> {
    if let Meta::NameValue(option) = option {
        if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &option.value {
            return Some(text.clone());
        }
    }
    faults.push(
        option,
        format!("`{}` takes a string", option_name(option)),
        format!("write `{example}`"),
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn service(options: TokenStream) -> (ServiceOptions, Vec<String>) {
        let mut faults = Faults::default();
        let options = ServiceOptions::parse(options, &mut faults);
        (options, faults.messages())
    }

    #[test]
    fn a_service_takes_a_name_and_a_crate() {
        let (options, faults) = service(quote!(name = "a.B", crate = "crate::net::hton"));
        assert!(faults.is_empty());
        assert_eq!(options.name.unwrap().value(), "a.B");
        let path = options.krate.unwrap();
        assert_eq!(quote!(#path).to_string(), "crate :: net :: hton");
    }

    #[test]
    fn a_service_is_ordered_only_if_it_says_so() {
        assert!(!service(quote!(name = "B")).0.ordered);
        let (options, faults) = service(quote!(ordered, name = "B"));
        assert!(options.ordered && faults.is_empty());
    }

    #[test]
    fn every_wrong_option_is_reported() {
        let (_, faults) = service(quote!(name = 3, crate = "no path", id = 7, name));
        assert_eq!(faults.len(), 4, "{faults:#?}");
        let (_, faults) = service(quote!(ordered = true, ordered, order));
        assert_eq!(faults.len(), 3, "{faults:#?}");
    }

    #[test]
    fn a_generated_piece_inherits_the_cfg_within_a_cfg_attr_and_nothing_else() {
        let method: syn::TraitItemFn = syn::parse_quote! {
            #[cfg(unix)]
            #[inline]
            #[cfg_attr(feature = "x", cfg(windows), must_use)]
            #[cfg_attr(feature = "x", must_use)]
            fn f();
        };
        let kept = conditions(&method.attrs);
        let expected: syn::TraitItemFn = syn::parse_quote! {
            #[cfg(unix)]
            #[cfg_attr(feature = "x", cfg(windows))]
            fn f();
        };
        assert_eq!(
            quote!(#(#kept)*).to_string(),
            {
                let attrs = expected.attrs;
                quote!(#(#attrs)*)
            }
            .to_string()
        );
    }
}
