//! Prints the server: what decodes a request, runs the user's method, encodes the answer.

use super::{at, private, signature, streams};
use crate::attr;
use crate::model::{Answer, Argument, Carrier, Failing, Method, Service, Travels};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Type;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

pub(super) fn expand(service: &Service) -> TokenStream {
    let name = format_ident!("{}Server", service.ident.unraw());
    let parameter = &service.parameter;
    let definition = definition(service, &name);
    let implementation = implementation(service, &name);
    let dispatch = dispatch(service);
    let conditions = attr::conditions(&service.attrs);
    let (service_trait, vis) = (&service.ident, &service.vis);
    quote! {
        #definition

        #(#conditions)*
        #[allow(dead_code, reason = "a program may use one side of a service, or some of its methods")]
        #[allow(deprecated, reason = "the deprecation of a service is for those who use it")]
        impl<#parameter: #service_trait> #name<#parameter> {
            /// Serves this implementation.
            #vis fn new(service: #parameter) -> Self {
                Self::from_arc(::std::sync::Arc::new(service))
            }

            /// Serves an implementation that others hold, too.
            #vis fn from_arc(service: ::std::sync::Arc<#parameter>) -> Self {
                Self { service }
            }

            #dispatch
        }

        #implementation
    }
}

/// The type and the traits of std that it implements for every `T`.
fn definition(service: &Service, name: &Ident) -> TokenStream {
    let Service { attrs, vis, ident, parameter, .. } = service;
    let inherited = attr::for_type(attrs);
    let conditions = attr::conditions(attrs);
    let docs = format!("Serves an implementation of [`{ident}`] to the other end of a connection.");
    let text = name.to_string();
    quote! {
        #[doc = #docs]
        #(#inherited)*
        #[allow(dead_code, reason = "a program may use one side of a service, or some of its methods")]
        #vis struct #name<#parameter> {
            service: ::std::sync::Arc<#parameter>,
        }

        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated, reason = "the deprecation of a service is for those who use it")]
        impl<#parameter> ::core::clone::Clone for #name<#parameter> {
            fn clone(&self) -> Self {
                Self { service: ::core::clone::Clone::clone(&self.service) }
            }
        }

        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated, reason = "the deprecation of a service is for those who use it")]
        impl<#parameter> ::core::fmt::Debug for #name<#parameter> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Formatter::write_str(f, #text)
            }
        }
    }
}

/// The face that hton sees.
fn implementation(service: &Service, name: &Ident) -> TokenStream {
    let private = private(service);
    let (service_trait, parameter) = (&service.ident, &service.parameter);
    let conditions = attr::conditions(&service.attrs);
    let methods = service.methods.iter().map(|method| {
        let conditions = attr::conditions(&method.attrs);
        let value = description(service, method);
        quote!(#(#conditions)* #value,)
    });
    quote! {
        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated, reason = "the deprecation of a service is for those who use it")]
        impl<#parameter: #service_trait> #private::Service for #name<#parameter> {
            fn methods(&self) -> &'static [#private::Method] {
                static METHODS: &[#private::Method] = &[#(#methods)*];
                METHODS
            }

            fn slot(&self) -> ::std::boxed::Box<dyn #private::Slot> {
                let service = ::core::clone::Clone::clone(&self.service);
                #private::slot(move |method, request| {
                    Self::dispatch(::core::clone::Clone::clone(&service), method, request)
                })
            }
        }
    }
}

/// The constant that describes a method to hton.
pub(super) fn description(service: &Service, method: &Method) -> TokenStream {
    let private = private(service);
    let full_name = format!("{}/{}", service.name, method.name);
    let id = hexadecimal(method.id);
    let traits = [
        (method.spawn, quote!(.spawned())),
        (method.oneway, quote!(.oneway())),
        (service.ordered, quote!(.ordered())),
        (method.streams().next().is_some(), quote!(.items_in())),
        (method.output.items().is_some(), quote!(.items_out())),
    ];
    let traits = traits.into_iter().filter_map(|(has, builder)| has.then_some(builder));
    let signed = signature::signed(service, method);
    quote!(#private::Method::new(#full_name, #private::MethodId::new(#id)) #(#traits)* #signed)
}

pub(super) fn hexadecimal(id: u32) -> syn::LitInt {
    syn::LitInt::new(&format!("{id:#010x}"), Span::call_site())
}

/// One future for each call: it owns the request, from which arguments borrow.
fn dispatch(service: &Service) -> TokenStream {
    let private = private(service);
    let parameter = &service.parameter;
    let names = Names::new();
    let Names { service: handler, method, request, .. } = &names;
    let arms = service.methods.iter().map(|method| arm(service, method, &names));
    quote! {
        async fn dispatch(
            #handler: ::std::sync::Arc<#parameter>,
            #method: &'static #private::Method,
            #request: #private::Request,
        ) -> #private::Reply {
            match #method.id().get() {
                #(#arms)*
                _ => #request.unknown(#method),
            }
        }
    }
}

/// The local variables of the dispatcher.
struct Names {
    service: Ident,
    method: Ident,
    request: Ident,
    arguments: Ident,
    result: Ident,
    error: Ident,
}

impl Names {
    fn new() -> Self {
        let name = |name| Ident::new(name, Span::mixed_site());
        Self {
            service: name("service"),
            method: name("method"),
            request: name("request"),
            arguments: name("arguments"),
            result: name("result"),
            error: name("error"),
        }
    }
}

fn arm(service: &Service, method: &Method, names: &Names) -> TokenStream {
    let Names { service: handler, request, arguments, result, error, .. } = names;
    let (service_trait, parameter) = (&service.ident, &service.parameter);
    let (ident, id) = (&method.ident, hexadecimal(method.id));
    let conditions = attr::conditions(&method.attrs);
    // Numbered: an argument may have the name of a variable above.
    let locals: Vec<Ident> = (0..method.arguments.len())
        .map(|position| format_ident!("argument_{position}", span = Span::mixed_site()))
        .collect();
    let (mut values, mut streams) = (Vec::new(), Vec::new());
    for (argument, local) in method.arguments.iter().zip(&locals) {
        match &argument.travels {
            Travels::Value(carrier) => {
                let value = decoded(argument, *carrier, arguments);
                values.push(quote! {
                    let #local = match #value {
                        ::core::result::Result::Ok(#local) => #local,
                        ::core::result::Result::Err(#error) => return #request.undecodable(&#error),
                    };
                });
            }
            Travels::Items(item) => {
                let decode = streams::decode(item, &argument.name);
                streams.push(quote!(let #local = #request.rx(#decode);));
            }
        }
    }
    let context = method.context.iter().map(|_| quote!(#request.context(),));
    let awaited = method.output.is_awaited().then(|| quote!(.await));
    let answer = answer(method, names);
    quote! {
        #(#conditions)*
        #id => {
            let mut #arguments = #request.args();
            #(#values)*
            if let ::core::result::Result::Err(#error) = #arguments.finish() {
                return #request.undecodable(&#error);
            }
            #(#streams)*
            let #result = <#parameter as #service_trait>::#ident(
                &*#handler, #(#context)* #(#locals,)*
            )#awaited;
            #answer
        }
    }
}

fn decoded(argument: &Argument, carrier: Carrier, arguments: &Ident) -> TokenStream {
    let Argument { name, ty, .. } = argument;
    // At the type, where a missing trait is reported.
    let span = ty.span();
    match carrier {
        Carrier::Value => quote_spanned!(span=> #arguments.value::<#ty>(#name)),
        Carrier::Slice => quote!(#arguments.bytes(#name)),
        Carrier::Vec => quote!(#arguments.byte_vec(#name)),
        Carrier::Shared => quote!(#arguments.byte_string(#name)),
    }
}

fn answer(method: &Method, names: &Names) -> TokenStream {
    let Names { request, result, error, .. } = names;
    if method.oneway {
        return quote! {
            let () = #result;
            #request.done()
        };
    }
    let ok = match &method.output.answer {
        Answer::Value(value) => ok(&value.ty, value.carrier, request, result),
        Answer::Stream(items) => streams::answer(items, [request, result, error], failed),
    };
    let Some(failing) = &method.output.error else {
        return ok;
    };
    let no = failed(failing);
    quote! {
        match #result {
            ::core::result::Result::Ok(#result) => #ok,
            ::core::result::Result::Err(#error) => #no,
        }
    }
}

fn ok(ty: &Type, carrier: Carrier, request: &Ident, result: &Ident) -> TokenStream {
    match carrier {
        Carrier::Value | Carrier::Slice => {
            let [request, result] = ["request", "result"].map(|name| at(name, ty));
            quote_spanned!(ty.span()=> #request.ok::<#ty>(&#result).await)
        }
        Carrier::Vec => quote!(#request.ok_bytes(&#result).await),
        Carrier::Shared => quote!(#request.ok_shared(#result).await),
    }
}

/// The reply to an error of the method, which stands in the variable of that name.
fn failed(failing: &Failing) -> TokenStream {
    let [request, error] = ["request", "error"].map(|name| at(name, failing.ty()));
    match failing {
        Failing::Declared(ty) => {
            quote_spanned!(ty.span()=> #request.declared::<#ty>(&#error).await)
        }
        Failing::Status(ty) => quote_spanned!(ty.span()=> #request.status(#error)),
    }
}
