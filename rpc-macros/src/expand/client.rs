//! Prints the client: one stub for each method, which encodes the arguments and returns a call.

use super::{private, server, streams};
use crate::attr;
use crate::model::{Answer, Argument, Carrier, Method, Output, Service, Travels};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Type};

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

/// `connect`, `connect_lazy`, `new` and `peer`, except where a method of the service has that name.
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
    let connect_lazy = free("connect_lazy").then(|| {
        quote! {
            /// Connects to a server at this address when it is first called, and again whenever the
            /// connection is lost.
            #vis fn connect_lazy(
                address: impl ::core::convert::Into<#private::Address>,
            ) -> Self {
                Self { peer: #private::connect_lazy(address) }
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
    quote!(#connect #connect_lazy #new #peer)
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
    let Method { ident, arguments, .. } = method;
    let private = private(service);
    let vis = &service.vis;
    let attrs = stub_attrs(service, method);
    let parameters = arguments.iter().map(|argument| parameter(argument, &private));
    let encoder = Ident::new("encoder", Span::mixed_site());
    let encoded = method.values().map(|(argument, carrier)| encoded(argument, carrier, &encoder));
    let description = server::description(service, method);
    let (verb, returned, rest) = kind(method, &private);
    quote! {
        #(#attrs)*
        #vis fn #ident(&self, #(#parameters)*) -> #returned {
            self.peer.#verb(
                &const { #description },
                move |#encoder| {
                    #(#encoded?;)*
                    ::core::result::Result::Ok(())
                },
                #rest
            )
        }
    }
}

fn parameter(argument: &Argument, private: &TokenStream) -> TokenStream {
    let Argument { ident, ty, travels, .. } = argument;
    match travels {
        Travels::Value(_) => quote!(#ident: #ty,),
        Travels::Items(item) => {
            let item = &item.ty;
            // At the type, where rustc says what the caller's stream must be.
            let stream = quote_spanned! {ty.span()=>
                impl #private::Stream<Item = #item> + ::core::marker::Send + 'static
            };
            quote!(#ident: #stream,)
        }
    }
}

/// How the method is called: the verb of the peer, what that returns, and what it takes beside the
/// description and the arguments.
fn kind(method: &Method, private: &TokenStream) -> (TokenStream, TokenStream, TokenStream) {
    let output = &method.output;
    let error = declared(output);
    if method.oneway {
        return (quote!(oneway), quote!(#private::Call<(), #error>), TokenStream::new());
    }
    let sent = method.streams().next().map(|(argument, item)| {
        let (ident, encode) = (&argument.ident, streams::encode(item));
        quote!(#ident, #encode,)
    });
    match &output.answer {
        Answer::Value(value) => {
            let verb = if sent.is_some() { quote!(upload) } else { quote!(call) };
            let (ty, decode) = (&value.ty, decode(&value.ty, value.carrier, output));
            (verb, quote!(#private::Call<#ty, #error>), quote!(#sent #decode,))
        }
        Answer::Stream(items) => {
            let verb = if sent.is_some() { quote!(duplex) } else { quote!(stream) };
            let (ty, decode) = (&items.item.ty, streams::decode(&items.item, "item"));
            let end = streams::end(output);
            (verb, quote!(#private::Streaming<#ty, #error>), quote!(#sent #decode, #end,))
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

fn encoded(argument: &Argument, carrier: Carrier, encoder: &Ident) -> TokenStream {
    let Argument { ident, ty, .. } = argument;
    let span = ty.span();
    // At the type, where a missing trait is reported; the name keeps the place it was given.
    match carrier {
        Carrier::Value => quote_spanned!(span=> #encoder.value::<#ty>(&#ident)),
        Carrier::Slice => quote!(#encoder.bytes(#ident)),
        Carrier::Vec => quote!(#encoder.bytes(&#ident)),
        Carrier::Shared => quote!(#encoder.shared(#ident)),
    }
}

/// The error type of the call: what the method declares.
fn declared(output: &Output) -> TokenStream {
    match output.declared() {
        Some(ty) => quote!(#ty),
        None => quote!(::core::convert::Infallible),
    }
}

fn decode(value: &Type, carrier: Carrier, output: &Output) -> TokenStream {
    let [outcome, message] =
        ["outcome", "message"].map(|name| Ident::new(name, Span::mixed_site()));
    let ok = match carrier {
        Carrier::Value | Carrier::Slice => {
            quote_spanned!(value.span()=> #message.value::<#value>("result"))
        }
        Carrier::Vec => quote!(#message.byte_vec("result")),
        Carrier::Shared => quote!(#message.byte_string("result")),
    };
    match output.declared() {
        Some(ty) => {
            let error = quote_spanned!(ty.span()=> #message.value::<#ty>("error"));
            quote!(|#outcome| #outcome.declared(|#message| #ok, |#message| #error))
        }
        None => quote!(|#outcome| #outcome.result(|#message| #ok)),
    }
}
