//! `#[derive(Schema)]` and `#[hton::data]`: a type's form on the wire, from what serde is told of it.
//!
//! Passes as for a service: `attr` and `parse` read the type into `model`, `expand` prints it. Every
//! fault is reported at once, at its token.

mod attr;
mod case;
mod data;
mod expand;
mod model;
mod parse;

pub(crate) use data::data;

use crate::fault::Faults;
use model::Body;
use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

/// Prints the implementation of `Schema`.
pub(crate) fn schema(input: TokenStream) -> TokenStream {
    let mut faults = Faults::default();
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut shape = parse::shape(&input, &mut faults);
    if faults.count() > 0 {
        // The type has a schema all the same, so that the code that uses it causes no errors of its own.
        shape.body = Body::Unit;
    }
    let printed = expand::shape(&shape);
    let errors = faults.into_compile_errors();
    quote!(#printed #errors)
}
