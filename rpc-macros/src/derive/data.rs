//! `#[hton::data]`: serde's two traits and `Schema` at once, by paths through hton.

use crate::fault::Faults;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{DeriveInput, Expr, ExprLit, Lit, Meta, Path, Token, parse_quote};

/// Prints the type with its derives.
pub(crate) fn data(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut faults = Faults::default();
    let krate = krate(options, &mut faults);
    let errors = |faults: Faults| faults.into_compile_errors();
    let input: DeriveInput = match syn::parse2(item.clone()) {
        Ok(input) => input,
        Err(error) => {
            faults.syntax(error);
            let errors = errors(faults);
            return quote!(#item #errors);
        }
    };
    let serde: Path = parse_quote!(#krate::__private::serde);
    let [serde_path, krate_path] = [&serde, &krate].map(spelled);
    let errors = errors(faults);
    quote! {
        #[derive(#serde::Serialize, #serde::Deserialize, #krate::Schema)]
        #[serde(crate = #serde_path)]
        #[schema(crate = #krate_path)]
        #input
        #errors
    }
}

/// A path as it stands in a string.
fn spelled(path: &Path) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}

/// `crate = "path::to::hton"`, or `::hton`.
fn krate(options: TokenStream, faults: &mut Faults) -> Path {
    let options = match Punctuated::<Meta, Token![,]>::parse_terminated.parse2(options) {
        Ok(options) => options,
        Err(error) => {
            faults.syntax(error);
            Punctuated::new()
        }
    };
    let mut krate = None;
    for option in &options {
        let value = match option {
            Meta::NameValue(option) if option.path.is_ident("crate") => match &option.value {
                Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) => path.parse::<Path>().ok(),
                _ => None,
            },
            _ => None,
        };
        match value {
            Some(path) => krate = Some(path),
            None => faults.push(
                option,
                "`#[hton::data]` has one option",
                "write `#[hton::data(crate = \"path::to::hton\")]`, or `#[hton::data]`",
            ),
        }
    }
    krate.unwrap_or_else(|| parse_quote!(::hton))
}
