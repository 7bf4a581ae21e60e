//! Every public item that is generated has docs and no lint fires, whatever the user denies.

#![deny(warnings, missing_docs, unreachable_pub, missing_debug_implementations)]
#![deny(elided_lifetimes_in_paths, unused_qualifications, unnameable_types, unused)]
#![deny(rust_2018_idioms, rust_2024_compatibility, single_use_lifetimes, deprecated)]

use std::borrow::Cow;

/// A calculator.
#[hton::service(name = "calc.v1.Calc")]
pub trait Calc {
    /// Adds two numbers.
    async fn add(&self, a: i64, b: i64) -> i64;
    /// Takes two numbers apart.
    #[deprecated = "use `add` with a negative number"]
    async fn sub(&self, a: i64, b: i64) -> Result<i64, String>;
    /// Counts letters.
    async fn count(&self, cx: &hton::Context, text: Cow<'_, str>, more: Option<&str>) -> u64;
    /// Adds all numbers.
    async fn sum(&self, numbers: hton::Rx<i64>) -> Result<i64, hton::Status>;
    /// Counts.
    #[deprecated]
    fn numbers(&self, text: Cow<'_, str>) -> impl hton::Stream<Item = Result<i64, String>>;
    /// Counts, or says why not.
    async fn open(&self, to: hton::Rx<u8>) -> Result<impl hton::Stream<Item = i64>, String>;
    /// Keeps a line.
    #[hton(oneway)]
    async fn log(&self, line: String);
}

/// Private, and called by nobody.
mod private {
    #[hton::service]
    #[deprecated]
    #[doc(hidden)]
    trait Unused {
        async fn add(&self, a: i64, b: i64) -> i64;
        fn count(&self, a: hton::Rx<u8>) -> impl hton::Stream<Item = u8>;
        #[hton(oneway)]
        async fn log(&self);
    }
}

fn main() {}
