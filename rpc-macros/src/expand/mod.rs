//! From the model of a service to Rust: the trait itself, its server, its client.
//!
//! Names of ours are absolute paths, or begin with the trait's own name. The local variables of
//! generated functions are hygienic: no argument's name can mean one of them.

mod client;
mod server;
mod service_trait;
mod signature;
mod streams;

use crate::model::Service;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::Type;
use syn::spanned::Spanned;

/// Prints a service.
pub(crate) fn service(service: &Service) -> TokenStream {
    let service_trait = service_trait::expand(service);
    let server = server::expand(service);
    let client = client::expand(service);
    let signatures = signature::expand(service);
    quote! {
        #service_trait
        #server
        #client
        #signatures
    }
}

/// Prints a trait that could not be read as a service.
pub(crate) use service_trait::refused;

/// The path of the items that only generated code uses.
fn private(service: &Service) -> TokenStream {
    let krate = &service.krate;
    quote!(#krate::__private)
}

/// A variable of ours, as if it stood where the type stands: there a missing trait is reported.
fn at(name: &str, ty: &Type) -> Ident {
    Ident::new(name, ty.span().resolved_at(Span::mixed_site()))
}
