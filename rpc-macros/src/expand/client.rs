//! Prints the client: one stub for each method, which encodes the arguments and returns a call.

use super::{private, server};
use crate::attr;
use crate::model::{Argument, Carrier, Method, Output, Service};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Attribute;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

pub(super) fn expand(service: &Service) -> TokenStream {
    let Service { attrs, vis, ident, .. } = service;
    let name = format_ident!("{}Client", ident.unraw());
    let private = private(service);
    let inherited = attr::for_type(attrs);
    let conditions = attr::conditions(attrs);
    let docs = format!("Calls [`{ident}`] at the other end of a connection.");
    let constructors = constructors(service);
    let stubs = service.methods.iter().map(|method| stub(service, method));
    let conversions = conversions(service, &name);
    quote! {
        #[doc = #docs]
        #(#inherited)*
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[allow(dead_code, reason = "a program may use one side of a service, or some of its methods")]
        #vis struct #name {
            peer: #private::Peer,
        }

        #(#conditions)*
        #[allow(dead_code, reason = "a program may use one side of a service, or some of its methods")]
        #[allow(deprecated, reason = "the deprecation of a service is for those who use it")]
        impl #name {
            #constructors
            #(#stubs)*
        }

        #conversions
    }
}

/// `connect`, `new` and `peer`, except where a method of the service has that name.
fn constructors(service: &Service) -> TokenStream {
    let private = private(service);
    let vis = &service.vis;
    let free = |name: &str| service.methods.iter().all(|method| method.name != name);
    let connect = free("connect").then(|| {
        quote! {
            /// Connects to a server at this address.
            #vis async fn connect(
                address: impl ::core::convert::Into<#private::Address>,
            ) -> ::core::result::Result<Self, #private::Error> {
                let peer = #private::connect(address).await?;
                ::core::result::Result::Ok(Self { peer })
            }
        }
    });
    let new = free("new").then(|| {
        quote! {
            /// Calls the other end of a connection that is open already.
            #vis fn new(peer: impl ::core::convert::Into<#private::Peer>) -> Self {
                Self { peer: ::core::convert::Into::into(peer) }
            }
        }
    });
    let peer = free("peer").then(|| {
        quote! {
            /// The other end of the connection.
            #[must_use]
            #vis fn peer(&self) -> &#private::Peer {
                &self.peer
            }
        }
    });
    quote!(#connect #new #peer)
}

/// What `new` and `peer` do, under names that no method of a service can take away.
fn conversions(service: &Service, name: &Ident) -> TokenStream {
    let private = private(service);
    let conditions = attr::conditions(&service.attrs);
    quote! {
        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated, reason = "the deprecation of a service is for those who use it")]
        impl ::core::convert::From<#private::Peer> for #name {
            fn from(peer: #private::Peer) -> Self {
                Self { peer }
            }
        }

        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated, reason = "the deprecation of a service is for those who use it")]
        impl ::core::convert::From<&#private::Peer> for #name {
            fn from(peer: &#private::Peer) -> Self {
                Self { peer: ::core::clone::Clone::clone(peer) }
            }
        }

        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated, reason = "the deprecation of a service is for those who use it")]
        impl ::core::convert::AsRef<#private::Peer> for #name {
            fn as_ref(&self) -> &#private::Peer {
                &self.peer
            }
        }
    }
}

fn stub(service: &Service, method: &Method) -> TokenStream {
    let Method { ident, arguments, output, .. } = method;
    let private = private(service);
    let vis = &service.vis;
    let attrs = stub_attrs(service, method);
    let parameters = arguments.iter().map(|argument| {
        let (ident, ty) = (&argument.ident, &argument.ty);
        quote!(#ident: #ty,)
    });
    let encoder = Ident::new("encoder", Span::mixed_site());
    let encoded = arguments.iter().map(|argument| encoded(argument, &encoder));
    let description = server::description(service, method);
    let decode = decode(output);
    let value = &output.value;
    let error = declared(output);
    quote! {
        #(#attrs)*
        #vis fn #ident(&self, #(#parameters)*) -> #private::Call<#value, #error> {
            self.peer.call(
                &const { #description },
                move |#encoder| {
                    #(#encoded?;)*
                    ::core::result::Result::Ok(())
                },
                #decode,
            )
        }
    }
}

/// The user's docs and conditions; a line of our own where there are no docs.
fn stub_attrs(service: &Service, method: &Method) -> Vec<Attribute> {
    let mut attrs = attr::for_stub(&method.attrs);
    if !attrs.iter().any(|attr| attr::is_doc_text(&attr.meta)) {
        let docs = format!("Calls `{}/{}`.", service.name, method.name);
        attrs.push(syn::parse_quote!(#[doc = #docs]));
    }
    attrs
}

fn encoded(argument: &Argument, encoder: &Ident) -> TokenStream {
    let Argument { ident, ty, .. } = argument;
    let span = ty.span();
    // At the type, where a missing trait is reported; the name keeps the place it was given.
    match argument.carrier {
        Carrier::Value => quote_spanned!(span=> #encoder.value::<#ty>(&#ident)),
        Carrier::Slice => quote!(#encoder.bytes(#ident)),
        Carrier::Vec => quote!(#encoder.bytes(&#ident)),
        Carrier::Shared => quote!(#encoder.shared(#ident)),
    }
}

/// The error type of the call: what the method declares.
fn declared(output: &Output) -> TokenStream {
    match &output.error {
        Some(ty) => quote!(#ty),
        None => quote!(::core::convert::Infallible),
    }
}

fn decode(output: &Output) -> TokenStream {
    let [outcome, message] =
        ["outcome", "message"].map(|name| Ident::new(name, Span::mixed_site()));
    let value = &output.value;
    let ok = match output.carrier {
        Carrier::Value | Carrier::Slice => {
            quote_spanned!(value.span()=> #message.value::<#value>("result"))
        }
        Carrier::Vec => quote!(#message.byte_vec("result")),
        Carrier::Shared => quote!(#message.byte_string("result")),
    };
    match &output.error {
        Some(ty) => {
            let error = quote_spanned!(ty.span()=> #message.value::<#ty>("error"));
            quote!(|#outcome| #outcome.declared(|#message| #ok, |#message| #error))
        }
        None => quote!(|#outcome| #outcome.result(|#message| #ok)),
    }
}
