//! Which types travel, as far as their spelling shows. The rest is told by rustc, which asks the type
//! for serde's traits.

use crate::fault::Faults;
use crate::types;
use syn::visit::{self, Visit};
use syn::{Lifetime, Path, Type, TypeReference};

/// Refuses a type that cannot travel there.
pub(super) fn check(ty: &Type, place: Place, faults: &mut Faults) {
    Inspection { place, faults }.visit_type(ty);
}

/// Where a value stands in a signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Argument,
    Answer,
    /// Among the items of a stream, in either direction.
    Item,
}

struct Inspection<'f> {
    place: Place,
    faults: &'f mut Faults,
}

impl<'t> Visit<'t> for Inspection<'_> {
    fn visit_type(&mut self, ty: &'t Type) {
        let fault = match ty {
            Type::Reference(reference) => return self.reference(ty, reference),
            Type::ImplTrait(_) => Some(self.promise(ty)),
            Type::TraitObject(_) if types::is_dyn(ty, "Stream") => Some(self.stream()),
            Type::TraitObject(_) => {
                Some(("`dyn Trait` does not say which type travels", "name the type itself"))
            }
            Type::Infer(_) => {
                Some(("a signature has no types to be inferred", "name the type itself"))
            }
            Type::Path(_) => self.path(ty),
            _ => None,
        };
        match fault {
            Some((what, help)) => self.faults.push(ty, what, help),
            None => visit::visit_type(self, ty),
        }
    }

    fn visit_path(&mut self, path: &'t Path) {
        match path.segments.first() {
            Some(first) if first.ident == "Self" => self.faults.push(
                path,
                "`Self` is another type at each end of a connection",
                "name the type itself",
            ),
            _ => visit::visit_path(self, path),
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'t Lifetime) {
        match (self.place, lifetime.ident.to_string().as_str()) {
            (_, "static") | (Place::Argument, "_") => {}
            (Place::Argument, _) => self.faults.push(
                lifetime,
                "an argument borrows from its request, whose lifetime has no name",
                "write `'_`, as in `Cow<'_, str>`",
            ),
            (Place::Answer | Place::Item, _) => self.borrows(lifetime),
        }
    }
}

/// What is wrong, and what to write instead.
type Fault = (&'static str, &'static str);

impl Inspection<'_> {
    fn reference(&mut self, ty: &Type, reference: &TypeReference) {
        let to = types::peel(&reference.elem);
        if self.place != Place::Argument {
            return self.borrows(ty);
        }
        if reference.mutability.is_some() {
            return self.faults.push(
                ty,
                "an argument cannot be changed in place: it travels one way",
                "take it by value, and return what has changed",
            );
        }
        if let Some(lifetime) = &reference.lifetime {
            if lifetime.ident == "static" {
                return self.faults.push(
                    lifetime,
                    "an argument lives no longer than its request",
                    "leave the lifetime out",
                );
            }
            self.visit_lifetime(lifetime);
        }
        if !types::is_plain(to, "str") && !types::is_byte_slice(to) {
            self.faults.push(
                ty,
                "only `&str` and `&[u8]` can be borrowed from a request",
                "take it by value: `T`, or `Vec<T>` for a slice",
            );
        }
    }

    /// Reports a borrow where the value outlives what it would borrow from.
    fn borrows(&mut self, at: impl quote::ToTokens) {
        match self.place {
            Place::Item => self.faults.push(
                at,
                "an item cannot borrow: it outlives the frame that brought it",
                "name an owned type, such as `String`, `Vec<u8>` or `Cow<'static, str>`",
            ),
            Place::Argument | Place::Answer => self.faults.push(
                at,
                "an answer cannot borrow: it outlives the handler that made it",
                "return an owned type, such as `String`, `Vec<u8>` or `Cow<'static, str>`",
            ),
        }
    }

    /// An `impl Trait`, which is never a value.
    fn promise(&self, ty: &Type) -> Fault {
        if types::promises(ty, "Stream") {
            self.stream()
        } else if types::promises(ty, "Future") {
            (
                "a method of a service is an `async fn`, not one that returns a future",
                "write `async fn …(…) -> T`: the macro makes it `impl Future<Output = T> + Send`",
            )
        } else if types::promises(ty, "Iterator") || types::promises(ty, "IntoIterator") {
            let help = match self.place {
                Place::Argument => {
                    "take a `Vec<T>`, or `hton::Rx<T>` for items that come one by one"
                }
                Place::Answer => {
                    "return a `Vec<T>`, or `impl hton::Stream<Item = T>` from `hton::stream::iter`"
                }
                Place::Item => "name the type itself, such as `Vec<T>`",
            };
            ("an iterator does not travel: the peer cannot ask it for the next item", help)
        } else {
            ("`impl Trait` does not say which type travels", "name the type itself")
        }
    }

    /// A stream that is part of something else, or stands where none can.
    fn stream(&self) -> Fault {
        match self.place {
            Place::Argument => (
                "a handler takes its caller's stream as `hton::Rx<T>`",
                "write `name: hton::Rx<T>`; the client's method then takes any `Stream<Item = T>`",
            ),
            Place::Answer => (
                "a stream is a method's whole answer, and promised, not boxed",
                "return `impl hton::Stream<Item = T>`, or a `Result` of it to refuse first",
            ),
            Place::Item => (
                "a stream of streams does not travel: items are values",
                "call once for each stream, or let each item say which one it belongs to",
            ),
        }
    }

    /// A name that stands for a stream, or for the end of a call.
    fn path(&self, ty: &Type) -> Option<Fault> {
        if types::sole_argument(ty, "Rx").is_some() {
            return Some(match self.place {
                Place::Argument => (
                    "a caller's stream is an argument of its own, not part of one",
                    "write `name: hton::Rx<T>`",
                ),
                Place::Answer => (
                    "`Rx<T>` is what a handler takes its caller's items from: it is no answer",
                    "return `impl hton::Stream<Item = T>`",
                ),
                Place::Item => self.stream(),
            });
        }
        if types::sole_argument(ty, "Tx").is_some() {
            return Some((
                "there is no `Tx<T>`: a handler returns the stream of its items",
                "return `impl hton::Stream<Item = T>`; `hton::stream::channel` gives a sender for it",
            ));
        }
        if types::is_our_status(ty) {
            return Some((
                "a `Status` is how a call ends, not a value that travels",
                "return `Result<T, hton::Status>`, or name a type of your own",
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn said(ty: &Type, place: Place) -> Vec<String> {
        let mut faults = Faults::default();
        check(ty, place, &mut faults);
        faults.messages()
    }

    #[test]
    fn a_stream_is_no_part_of_a_value_anywhere() {
        let streams: [Type; 6] = [
            parse_quote!(Option<impl Stream<Item = u8>>),
            parse_quote!((u8, impl hton::Stream<Item = u8>)),
            parse_quote!(Pin<Box<dyn Stream<Item = u8> + Send>>),
            parse_quote!(Vec<hton::Rx<u8>>),
            parse_quote!(Tx<u8>),
            parse_quote!([Tx<u8>; 2]),
        ];
        for ty in &streams {
            for place in [Place::Argument, Place::Answer, Place::Item] {
                assert_eq!(said(ty, place).len(), 1, "{}", quote::quote!(#ty));
            }
        }
    }

    #[test]
    fn an_item_is_owned() {
        for ty in [parse_quote!(&str), parse_quote!(Cow<'_, str>), parse_quote!(&'static [u8])] {
            let said = said(&ty, Place::Item);
            assert!(said[0].starts_with("an item cannot borrow"), "{said:#?}");
        }
        assert_eq!(said(&parse_quote!(Cow<'static, str>), Place::Item).len(), 0);
    }

    #[test]
    fn a_type_of_the_users_may_be_called_status() {
        assert_eq!(said(&parse_quote!(Vec<Status>), Place::Answer).len(), 0);
        assert_eq!(said(&parse_quote!(Vec<hton::Status>), Place::Answer).len(), 1);
        assert_eq!(said(&parse_quote!(hton::Status), Place::Argument).len(), 1);
    }
}
