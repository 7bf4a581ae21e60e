//! Prints the trait: what the user wrote, with futures and streams that can be sent between threads.

use super::streams;
use crate::attr;
use crate::model::{Method, Service};
use crate::parse;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ItemTrait;

pub(super) fn expand(service: &Service) -> TokenStream {
    let Service { attrs, vis, ident, supertraits, refused, .. } = service;
    let inherited = (!supertraits.is_empty()).then(|| quote!(+ #supertraits));
    let methods = service.methods.iter().map(method);
    let quiet = (!refused.is_empty()).then(
        || quote!(#[allow(async_fn_in_trait, reason = "a refused method stays as it was written")]),
    );
    quote! {
        #(#attrs)*
        #quiet
        #vis trait #ident: ::core::marker::Send + ::core::marker::Sync + 'static #inherited {
            #(#methods)*
            #(#refused)*
        }
    }
}

/// The trait without our attributes, for one that could not be read as a service.
pub(crate) fn refused(item: &ItemTrait) -> TokenStream {
    let mut item = item.clone();
    item.attrs.retain(|attr| !attr::is_ours(attr));
    item.items = item.items.iter().filter_map(parse::for_repair).collect();
    quote! {
        #[allow(async_fn_in_trait, reason = "a refused method stays as it was written")]
        #item
    }
}

fn method(method: &Method) -> TokenStream {
    let Method { attrs, ident, context, arguments, output, .. } = method;
    let context = context.iter().map(|context| {
        let (ident, ty) = (&context.ident, &context.ty);
        quote!(#ident: #ty,)
    });
    let arguments = arguments.iter().map(|argument| {
        let (ident, ty) = (&argument.ident, &argument.ty);
        quote!(#ident: #ty,)
    });
    // At the method's name, so that a handler which does not fit is told about this method.
    let span = ident.span();
    let sent = streams::sent(output, span);
    let answer = if output.is_awaited() {
        quote_spanned! {span=>
            impl ::core::future::Future<Output = #sent> + ::core::marker::Send
        }
    } else {
        quote!(#sent)
    };
    quote! {
        #(#attrs)*
        fn #ident(&self, #(#context)* #(#arguments)*) -> #answer;
    }
}
