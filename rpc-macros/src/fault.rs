//! Everything that is wrong with a service, gathered so that it is reported at once.

use proc_macro2::TokenStream;
use quote::ToTokens;
use std::fmt::Display;

/// The faults found so far, each at the tokens that cause it.
#[derive(Default)]
pub(crate) struct Faults {
    all: Vec<syn::Error>,
}

impl Faults {
    /// Reports a fault: where it stands, what it is, and what to write instead.
    pub(crate) fn push(&mut self, at: impl ToTokens, what: impl Display, help: impl Display) {
        self.all.push(syn::Error::new_spanned(at, format!("{what}\nhelp: {help}")));
    }

    /// Reports a fault that syn has found.
    pub(crate) fn syntax(&mut self, error: syn::Error) {
        self.all.push(error);
    }

    /// How many there are; more than before a step means that the step found some.
    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// One `compile_error!` for each fault.
    pub(crate) fn into_compile_errors(self) -> TokenStream {
        self.all.iter().map(syn::Error::to_compile_error).collect::<TokenStream>()
    }

    /// The texts, for tests.
    #[cfg(test)]
    pub(crate) fn messages(self) -> Vec<String> {
        self.all.iter().map(ToString::to_string).collect()
    }
}
