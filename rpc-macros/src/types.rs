//! Reads types by their spelling, which is all that a macro can see.
//!
//! An alias hides what it stands for: `io::Result<T>` is a path that ends in `Result`, and a
//! `type Blob = Vec<u8>` is a value like any other.

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

/// Whether this is `[u8]`.
pub(crate) fn is_byte_slice(ty: &Type) -> bool {
    matches!(peel(ty), Type::Slice(slice) if is_byte(&slice.elem))
}

fn is_byte(ty: &Type) -> bool {
    matches!(peel(ty), Type::Path(ty) if ty.qself.is_none() && ty.path.is_ident("u8"))
}

/// Whether this is an `impl Trait` for a trait of this name.
pub(crate) fn promises(ty: &Type, name: &str) -> bool {
    let Type::ImplTrait(ty) = peel(ty) else {
        return false;
    };
    ty.bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            let last = bound.path.segments.last();
            last.is_some_and(|last| last.ident == name)
        }
        _ => false,
    })
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
}
