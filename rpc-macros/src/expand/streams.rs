//! Prints what is special about streams: how items are written and read, and how a call that
//! streams its answer ends.

use super::at;
use crate::model::{Carrier, Failing, Items, Output, Typed};
use crate::types;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, PathArguments, Type, parse_quote_spanned};

/// The answer's type, whose stream can be sent between threads. `span` is where rustc says so.
pub(super) fn sent(output: &Output, span: Span) -> Type {
    let mut ty = output.written.clone();
    if output.items().is_some() {
        promise_send(&mut ty, span);
    }
    ty
}

/// Goes to the stream by the way on which the model found it: alone, or first in a `Result`.
fn promise_send(ty: &mut Type, span: Span) {
    match ty {
        Type::Group(group) => promise_send(&mut group.elem, span),
        Type::Paren(paren) => promise_send(&mut paren.elem, span),
        ty @ Type::ImplTrait(_) if types::promises(ty, "Send") => {}
        Type::ImplTrait(ty) => ty.bounds.push(parse_quote_spanned!(span=> ::core::marker::Send)),
        Type::Path(ty) => {
            let last = ty.path.segments.last_mut().map(|last| &mut last.arguments);
            if let Some(PathArguments::AngleBracketed(arguments)) = last {
                if let Some(GenericArgument::Type(ty)) = arguments.args.first_mut() {
                    promise_send(ty, span);
                }
            }
        }
        _ => {}
    }
}

/// The function that writes one item: `fn(&mut Encoder, &T) -> Result<(), EncodeError>`.
pub(super) fn encode(item: &Typed) -> TokenStream {
    let Typed { ty, carrier } = item;
    // At the type, where a missing trait is reported.
    let span = ty.span();
    let [encoder, item] = ["encoder", "item"].map(|name| at(name, ty));
    let written = match carrier {
        Carrier::Value | Carrier::Slice => {
            quote_spanned!(span=> #encoder.value::<#ty>(#item))
        }
        Carrier::Vec => quote!(#encoder.bytes(#item)),
        Carrier::Shared => quote!(#encoder.shared_with(#item)),
    };
    quote_spanned!(span=> |#encoder, #item| #written)
}

/// The function that reads one item: `fn(&mut Decoder<'_>) -> Result<T, DecodeError>`. `name` is
/// what errors call it.
pub(super) fn decode(item: &Typed, name: &str) -> TokenStream {
    let Typed { ty, carrier } = item;
    let (span, message) = (ty.span(), at("message", ty));
    let read = match carrier {
        Carrier::Value | Carrier::Slice => quote_spanned!(span=> #message.value::<#ty>(#name)),
        Carrier::Vec => quote!(#message.byte_vec(#name)),
        Carrier::Shared => quote!(#message.byte_string(#name)),
    };
    quote_spanned!(span=> |#message| #read)
}

/// The function that reads how a call ends after its items.
pub(super) fn end(output: &Output) -> TokenStream {
    let [outcome, message] =
        ["outcome", "message"].map(|name| Ident::new(name, Span::mixed_site()));
    match output.declared() {
        Some(ty) => {
            let error = quote_spanned!(ty.span()=> #message.value::<#ty>("error"));
            quote!(|#outcome| #outcome.ended_or(|#message| #error))
        }
        None => quote!(|#outcome| #outcome.ended()),
    }
}

/// Sends the items of `result`; `failed` turns the error among them into a reply.
pub(super) fn answer(
    items: &Items,
    [request, result, error]: [&Ident; 3],
    failed: impl FnOnce(&Failing) -> TokenStream,
) -> TokenStream {
    let encode = encode(&items.item);
    match &items.error {
        None => quote!(#request.items(#result, #encode).await),
        Some(failing) => {
            let failed = failed(failing);
            quote! {
                match #request.try_items(#result, #encode).await {
                    ::core::result::Result::Ok(#result) => #result,
                    ::core::result::Result::Err(#error) => #failed,
                }
            }
        }
    }
}
