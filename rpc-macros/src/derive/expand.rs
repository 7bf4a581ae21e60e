//! From a shape to an implementation of `Schema`.

use super::model::{Body, Field, Payload, Shape, Variant};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use std::collections::HashSet;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    GenericParam, Generics, Lifetime, Path, Type, TypePath, WhereClause, WherePredicate,
    parse_quote,
};

/// Prints the implementation.
pub(super) fn shape(shape: &Shape) -> TokenStream {
    let Shape { krate, ident, .. } = shape;
    let room: Path = parse_quote!(#krate::__private::schema);
    let mut generics = shape.generics.clone();
    bound(&mut generics, shape, &room);
    let (implemented, arguments, clause) = generics.split_for_impl();
    let registry = Ident::new("registry", Span::mixed_site());
    let body = body(shape, &room, &registry);
    quote! {
        #[automatically_derived]
        #[allow(deprecated, reason = "the deprecation of a type is for those who use it")]
        impl #implemented #room::Schema for #ident #arguments #clause {
            fn schema(#registry: &mut #room::Registry) -> #room::Type {
                #body
            }
        }
    }
}

/// Every type parameter lives long enough to tell types apart, and those in fields have schemas.
fn bound(generics: &mut Generics, shape: &Shape, room: &Path) {
    let parameters: HashSet<Ident> =
        generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    let mut predicates: Vec<WherePredicate> = generics
        .type_params()
        .map(|parameter| {
            let ident = &parameter.ident;
            parse_quote!(#ident: 'static)
        })
        .collect();
    match &shape.bound {
        Some(bound) => predicates.extend(bound.iter().cloned()),
        None => {
            let mut uses = Uses { parameters: &parameters, found: Vec::new() };
            for ty in shape.body.types() {
                uses.visit_type(ty);
            }
            let mut seen = HashSet::new();
            for ty in uses.found {
                if seen.insert(quote!(#ty).to_string()) {
                    predicates.push(parse_quote!(#ty: #room::Schema));
                }
            }
        }
    }
    for parameter in &mut generics.params {
        match parameter {
            GenericParam::Type(parameter) => parameter.default = None,
            GenericParam::Const(parameter) => parameter.default = None,
            GenericParam::Lifetime(_) => {}
        }
    }
    if !predicates.is_empty() {
        let clause: &mut WhereClause = generics.make_where_clause();
        clause.predicates.extend(predicates);
    }
}

/// Finds type parameters, and the associated types of type parameters, as serde does for its bounds.
struct Uses<'s> {
    parameters: &'s HashSet<Ident>,
    found: Vec<Type>,
}

impl<'t> Visit<'t> for Uses<'_> {
    fn visit_type_path(&mut self, ty: &'t TypePath) {
        let first = ty.path.segments.first();
        let last = ty.path.segments.last();
        if last.is_some_and(|last| last.ident == "PhantomData") {
            return;
        }
        if first.is_some_and(|first| self.parameters.contains(&first.ident)) || ty.qself.is_some() {
            return self.found.push(Type::Path(ty.clone()));
        }
        visit::visit_type_path(self, ty);
    }
}

fn body(shape: &Shape, room: &Path, registry: &Ident) -> TokenStream {
    let definition = match &shape.body {
        Body::Other(ty) => return schema(ty, room, registry),
        Body::Unit => {
            return quote! {
                let _ = #registry;
                #room::Type::Unit
            };
        }
        Body::Newtype(ty) => {
            let ty = schema(ty, room, registry);
            quote!(#room::Definition::Newtype(#ty))
        }
        Body::Tuple(places) => {
            let places = self::places(places, room, registry);
            quote!(#room::Definition::Tuple(#places))
        }
        Body::Struct(fields) => {
            let fields = self::fields(fields, room, registry);
            quote!(#room::Definition::Struct(#fields))
        }
        Body::Enum(variants) => {
            let variants =
                list(variants.iter().map(|variant| self::variant(variant, room, registry)));
            quote!(#room::Definition::Enum(#variants))
        }
    };
    let itself = itself(shape);
    // Types without parts do not use their closure's argument.
    quote! {
        #registry.declare::<#itself>(|#registry| {
            let _ = &#registry;
            #definition
        })
    }
}

/// The type with `'static` for each of its lifetimes, which say nothing about its form.
fn itself(shape: &Shape) -> TokenStream {
    let ident = &shape.ident;
    let arguments = shape.generics.params.iter().map(|parameter| match parameter {
        GenericParam::Lifetime(_) => {
            let forever = Lifetime::new("'static", Span::call_site());
            quote!(#forever)
        }
        GenericParam::Type(parameter) => {
            let ident = &parameter.ident;
            quote!(#ident)
        }
        GenericParam::Const(parameter) => {
            let ident = &parameter.ident;
            quote!(#ident)
        }
    });
    quote!(#ident<#(#arguments),*>)
}

/// The schema of a part, asked for where its type stands.
fn schema(ty: &Type, room: &Path, registry: &Ident) -> TokenStream {
    let span = ty.span();
    let registry = Ident::new(&registry.to_string(), span.resolved_at(registry.span()));
    quote_spanned!(span=> <#ty as #room::Schema>::schema(#registry))
}

fn list(parts: impl Iterator<Item = TokenStream>) -> TokenStream {
    quote!(::std::vec![#(#parts),*])
}

fn places(places: &[Type], room: &Path, registry: &Ident) -> TokenStream {
    list(places.iter().map(|ty| schema(ty, room, registry)))
}

fn fields(fields: &[Field], room: &Path, registry: &Ident) -> TokenStream {
    list(fields.iter().map(|Field { name, ty }| {
        let ty = schema(ty, room, registry);
        quote!(#room::Field::new(#name, #ty))
    }))
}

fn variant(variant: &Variant, room: &Path, registry: &Ident) -> TokenStream {
    let payload = match &variant.payload {
        Payload::Unit => quote!(#room::Payload::Unit),
        Payload::Newtype(ty) => {
            let ty = schema(ty, room, registry);
            quote!(#room::Payload::Newtype(#ty))
        }
        Payload::Tuple(places) => {
            let places = self::places(places, room, registry);
            quote!(#room::Payload::Tuple(#places))
        }
        Payload::Struct(fields) => {
            let fields = self::fields(fields, room, registry);
            quote!(#room::Payload::Struct(#fields))
        }
    };
    let name = &variant.name;
    quote!(#room::Variant::new(#name, #payload))
}
