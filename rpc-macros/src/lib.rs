//! What a trait means: the attribute that turns it into a service.
//!
//! A small compiler with one file per pass: `attr`, `shape` and `parse` read the trait into `model`,
//! `check` judges it, `expand` prints it; `types` reads types by their spelling. Every fault is kept
//! in `fault` and reported at once. Links to none of hton's crates; the code it prints names only
//! `::hton::__private`.

mod attr;
mod check;
mod expand;
mod fault;
mod model;
mod parse;
mod shape;
mod types;

use attr::ServiceOptions;
use fault::Faults;
use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemTrait;

/// Turns a trait into a service: a client that calls it, and a server that is called.
///
/// ```ignore
/// #[hton::service]
/// pub trait Calc {
///     /// Adds two numbers.
///     async fn add(&self, a: i64, b: i64) -> i64;
///     /// Divides, or says why not.
///     async fn divide(&self, a: i64, b: i64) -> Result<i64, MathError>;
///     /// Tells the caller its address.
///     async fn whoami(&self, cx: &hton::Context) -> String;
/// }
///
/// struct MyCalc;
///
/// impl Calc for MyCalc {
///     async fn add(&self, a: i64, b: i64) -> i64 {
///         a + b
///     }
///     // …
/// }
///
/// let server = hton::Server::bind("127.0.0.1:0").await?.serve(CalcServer::new(MyCalc))?;
/// let calc = CalcClient::connect(server.local_addr()).await?;
/// assert_eq!(calc.add(1, 2).await?, 3);
/// ```
///
/// # What is generated
///
/// For a trait `Calc`, with its visibility:
///
/// - the trait itself, with `Send + Sync + 'static` beside its own bounds. Each `async fn` becomes
///   `fn … -> impl Future<Output = T> + Send`, which an `async fn` implements;
/// - `CalcServer<T>`, which serves a `T: Calc`: `new(T)`, `from_arc(Arc<T>)`, `Clone`, `Debug`;
/// - `CalcClient`, which calls it: `connect(address)`, `new(peer)`, `peer()`, `Clone`, `Debug`, and one
///   method for each of the trait's, which returns a `Call<T, E>`. A method of the trait that is named
///   `connect`, `new` or `peer` takes that name; `From<Peer>`, `From<&Peer>` and `AsRef<Peer>` are left.
///
/// # Options
///
/// | where | option | meaning |
/// |---|---|---|
/// | `#[hton::service(…)]` | `name = "example.v1.Calc"` | the service's name on the wire, instead of the trait's. ASCII letters, digits and `_`, in parts joined by `.` |
/// | `#[hton::service(…)]` | `crate = "path::to::hton"` | where hton is found, instead of `::hton` |
/// | `#[hton(…)]` on a method | `spawn` | the handler always runs in a task of its own: for one that computes for long without awaiting |
///
/// # Methods
///
/// `async fn name(&self, cx: &hton::Context, argument: Type, …) -> Type;`
///
/// - The context is optional, stands first and does not travel. Its type is a shared reference to a
///   path that ends in `Context`.
/// - Zero to twelve arguments, each `Serialize + Deserialize`. `&str`, `&[u8]`, `Option<&str>`,
///   `Cow<'_, str>` and their like borrow from the request.
/// - Any result that is `Serialize + Deserialize` and owned. `Result<T, E>` has an error that travels
///   typed and arrives as `CallError::Declared(E)`.
/// - `Vec<u8>`, `&[u8]` and `Bytes` take a shorter road than other values, to the same bytes.
/// - Docs, `cfg`, `cfg_attr` and `deprecated` hold for the stub as for the method; other attributes stay
///   on the trait's method. `cfg` removes a method from everything and leaves the ids of the others.
///
/// The macro goes by spelling, for it sees no more: `Result`, `Context`, `Bytes`, `Vec<u8>` are what is
/// written so. Something else under one of these names is a compile error, never other bytes.
///
/// # Names on the wire
///
/// A method's id is the first four bytes of SHA-256 of `Service/method`. `Service` is the trait's
/// identifier or `name = "…"`, never a module path; `r#` is left out. So methods may be reordered, and
/// the trait may move to another module. A method that is renamed is another method.
///
/// # What is refused
///
/// With an error at the token and a line that says what to write instead, all of them at once:
/// generic parameters and where clauses; receivers other than `&self`; default bodies; associated
/// types and constants; macros; `unsafe`, `const`, `extern` and variadic methods; patterns and
/// attributes in place of plain arguments; references other than `&str` and `&[u8]`; results that
/// borrow; `impl Trait`; `Self`; a `Result` that does not say its error type; two methods of one name,
/// or of one id. Reserved until they are supported: `#[hton(oneway)]`, streams (`Rx<T>`,
/// `impl Stream<Item = T>`), and an error type called `Status`.
#[proc_macro_attribute]
pub fn service(
    options: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    compile(options.into(), item.into()).into()
}

/// All passes, one after the other. Faults stand behind what was understood, which is printed all
/// the same so that the code around the trait causes no errors of its own.
fn compile(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut faults = Faults::default();
    let options = ServiceOptions::parse(options, &mut faults);
    let item: ItemTrait = match syn::parse2(item.clone()) {
        Ok(item) => item,
        Err(error) => {
            faults.syntax(error);
            let errors = faults.into_compile_errors();
            return quote!(#item #errors);
        }
    };
    let printed = match parse::service(options, &item, &mut faults) {
        Some(mut service) => {
            check::service(&mut service, &mut faults);
            expand::service(&service)
        }
        None => expand::refused(&item),
    };
    let errors = faults.into_compile_errors();
    quote!(#printed #errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is printed, and how many faults stand behind it.
    fn compiled(item: TokenStream) -> (String, usize) {
        let printed = compile(TokenStream::new(), item).to_string();
        let faults = printed.matches("compile_error").count();
        (printed, faults)
    }

    #[test]
    fn a_service_has_a_trait_a_server_and_a_client() {
        let (printed, faults) = compiled(quote! {
            pub(crate) trait Calc { async fn add(&self, a: i64) -> i64; }
        });
        assert_eq!(faults, 0, "{printed}");
        let parsed: syn::File = syn::parse_str(&printed).expect("Rust");
        assert!(matches!(&parsed.items[0], syn::Item::Trait(item) if item.ident == "Calc"));
        for name in ["struct CalcServer", "struct CalcClient", "0x396624e8", ":: hton :: __private"]
        {
            assert!(printed.contains(name), "no {name} in {printed}");
        }
    }

    #[test]
    fn a_renamed_crate_is_the_only_one_that_is_named() {
        let item = quote!(
            trait Calc {
                async fn add(&self, a: Vec<u8>) -> Result<u8, E>;
            }
        );
        let printed = compile(quote!(crate = "framework::rpc"), item).to_string();
        assert!(printed.contains("framework :: rpc :: __private :: Peer"), "{printed}");
        assert!(!printed.contains("hton"), "{printed}");
    }

    #[test]
    fn bad_input_comes_out_again_beside_its_faults() {
        let (printed, faults) = compiled(quote! { struct Calc { a: u8 } });
        assert!(printed.starts_with("struct Calc { a : u8 }") && faults == 1, "{printed}");
        let (printed, faults) = compiled(quote! {
            trait Calc<T>: Clone { #[hton(spawn)] fn add(&self, a: T); }
        });
        assert!(printed.contains("trait Calc < T > : Clone { fn add (& self , a : T) ; }"));
        assert_eq!(faults, 1, "{printed}");
    }

    #[test]
    fn what_was_understood_is_printed_beside_the_faults() {
        let (printed, faults) = compiled(quote! {
            trait Calc { async fn add(&self, a: i64) -> i64; async fn bad(&mut self); }
        });
        assert_eq!(faults, 1, "{printed}");
        assert!(printed.contains("async fn bad (& mut self) ;"));
        assert!(printed.contains("CalcClient") && printed.contains("0x396624e8"));
    }
}
