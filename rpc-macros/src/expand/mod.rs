//! From the model of a service to Rust: the trait itself, its server, its client.
//!
//! Names of ours are absolute paths, or begin with the trait's own name. The local variables of
//! generated functions are hygienic: no argument's name can mean one of them.

mod client;
mod server;
mod service_trait;

use crate::model::Service;
use proc_macro2::TokenStream;
use quote::quote;

/// Prints a service.
pub(crate) fn service(service: &Service) -> TokenStream {
    let service_trait = service_trait::expand(service);
    let server = server::expand(service);
    let client = client::expand(service);
    quote! {
        #service_trait
        #server
        #client
    }
}

/// Prints a trait that could not be read as a service.
pub(crate) use service_trait::refused;

/// The path of the items that only generated code uses.
fn private(service: &Service) -> TokenStream {
    let krate = &service.krate;
    quote!(#krate::__private)
}
