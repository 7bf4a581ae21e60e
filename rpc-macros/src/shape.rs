//! What the syntax around a service's names and types may be: of the trait, and of each method.
//!
//! All of it is refused by what stands there, before anything is read into the model.

use crate::attr;
use crate::fault::Faults;
use syn::{FnArg, ItemTrait, Receiver, ReceiverKind, Safety, Signature, TraitItemFn};

/// Whether the trait as such can be a service.
pub(crate) fn header_fits(item: &ItemTrait, faults: &mut Faults) -> bool {
    let before = faults.count();
    if let Some(token) = &item.unsafety {
        faults.push(
            token,
            "a service is not an unsafe trait",
            "leave `unsafe` out; what a method relies on must hold for any bytes a peer sends",
        );
    }
    if let Some(token) = &item.modifiers.auto_token {
        faults.push(token, "a service is not an auto trait", "leave `auto` out");
    }
    if !item.generics.params.is_empty() {
        faults.push(
            &item.generics,
            "a service has no generic parameters: the peer could not know them",
            "write concrete types, or one trait for each of them",
        );
    }
    if let Some(clause) = &item.generics.where_clause {
        faults.push(
            clause,
            "a service has no where clause",
            "write bounds on the trait itself: `trait Calc: Bound`",
        );
    }
    for attr in item.attrs.iter().filter(|attr| attr::is_ours(attr)) {
        faults.push(
            attr,
            "`#[hton(…)]` belongs to a method",
            "options of the service stand in `#[hton::service(…)]`",
        );
    }
    faults.count() == before
}

/// Refuses what may not stand around a method's name and arguments.
pub(crate) fn qualifiers_fit(item: &TraitItemFn, faults: &mut Faults) {
    let sig = &item.sig;
    if let Some(token) = &sig.constness {
        faults.push(
            token,
            "a method that is called across a connection cannot be const",
            "leave `const` out",
        );
    }
    if let Safety::Unsafe(_) | Safety::Safe(_) = &sig.safety {
        faults.push(
            &sig.safety,
            "a method that any peer may call cannot be unsafe",
            "leave `unsafe` out, and check the arguments in the handler",
        );
    }
    if let Some(abi) = &sig.abi {
        faults.push(abi, "a method of a service has no ABI of its own", "leave `extern` out");
    }
    if !sig.generics.params.is_empty() {
        let lifetimes_only = sig.generics.type_params().next().is_none()
            && sig.generics.const_params().next().is_none();
        let help = if lifetimes_only {
            "leave the lifetimes out: write `&str`, `&[u8]` or `Cow<'_, str>`"
        } else {
            "write concrete types, or one method for each of them"
        };
        faults.push(
            &sig.generics,
            "a method of a service has no generic parameters: the peer could not know them",
            help,
        );
    }
    if let Some(clause) = &sig.generics.where_clause {
        faults.push(
            clause,
            "a method of a service has no where clause",
            "leave it out: the types of a method are concrete",
        );
    }
    if let Some(variadic) = &sig.variadic {
        faults.push(
            variadic,
            "a method of a service takes a fixed number of arguments",
            "take a `Vec<T>`",
        );
    }
    if let Some(body) = &item.default {
        faults.push(
            body,
            "a method of a service has no default body: a caller could not tell which one runs",
            "end the signature with `;` and write the body where the trait is implemented",
        );
    }
}

/// Refuses a method that does not take `&self`.
pub(crate) fn receiver_fits(sig: &Signature, faults: &mut Faults) {
    let help = "write `&self`: calls run side by side; state that changes belongs in a `Mutex` or an atomic";
    let receiver = sig.inputs.iter().find_map(|input| match input {
        FnArg::Receiver(receiver) => Some(receiver),
        FnArg::Typed(_) => None,
    });
    match receiver {
        None => faults.push(&sig.ident, "a method of a service takes `&self`", help),
        Some(Receiver {
            attrs,
            mutability: None,
            kind: ReceiverKind::Reference(_, lifetime, None),
            ..
        }) => {
            if let Some(lifetime) = lifetime {
                faults.push(
                    lifetime,
                    "`&self` has no lifetime of its own in a service",
                    "write `&self`",
                );
            }
            if let Some(attr) = attrs.first() {
                faults.push(attr, "`&self` has no attributes in a service", "leave it out");
            }
        }
        Some(receiver) => faults.push(receiver, "a method of a service takes `&self`", help),
    }
}
