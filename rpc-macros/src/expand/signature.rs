//! Prints what tells the types of a method: a function that finds its signature out once.

use super::{at, private, server};
use crate::attr::{self, Schemas};
use crate::model::{Answer, Method, Service};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Type;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

/// The functions of all methods. They stand at the client's type, which has no parameters.
pub(super) fn expand(service: &Service) -> TokenStream {
    if service.schemas == Schemas::Off {
        return TokenStream::new();
    }
    service.methods.iter().map(|method| implementation(service, method)).collect()
}

/// What adds it to the description of a method.
pub(super) fn signed(service: &Service, method: &Method) -> Option<TokenStream> {
    let told = service.schemas != Schemas::Off;
    let private = private(service);
    let client = client(service);
    let id = server::hexadecimal(method.id);
    told.then(|| quote!(.signed(<#client as #private::Signed<#id>>::signature)))
}

fn client(service: &Service) -> Ident {
    format_ident!("{}Client", service.ident.unraw())
}

fn implementation(service: &Service, method: &Method) -> TokenStream {
    let private = private(service);
    let client = client(service);
    let id = server::hexadecimal(method.id);
    let conditions =
        attr::conditions(&service.attrs).into_iter().chain(attr::conditions(&method.attrs));
    let types = types(service, method);
    // Where each type has to have a schema, nothing asks for the other way.
    let fallback = (service.schemas == Schemas::Probed).then(|| {
        quote! {
            #[allow(unused_imports, reason = "only types without a schema need it")]
            use #private::NoSchema as _;
        }
    });
    quote! {
        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated, reason = "the deprecation of a type is for those who use it")]
        #[allow(clippy::redundant_closure, reason = "a closure tells of a missing schema once")]
        impl #private::Signed<#id> for #client {
            fn signature() -> &'static #private::Signature {
                #fallback
                static SIGNATURE: ::std::sync::OnceLock<#private::Signature> =
                    ::std::sync::OnceLock::new();
                SIGNATURE.get_or_init(|| { #types })
            }
        }
    }
}

/// The types in the order in which the canonical text has them.
fn types(service: &Service, method: &Method) -> TokenStream {
    let private = private(service);
    let full_name = format!("{}/{}", service.name, method.name);
    let schema = |ty: &Type| schema(service, ty);
    let arguments = method.values().map(|(argument, _)| {
        let (name, schema) = (&argument.name, schema(&argument.ty));
        quote!(.argument(#name, #schema))
    });
    let answer = (!method.oneway).then(|| {
        let items_in = method.streams().map(|(_, item)| {
            let schema = schema(&item.ty);
            quote!(.items_in(#schema))
        });
        let result = match &method.output.answer {
            Answer::Value(value) => {
                let schema = schema(&value.ty);
                quote!(.result(#schema))
            }
            Answer::Stream(items) => {
                let unit = schema(&syn::parse_quote!(()));
                let schema = schema(&items.item.ty);
                quote!(.result(#unit).items_out(#schema))
            }
        };
        let error = method.output.declared().map(|error| {
            let schema = schema(error);
            quote!(.error(#schema))
        });
        quote!(#(#items_in)* #result #error)
    });
    quote! {
        #private::MethodTypes::new(#full_name)
            #(#arguments)*
            #answer
            .signature_or_problem()
    }
}

/// What gives the schema of a type. The lifetimes that it borrows for are left to inference: they
/// say nothing about its form.
fn schema(service: &Service, ty: &Type) -> TokenStream {
    let private = private(service);
    let span = ty.span();
    let types = at("types", ty);
    match service.schemas {
        // At the type, where a missing trait is reported.
        Schemas::Required => {
            quote_spanned!(span=> |#types| <#ty as #private::schema::Schema>::schema(#types))
        }
        Schemas::Probed | Schemas::Off => {
            quote_spanned!(span=> |#types| #private::Probe::<#ty>::new().schema(#types))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::compile;
    use proc_macro2::TokenStream;
    use quote::quote;

    fn printed(options: TokenStream) -> String {
        let item = quote! {
            trait Talk {
                async fn upper(&self, cx: &Context, mark: u8, r#in: Rx<Line>) -> Result<u16, Trouble>;
                fn count(&self, to: u32) -> impl Stream<Item = Result<u64, Status>>;
                #[hton(oneway)]
                async fn log(&self, line: &str);
            }
        };
        compile(options, item).to_string().replace(' ', "")
    }

    #[test]
    fn each_part_of_a_method_is_told_once_and_the_context_and_a_status_never() {
        let printed = printed(TokenStream::new());
        let types: Vec<&str> = printed
            .match_indices("MethodTypes::new")
            .filter_map(|(at, _)| printed[at..].split(".signature_or_problem()").next())
            .collect();
        let parts = |text: &str| {
            let names = [".argument(", ".items_in(", ".result(", ".items_out(", ".error("];
            names.map(|name| text.matches(name).count())
        };
        assert_eq!(types.len(), 3, "{printed}");
        assert_eq!(parts(types[0]), [1, 1, 1, 0, 1], "{}", types[0]);
        assert_eq!(parts(types[1]), [1, 0, 1, 1, 0], "{}", types[1]);
        assert_eq!(parts(types[2]), [1, 0, 0, 0, 0], "{}", types[2]);
        assert!(types[0].contains("Probe::<Line>") && !types[0].contains("Context"));
    }

    #[test]
    fn a_service_may_ask_for_every_schema_or_for_none() {
        let required = printed(quote!(schema = required));
        assert!(required.contains("<Lineas") && !required.contains("Probe"), "{required}");
        let off = printed(quote!(schema = off));
        assert!(!off.contains("signature") && !off.contains("Probe"), "{off}");
    }
}
