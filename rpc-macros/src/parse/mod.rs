//! From the syntax of a trait to the model of a service.
//!
//! What the model could not hold is refused here and in [`shape`](crate::shape); rules about names,
//! ids and types are [`check`](crate::check)'s.

mod output;

use crate::attr::{self, MethodOptions, ServiceOptions};
use crate::fault::Faults;
use crate::model::{Argument, Carrier, Context, Method, Service, Travels, Typed, method_id};
use crate::shape;
use crate::types;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt;
use syn::{FnArg, ItemTrait, Pat, PatType, TraitItem, TraitItemFn, Type, parse_quote};

/// Reads a trait. Without a service, the trait as such could not be one.
pub(crate) fn service(
    options: ServiceOptions,
    item: &ItemTrait,
    faults: &mut Faults,
) -> Option<Service> {
    if !shape::header_fits(item, faults) {
        return None;
    }
    let name = match &options.name {
        Some(name) => name.value(),
        None => item.ident.unraw().to_string(),
    };
    if item.items.is_empty() {
        faults.push(
            &item.ident,
            "a service without methods serves nothing",
            "write at least one `async fn name(&self, …) -> …;`",
        );
    }
    let mut methods = Vec::new();
    let mut refused = Vec::new();
    for item in &item.items {
        match self::item(&name, item, faults) {
            Some(method) => methods.push(method),
            None => refused.extend(for_repair(item)),
        }
    }
    Some(Service {
        krate: options.krate.unwrap_or_else(|| parse_quote!(::hton)),
        attrs: item.attrs.clone(),
        vis: item.vis.clone(),
        ident: item.ident.clone(),
        supertraits: item.supertraits.clone(),
        name,
        name_given: options.name,
        ordered: options.ordered,
        schemas: options.schemas.unwrap_or_default(),
        parameter: unused_name("T", item.to_token_stream()),
        methods,
        refused,
    })
}

/// A refused item as it may stand in the emitted trait, where it keeps implementations free of
/// errors of their own. What rustc would refuse a second time is left out.
pub(crate) fn for_repair(item: &TraitItem) -> Option<TraitItem> {
    let mut item = item.clone();
    match &mut item {
        TraitItem::Fn(method) => {
            if method.sig.variadic.is_some() {
                return None;
            }
            method.attrs.retain(|attr| !attr::is_ours(attr));
            method.sig.constness = None;
            for input in &mut method.sig.inputs {
                match input {
                    FnArg::Typed(input) if plain_name(input).is_none() => {
                        *input.pat = parse_quote!(_);
                    }
                    _ => {}
                }
            }
        }
        TraitItem::Verbatim(_) | TraitItem::Macro(_) => return None,
        _ => {}
    }
    Some(item)
}

fn item(service: &str, item: &TraitItem, faults: &mut Faults) -> Option<Method> {
    match item {
        TraitItem::Fn(method) => return Some(self::method(service, method, faults)),
        TraitItem::Type(item) => {
            faults.push(
                item,
                "a service has no associated types: the peer could not know them",
                "name the type itself in the methods that use it",
            );
        }
        TraitItem::Const(item) => {
            faults.push(
                item,
                "a service has no associated constants: they do not travel",
                "write a method that returns the value, or a constant beside the trait",
            );
        }
        TraitItem::Macro(item) => {
            faults.push(
                item,
                "a macro in a service cannot be seen through: its methods would have no ids",
                "write the methods out, or let a macro produce the whole trait",
            );
        }
        item => {
            faults.push(
                item,
                "a service has methods only",
                "write `async fn name(&self, …) -> …;` without visibility",
            );
        }
    }
    None
}

fn method(service: &str, item: &TraitItemFn, faults: &mut Faults) -> Method {
    let before = faults.count();
    let sig = &item.sig;
    let options = MethodOptions::parse(&item.attrs, faults);
    shape::qualifiers_fit(item, faults);
    shape::receiver_fits(sig, faults);
    let output = output::read(sig, faults);
    let mut context = None;
    let mut arguments = Vec::new();
    let typed = sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(input) => Some(input),
        FnArg::Receiver(_) => None,
    });
    for (position, input) in typed.enumerate() {
        let Some(ident) = argument_name(input, faults) else {
            continue;
        };
        let ty = Type::clone(&input.ty);
        if position == 0 && types::is_context(&ty) {
            context = Some(Context { ident, ty });
        } else {
            arguments.push(Argument {
                name: ident.unraw().to_string(),
                ident,
                travels: travels(&ty),
                ty,
            });
        }
    }
    let name = sig.ident.unraw().to_string();
    let mut attrs = item.attrs.clone();
    attrs.retain(|attr| !attr::is_ours(attr));
    Method {
        attrs,
        ident: sig.ident.clone(),
        id: method_id(service, &name),
        name,
        spawn: options.spawn,
        oneway: options.oneway,
        context,
        arguments,
        output,
        fits: faults.count() == before,
        repaired: for_repair(&TraitItem::Fn(item.clone())),
    }
}

fn argument_name(input: &PatType, faults: &mut Faults) -> Option<Ident> {
    if let Some(attr) = input.attrs.first() {
        faults.push(
            attr,
            "arguments have no attributes: each one is part of the message",
            "leave it out, or move it to the method",
        );
    }
    let name = plain_name(input);
    if name.is_none() {
        faults.push(
            &input.pat,
            "an argument of a service is a name, not a pattern: errors name it",
            "write `name: Type`, and take the value apart in the handler",
        );
    }
    name
}

fn plain_name(input: &PatType) -> Option<Ident> {
    match &*input.pat {
        Pat::Ident(pat)
            if pat.by_ref.is_none() && pat.mutability.is_none() && pat.subpat.is_none() =>
        {
            Some(pat.ident.clone())
        }
        _ => None,
    }
}

/// How an argument travels, by the spelling of its type.
fn travels(ty: &Type) -> Travels {
    if let Some(item) = types::sole_argument(ty, "Rx") {
        return Travels::Items(typed(item));
    }
    match types::referred(ty) {
        Some((_, to)) if types::is_byte_slice(to) => Travels::Value(Carrier::Slice),
        _ => Travels::Value(carrier(ty)),
    }
}

/// A type that is owned where it arrives, and its road.
fn typed(ty: &Type) -> Typed {
    Typed { ty: Box::new(ty.clone()), carrier: carrier(ty) }
}

fn carrier(ty: &Type) -> Carrier {
    if types::is_byte_vec(ty) {
        Carrier::Vec
    } else if types::is_plain(ty, "Bytes") {
        Carrier::Shared
    } else {
        Carrier::Value
    }
}

/// `wanted`, or `wanted1`, `wanted2`, …: the first that does not occur in these tokens.
fn unused_name(wanted: &str, tokens: TokenStream) -> Ident {
    let mut used = Vec::new();
    collect_idents(tokens, &mut used);
    let mut name = Ident::new(wanted, Span::call_site());
    let mut number = 0_u32;
    while used.contains(&name.to_string()) {
        number += 1;
        name = format_ident!("{wanted}{number}");
    }
    name
}

fn collect_idents(tokens: TokenStream, into: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => into.push(ident.to_string()),
            TokenTree::Group(group) => collect_idents(group.stream(), into),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Answer, Failing};

    fn method(item: TraitItemFn) -> (Method, Vec<String>) {
        let mut faults = Faults::default();
        let method = super::method("Calc", &item, &mut faults);
        (method, faults.messages())
    }

    #[test]
    fn a_method_is_read_into_the_model() {
        let (method, faults) = method(parse_quote! {
            /// Docs.
            #[hton(spawn)]
            async fn r#match(&self, cx: &hton::Context, r#in: &[u8], text: &str, blob: Vec<u8>)
                -> Result<Bytes, Trouble>;
        });
        assert!(faults.is_empty() && method.fits, "{faults:#?}");
        assert_eq!((method.name.as_str(), method.attrs.len(), method.spawn), ("match", 1, true));
        assert!(method.context.as_ref().is_some_and(|context| context.ident == "cx"));
        let arguments: Vec<_> =
            method.values().map(|(argument, carrier)| (argument.name.as_str(), carrier)).collect();
        let expected = [("in", Carrier::Slice), ("text", Carrier::Value), ("blob", Carrier::Vec)];
        assert_eq!(arguments, expected);
        let Answer::Value(value) = method.output.answer else { panic!("it answers a value") };
        assert_eq!(value.carrier, Carrier::Shared);
        assert!(matches!(method.output.error, Some(Failing::Declared(_))));
        // `printf %s Calc/match | sha256sum`
        assert_eq!(method.id, 0xf4da_fd2a);
    }

    #[test]
    fn items_of_the_caller_stand_anywhere_and_are_no_value_of_the_request() {
        let (method, faults) = method(parse_quote! {
            #[hton(oneway)]
            async fn f(&self, cx: &Context, a: u8, chunks: hton::Rx<Vec<u8>>, b: u8);
        });
        assert!(faults.is_empty() && method.fits && method.oneway);
        let names = |(argument, _): (&Argument, _)| argument.name.clone();
        assert_eq!(method.values().map(names).collect::<Vec<_>>(), ["a", "b"]);
        let [(argument, item)] = method.streams().collect::<Vec<_>>()[..] else {
            panic!("there is one stream")
        };
        assert_eq!((argument.name.as_str(), item.carrier), ("chunks", Carrier::Vec));
    }

    #[test]
    fn a_refused_method_stays_in_the_trait_without_what_rustc_would_refuse_again() {
        let (method, faults) = method(parse_quote! {
            #[hton(twoway)]
            const async fn f(&self, (a, b): (u8, u8));
        });
        assert_eq!((faults.len(), method.fits), (3, false), "{faults:#?}");
        let repaired = method.repaired.expect("it is not variadic").to_token_stream().to_string();
        assert_eq!(repaired, "async fn f (& self , _ : (u8 , u8)) ;");
    }

    #[test]
    fn a_type_parameter_has_a_name_that_the_trait_does_not_use() {
        let name = |tokens| unused_name("T", tokens).to_string();
        assert_eq!(
            name(quote::quote!(
                trait A {
                    async fn f(&self, a: U);
                }
            )),
            "T"
        );
        assert_eq!(
            name(quote::quote!(
                trait A {
                    async fn f(&self, a: T, b: Vec<T1>);
                }
            )),
            "T2"
        );
    }
}
