//! Reads types by their spelling, which is all that a macro can see.
//!
//! An alias hides what it stands for: `io::Result<T>` is a path that ends in `Result`, and a
//! `type Blob = Vec<u8>` is a value like any other.

use syn::visit::{self, Visit};
use syn::{GenericArgument, PathArguments, PathSegment, Type, TypeParamBound, TypeReference};

/// The type within parentheses and the invisible groups that `macro_rules!` leaves behind.
pub(crate) fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        ty => ty,
    }
}

/// The last segment of a type that is a path.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match peel(ty) {
        Type::Path(ty) if ty.qself.is_none() => ty.path.segments.last(),
        _ => None,
    }
}

/// The type arguments of a path segment.
pub(crate) fn type_arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// Whether this is a path to a type of this name without arguments, such as `hton::Status`.
pub(crate) fn is_plain(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|last| last.ident == name && last.arguments.is_none())
}

/// The type behind a shared reference.
pub(crate) fn referred(ty: &Type) -> Option<(&TypeReference, &Type)> {
    match peel(ty) {
        Type::Reference(reference) if reference.mutability.is_none() => {
            Some((reference, peel(&reference.elem)))
        }
        _ => None,
    }
}

/// Whether this is `&Context`, by whatever path.
pub(crate) fn is_context(ty: &Type) -> bool {
    referred(ty).is_some_and(|(_, to)| is_plain(to, "Context"))
}

/// Whether this is `Vec<u8>`, by whatever path.
pub(crate) fn is_byte_vec(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|last| {
        last.ident == "Vec" && matches!(type_arguments(last)[..], [item] if is_byte(item))
    })
}

/// Whether this is `()`.
pub(crate) fn is_unit(ty: &Type) -> bool {
    matches!(peel(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// Whether this is `[u8]`.
pub(crate) fn is_byte_slice(ty: &Type) -> bool {
    matches!(peel(ty), Type::Slice(slice) if is_byte(&slice.elem))
}

fn is_byte(ty: &Type) -> bool {
    matches!(peel(ty), Type::Path(ty) if ty.qself.is_none() && ty.path.is_ident("u8"))
}

/// The `T` of a path that ends in `name<T>`.
pub(crate) fn sole_argument<'t>(ty: &'t Type, name: &str) -> Option<&'t Type> {
    let last = last_segment(ty).filter(|last| last.ident == name)?;
    match type_arguments(last)[..] {
        [argument] => Some(argument),
        _ => None,
    }
}

/// Whether this is `hton::Status`, by its whole name. A `Status` of another path may be the user's.
pub(crate) fn is_our_status(ty: &Type) -> bool {
    let Type::Path(path) = peel(ty) else {
        return false;
    };
    let mut segments = path.path.segments.iter().rev();
    is_plain(ty, "Status")
        && segments.next().is_some()
        && segments.next().is_some_and(|segment| segment.ident == "hton")
}

/// Whether this is an `impl Trait` for a trait of this name.
pub(crate) fn promises(ty: &Type, name: &str) -> bool {
    matches!(peel(ty), Type::ImplTrait(ty) if bound(&ty.bounds, name).is_some())
}

/// Whether this is a `dyn Trait` for a trait of this name.
pub(crate) fn is_dyn(ty: &Type, name: &str) -> bool {
    matches!(peel(ty), Type::TraitObject(ty) if bound(&ty.bounds, name).is_some())
}

/// The `T` of `impl Stream<Item = T>`.
pub(crate) fn promised_item(ty: &Type) -> Option<&Type> {
    let Type::ImplTrait(ty) = peel(ty) else {
        return None;
    };
    let PathArguments::AngleBracketed(arguments) = &bound(&ty.bounds, "Stream")?.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(item) if item.ident == "Item" => Some(&item.ty),
        _ => None,
    })
}

/// The last segment of the bound that is a trait of this name.
fn bound<'t>(
    bounds: impl IntoIterator<Item = &'t TypeParamBound>,
    name: &str,
) -> Option<&'t PathSegment> {
    bounds.into_iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().filter(|last| last.ident == name)
        }
        _ => None,
    })
}

/// Whether a stream stands somewhere in this type, promised or boxed.
pub(crate) fn streams(ty: &Type) -> bool {
    struct Search(bool);

    impl<'t> Visit<'t> for Search {
        fn visit_type(&mut self, ty: &'t Type) {
            self.0 |= promises(ty, "Stream") || is_dyn(ty, "Stream");
            visit::visit_type(self, ty);
        }
    }

    let mut search = Search(false);
    search.visit_type(ty);
    search.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn a_context_is_a_shared_reference_to_a_path_that_ends_so() {
        assert!(is_context(&parse_quote!(&hton::Context)));
        assert!(is_context(&parse_quote!(&'_ Context)));
        assert!(!is_context(&parse_quote!(Context)));
        assert!(!is_context(&parse_quote!(&mut Context)));
        assert!(!is_context(&parse_quote!(&Context<u8>)));
    }

    #[test]
    fn byte_containers_are_told_by_their_spelling() {
        assert!(is_byte_vec(&parse_quote!(::std::vec::Vec<u8>)));
        assert!(!is_byte_vec(&parse_quote!(Vec<i8>)));
        assert!(!is_byte_vec(&parse_quote!(Vec<u8, Global>)));
        assert!(is_byte_slice(&parse_quote!([u8])));
        assert!(!is_byte_slice(&parse_quote!([u8; 4])));
    }

    #[test]
    fn a_stream_tells_its_items_whatever_else_it_promises() {
        let item = |ty: &Type| promised_item(ty).map(|item| quote::quote!(#item).to_string());
        let read = Some("u8".to_owned());
        assert_eq!(item(&parse_quote!(impl hton::Stream<Item = u8>)), read);
        assert_eq!(item(&parse_quote!((impl Unpin + Stream<Item = u8> + 'static))), read);
        assert_eq!(item(&parse_quote!(impl Stream)), None);
        assert_eq!(item(&parse_quote!(impl Iterator<Item = u8>)), None);
        assert!(streams(&parse_quote!(Option<impl Stream<Item = u8>>)));
        assert!(streams(&parse_quote!(Pin<Box<dyn Stream<Item = u8> + Send>>)));
        assert!(!streams(&parse_quote!(Option<Stream>)));
    }

    #[test]
    fn a_status_is_ours_only_by_its_whole_name() {
        assert!(is_our_status(&parse_quote!(hton::Status)));
        assert!(is_our_status(&parse_quote!(::hton::Status)));
        assert!(!is_our_status(&parse_quote!(Status)));
        assert!(!is_our_status(&parse_quote!(device::Status)));
    }
}
