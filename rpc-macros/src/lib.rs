//! What a trait means: the attribute that turns it into a service; and what a type is on the wire.
//!
//! A small compiler with one file per pass: `attr`, `shape` and `parse` read the trait into `model`,
//! `check` judges it, `expand` prints it; `types` reads types by their spelling. Every fault is kept
//! in `fault` and reported at once. Links to none of hton's crates; the code it prints names only
//! `::hton::__private`.

mod attr;
mod check;
mod derive;
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
///     /// Adds the numbers that the caller sends, for as long as it sends.
///     async fn sum(&self, numbers: hton::Rx<i64>) -> Result<i64, hton::Status>;
///     /// Counts.
///     fn count(&self, to: u32) -> impl hton::Stream<Item = u32>;
///     /// Keeps a line, and answers nothing.
///     #[hton(oneway)]
///     async fn log(&self, line: String);
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
///   `fn … -> impl Future<Output = T> + Send`, which an `async fn` implements, and each
///   `impl Stream<Item = T>` an `impl Stream<Item = T> + Send`;
/// - `CalcServer<T>`, which serves a `T: Calc`: `new(T)`, `from_arc(Arc<T>)`, `Clone`, `Debug`;
/// - `CalcClient`, which calls it: `connect(address)`, `new(peer)`, `peer()`, `Clone`, `Debug`, and one
///   method for each of the trait's, which returns a `Call<T, E>`, or a `Streaming<T, E>` where the answer
///   is a stream. A method of the trait that is named `connect`, `new` or `peer` takes that name;
///   `From<Peer>`, `From<&Peer>` and `AsRef<Peer>` are left.
///
/// # Options
///
/// | where | option | meaning |
/// |---|---|---|
/// | `#[hton::service(…)]` | `name = "example.v1.Calc"` | the service's name on the wire, instead of the trait's. ASCII letters, digits and `_`, in parts joined by `.` |
/// | `#[hton::service(…)]` | `crate = "path::to::hton"` | where hton is found, instead of `::hton` |
/// | `#[hton::service(…)]` | `ordered` | on one connection its calls run one at a time, in the order in which they arrive; a call of it that a running handler waits for can therefore never begin |
/// | `#[hton(…)]` on a method | `oneway` | nothing answers; see below |
/// | `#[hton::service(…)]` | `schema = required` | every type has a `Schema`; without this, a method with a type that has none is not checked |
/// | `#[hton::service(…)]` | `schema = off` | no method is checked |
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
///   typed and arrives as `CallError::Declared(E)`. An `E` that is called `Status` is hton's: its code
///   becomes that of the call, and the client's method declares no error.
/// - `Vec<u8>`, `&[u8]` and `Bytes` take a shorter road than other values, to the same bytes.
/// - Docs, `cfg`, `cfg_attr` and `deprecated` hold for the stub as for the method; other attributes stay
///   on the trait's method. `cfg` removes a method from everything and leaves the ids of the others.
///
/// # Streams and one-way methods
///
/// | in the trait | in the client |
/// |---|---|
/// | `async fn sum(&self, numbers: hton::Rx<T>) -> U` | `fn sum(&self, numbers: impl Stream<Item = T> + Send + 'static) -> Call<U>` |
/// | `fn count(&self) -> impl hton::Stream<Item = T>` | `fn count(&self) -> Streaming<T>` |
/// | `fn count(&self) -> impl hton::Stream<Item = Result<T, E>>` | `fn count(&self) -> Streaming<T, E>`, which the first `Err` ends |
/// | `async fn open(&self) -> Result<impl hton::Stream<Item = T>, E>` | `fn open(&self) -> Streaming<T, E>`, whose first item may be the refusal |
/// | `fn echo(&self, lines: hton::Rx<T>) -> impl hton::Stream<Item = U>` | `fn echo(&self, lines: impl Stream<…>) -> Streaming<U>` |
/// | `#[hton(oneway)] async fn log(&self, line: T)` | `fn log(&self, line: T) -> Call<()>`, which is done when the call is written |
///
/// - A method has at most one `Rx<T>`, which stands anywhere among the arguments and does not count
///   as one of the twelve. `Rx<T>` yields `Result<T, Failure>`: a caller that goes away is an error,
///   never an end.
/// - Items are `Serialize + Deserialize` and owned. `Vec<u8>` and `Bytes` take the short road here, too.
/// - A stream of the answer may borrow from `&self` and from the arguments. A call declares one error:
///   that of the items is that of the `Result` around the stream, unless one of them is a `Status`.
/// - A one-way method answers nothing and streams nothing: what goes wrong in it is counted, and its
///   caller is not told.
///
/// The macro goes by spelling, for it sees no more: `Result`, `Context`, `Rx`, `Stream`, `Status`,
/// `Bytes`, `Vec<u8>` are what is written so. Something else under one of these names is a compile
/// error, never other bytes. A `Status` that is no error of a `Result` may be a type of your own.
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
/// borrow, and items; `impl Trait` other than a whole answer's `impl Stream`; `dyn Trait`; streams
/// within values and streams of streams; a second `Rx<T>`; an `async` without something to await;
/// `Self`; a `Result` that does not say its error type; two declared errors in one method; a one-way
/// method that answers; two methods of one name, or of one id.
#[proc_macro_attribute]
pub fn service(
    options: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    compile(options.into(), item.into()).into()
}

/// Tells what a type is on the wire, so that calls are compared before they are decoded.
///
/// ```ignore
/// #[derive(serde::Serialize, serde::Deserialize, hton::Schema)]
/// pub struct Order {
///     pub id: u64,
///     pub items: Vec<Item>,
///     #[serde(default)]
///     pub note: Option<String>,
/// }
/// ```
///
/// It stands beside serde's derives and reads serde's attributes as they do. [`data`](macro@data)
/// derives all three at once.
///
/// # Options
///
/// | where | option | meaning |
/// |---|---|---|
/// | type, variant, field | `#[schema(as = "Type")]` | what travels is what serde writes for `Type` |
/// | type | `#[schema(bound = "T: Bound")]` | these bounds instead of `T: Schema` for each `T` in a field |
/// | type | `#[schema(crate = "path::to::hton")]` | where hton is found, instead of `::hton` |
///
/// A type parameter is `T: 'static`; lifetimes may be any.
///
/// # serde's attributes
///
/// | attribute | meaning here |
/// |---|---|
/// | `rename`, `rename_all`, `rename_all_fields` | the name in the schema; it has ASCII letters, digits and `_` only, and is one for both directions |
/// | `alias`, `default`, `deny_unknown_fields`, `other`, `bound`, `borrow`, `crate`, `expecting`, `remote` | nothing: they change no byte |
/// | `transparent` | the schema of the field |
/// | `from` or `try_from`, with `into` | the schema of the type they name |
/// | `skip` | the field is not there; skipped variants stand at the end |
/// | `with`, `serialize_with`, `deserialize_with` | need `#[schema(as = "Type")]` |
/// | `flatten`, `untagged`, `tag`, `content`, `skip_serializing_if`, `skip` of one direction | refused: bytes in order cannot carry them |
///
/// Whether serde really writes what the schema says is checked by `hton::schema::verify` in tests.
#[proc_macro_derive(Schema, attributes(schema, serde))]
pub fn schema(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive::schema(input.into()).into()
}

/// Derives `Serialize`, `Deserialize` and `Schema`, by paths through hton: the program that uses it
/// needs no serde of its own.
///
/// ```ignore
/// #[hton::data]
/// #[derive(Debug, Clone)]
/// pub struct Item {
///     pub sku: String,
///     #[serde(rename = "quantity")]
///     pub qty: u32,
/// }
/// ```
///
/// Attributes of serde and of [`Schema`](macro@Schema) stand below it. Its one option is
/// `crate = "path::to::hton"`.
#[proc_macro_attribute]
pub fn data(
    options: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    derive::data(options.into(), item.into()).into()
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

    /// What is printed for one method, without faults.
    fn printed(method: TokenStream) -> String {
        let (printed, faults) = compiled(quote!(trait Calc { #method }));
        assert_eq!(faults, 0, "{printed}");
        syn::parse_str::<syn::File>(&printed).expect("Rust");
        printed
    }

    fn assert_prints(printed: &str, expected: &[TokenStream]) {
        // Tokens that were parsed and printed again have other spaces between them.
        let dense = |text: &str| text.replace(' ', "");
        let printed = dense(printed);
        for expected in expected {
            let expected = dense(&expected.to_string());
            assert!(printed.contains(&expected), "no {expected} in {printed}");
        }
    }

    #[test]
    fn the_items_of_a_caller_follow_its_arguments() {
        let printed = printed(quote!(
            async fn sum(&self, xs: hton::Rx<i64>, from: i64) -> Result<i64, E>;
        ));
        assert_prints(
            &printed,
            &[
                quote!(fn sum(&self, xs: hton::Rx<i64>, from: i64,) -> impl ::core::future::Future),
                quote!(xs: impl ::hton::__private::Stream<Item = i64> + ::core::marker::Send + 'static, from: i64,),
                quote!(-> ::hton::__private::Call<i64, E>),
                quote!(self.peer.upload),
                quote!(xs, |encoder, item| encoder.value::<i64>(item), |outcome| outcome.declared),
                quote!(let argument_0 = request.rx(|message| message.value::<i64>("xs"));),
                quote!(&*service, argument_0, argument_1,),
                quote!(.items_in()),
            ],
        );
        let (rx, finish) = (printed.find("request . rx"), printed.find("arguments . finish"));
        assert!(finish < rx, "bad arguments are answered before the items are taken: {printed}");
    }

    #[test]
    fn a_stream_is_sent_between_threads_and_is_not_awaited() {
        let printed = printed(quote!(
            fn count(&self) -> impl hton::Stream<Item = Vec<u8>>;
        ));
        assert_prints(
            &printed,
            &[
                quote!(-> impl hton::Stream<Item = Vec<u8>> + ::core::marker::Send;),
                quote!(-> ::hton::__private::Streaming<Vec<u8>, ::core::convert::Infallible>),
                quote!(self.peer.stream),
                quote!(|message| message.byte_vec("item"), |outcome| outcome.ended(),),
                quote!(::count(&*service,);),
                quote!(request.items(result, |encoder, item| encoder.bytes(item)).await),
                quote!(.items_out()),
            ],
        );
    }

    #[test]
    fn a_stream_may_be_refused_first_and_may_fail_later() {
        let printed = printed(quote!(
            async fn open(&self, a: Rx<Bytes>)
            -> Result<impl Stream<Item = Result<u8, Status>>, E>;
        ));
        assert_prints(
            &printed,
            &[
                quote!(Output = Result<impl Stream<Item = Result<u8, Status> > + ::core::marker::Send, E> > + ::core::marker::Send;),
                quote!(-> ::hton::__private::Streaming<u8, E>),
                quote!(self.peer.duplex),
                quote!(encoder.shared_with(item)),
                quote!(|outcome| outcome.ended_or(|message| message.value::<E>("error"))),
                quote!(match request.try_items(result, |encoder, item| encoder.value::<u8>(item)).await),
                quote!(::core::result::Result::Err(error) => request.status(error),),
                quote!(::core::result::Result::Err(error) => request.declared::<E>(&error).await,),
                quote!(.items_in().items_out()),
            ],
        );
    }

    #[test]
    fn a_promise_to_be_sent_is_not_made_twice() {
        let printed = printed(quote!(
            fn count(&self) -> impl Stream<Item = u8> + Send;
        ));
        assert_prints(&printed, &[quote!(-> impl Stream<Item = u8> + Send;)]);
    }

    #[test]
    fn a_one_way_call_is_done_when_its_handler_is() {
        let printed = printed(quote!(
            #[hton(oneway)]
            async fn log(&self, line: String);
        ));
        assert_prints(
            &printed,
            &[
                quote!(-> ::hton::__private::Call<(), ::core::convert::Infallible>),
                quote!(self.peer.oneway),
                quote!(let () = result; request.done()),
                quote!(.oneway()),
            ],
        );
        assert!(!printed.contains(". ordered"));
    }

    #[test]
    fn every_method_of_an_ordered_service_is_ordered() {
        let item = quote!(
            trait Log {
                #[hton(oneway)]
                async fn log(&self);
                #[hton(spawn)]
                async fn flush(&self);
            }
        );
        let printed = compile(quote!(ordered), item).to_string();
        assert_eq!(printed.matches(". oneway () . ordered ()").count(), 2, "{printed}");
        assert_eq!(printed.matches(". spawned () . ordered ()").count(), 2, "{printed}");
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
