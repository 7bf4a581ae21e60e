//! What a service is once it has been understood: plain data.
//!
//! [`parse`](crate::parse) fills it, [`check`](crate::check) judges it, [`expand`](crate::expand)
//! prints it. Knows syn's types only where the user's own tokens must come out again.

use crate::attr::Schemas;
use proc_macro2::Ident;
use sha2::{Digest, Sha256};
use syn::punctuated::Punctuated;
use syn::{Attribute, LitStr, Path, Token, TraitItem, Type, TypeParamBound, Visibility};

/// The most arguments of a method, its context not counted.
///
/// Beyond a dozen, a reader wants names at the call, and a struct gives them.
pub(crate) const ARGUMENTS_MAX: usize = 12;

/// One trait that is called across a connection.
pub(crate) struct Service {
    /// `::hton`, or the path that the user gave.
    pub(crate) krate: Path,
    /// The user's attributes, as written.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) supertraits: Punctuated<TypeParamBound, Token![+]>,
    /// The service's name on the wire.
    pub(crate) name: String,
    /// Where the user wrote that name, when it is not the trait's.
    pub(crate) name_given: Option<LitStr>,
    /// Calls are started in the order in which they arrive.
    pub(crate) ordered: bool,
    /// Which types have to say what they are on the wire.
    pub(crate) schemas: Schemas,
    /// The name of the type parameter of the generated server: one that the trait does not use.
    pub(crate) parameter: Ident,
    pub(crate) methods: Vec<Method>,
    /// Items that were refused. The trait keeps them, so that its implementations cause no errors
    /// of their own.
    pub(crate) refused: Vec<TraitItem>,
}

/// One method of a service.
pub(crate) struct Method {
    /// The user's attributes, ours left out.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) ident: Ident,
    /// The method's name on the wire: its identifier without `r#`.
    pub(crate) name: String,
    pub(crate) id: u32,
    pub(crate) spawn: bool,
    /// Nothing answers.
    pub(crate) oneway: bool,
    pub(crate) context: Option<Context>,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) output: Output,
    /// Whether its syntax is that of a method of a service.
    pub(crate) fits: bool,
    /// What the emitted trait holds in its place if the method is refused.
    pub(crate) repaired: Option<TraitItem>,
}

/// The leading argument by which a handler asks who calls. It does not travel.
pub(crate) struct Context {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
}

/// What a caller gives beside the context.
pub(crate) struct Argument {
    pub(crate) ident: Ident,
    /// Its name in errors: the identifier without `r#`.
    pub(crate) name: String,
    /// The type as the user wrote it.
    pub(crate) ty: Type,
    pub(crate) travels: Travels,
}

/// How an argument gets to the handler.
pub(crate) enum Travels {
    /// As one of the values of the request.
    Value(Carrier),
    /// As a stream of items that follow the request: `Rx<T>`.
    Items(Typed),
}

impl Method {
    /// The arguments that are values of the request.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&Argument, Carrier)> {
        self.arguments.iter().filter_map(|argument| match argument.travels {
            Travels::Value(carrier) => Some((argument, carrier)),
            Travels::Items(_) => None,
        })
    }

    /// The arguments that are streams of items. A method that is not refused has one at most.
    pub(crate) fn streams(&self) -> impl Iterator<Item = (&Argument, &Typed)> {
        self.arguments.iter().filter_map(|argument| match &argument.travels {
            Travels::Value(_) => None,
            Travels::Items(item) => Some((argument, item)),
        })
    }
}

/// A type that travels, and its road.
pub(crate) struct Typed {
    pub(crate) ty: Box<Type>,
    pub(crate) carrier: Carrier,
}

/// What a method answers.
pub(crate) struct Output {
    /// The type as the user wrote it; `()` if there was none.
    pub(crate) written: Type,
    pub(crate) answer: Answer,
    /// What the method may answer instead: the `E` of `Result<_, E>`.
    pub(crate) error: Option<Failing>,
}

/// What a method answers when nothing is wrong.
pub(crate) enum Answer {
    /// One value.
    Value(Typed),
    /// Items: `impl Stream<Item = T>`.
    Stream(Box<Items>),
}

/// The items of an answer.
pub(crate) struct Items {
    /// Whether the stream is there only when a future has ended.
    pub(crate) awaited: bool,
    pub(crate) item: Typed,
    /// What ends the items early: the `E` of `Item = Result<T, E>`.
    pub(crate) error: Option<Failing>,
}

/// An error of a method, and how it travels.
pub(crate) enum Failing {
    /// A value of the user's own type.
    Declared(Type),
    /// A `Status`, which becomes the code of the response.
    Status(Type),
}

impl Failing {
    /// The type as the user wrote it.
    pub(crate) const fn ty(&self) -> &Type {
        match self {
            Self::Declared(ty) | Self::Status(ty) => ty,
        }
    }

    /// The type, if the caller gets it as a value.
    pub(crate) const fn declared(&self) -> Option<&Type> {
        match self {
            Self::Declared(ty) => Some(ty),
            Self::Status(_) => None,
        }
    }
}

impl Output {
    /// The items, if it is a stream.
    pub(crate) const fn items(&self) -> Option<&Items> {
        match &self.answer {
            Answer::Stream(items) => Some(items),
            Answer::Value(_) => None,
        }
    }

    /// Whether it is there only when a future has ended.
    pub(crate) fn is_awaited(&self) -> bool {
        self.items().is_none_or(|items| items.awaited)
    }

    /// Both of its errors: before an answer, and among its items.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &Failing> {
        self.error.iter().chain(self.items().and_then(|items| items.error.as_ref()))
    }

    /// The error that the caller gets as a value. A method that is not refused has one at most,
    /// though it may stand in both places.
    pub(crate) fn declared(&self) -> Option<&Type> {
        self.errors().find_map(Failing::declared)
    }
}

/// By which road a value travels. The bytes on the wire are the same on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// Through serde.
    Value,
    /// `&[u8]`: copied whole.
    Slice,
    /// `Vec<u8>`: copied whole.
    Vec,
    /// `Bytes`: shared, not copied, when it is large.
    Shared,
}

/// The id of a method on the wire.
///
/// Spec: `call.method.id`.
pub(crate) fn method_id(service: &str, method: &str) -> u32 {
    let mut hash = Sha256::new();
    hash.update(service);
    hash.update("/");
    hash.update(method);
    let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_first_four_bytes_of_the_hash_of_the_full_name() {
        // `printf %s Calc/add | sha256sum`
        assert_eq!(method_id("Calc", "add"), 0x3966_24e8);
        assert_eq!(method_id("Calc", "divide"), 0x855a_0781);
        assert_ne!(method_id("CalC", "add"), method_id("Calc", "add"));
    }
}
