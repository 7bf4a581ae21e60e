//! Reads what a method answers: a value or a stream, and what may stand in its place.

use super::typed;
use crate::fault::Faults;
use crate::model::{Answer, Failing, Items, Output};
use crate::types;
use syn::{ReturnType, Signature, Type, parse_quote};

/// Reads a return type, and refuses an `async` that does not go with it.
pub(super) fn read(sig: &Signature, faults: &mut Faults) -> Output {
    let written = match &sig.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, ty) => Type::clone(ty),
    };
    if let Type::Never(never) = types::peel(&written) {
        faults.push(
            never,
            "a method that never answers holds its caller for ever",
            "leave the return type out, or return what the caller waits for",
        );
    }
    let (value, error) = result(&written, faults);
    let answer = if types::promises(&value, "Stream") {
        begins(sig, error.is_some(), faults);
        Answer::Stream(Box::new(items(&value, sig.asyncness.is_some(), faults)))
    } else {
        if sig.asyncness.is_none() && !types::promises(&value, "Future") && !types::streams(&value)
        {
            faults.push(
                sig.fn_token,
                "a method of a service is an `async fn`",
                "write `async fn`: the handler runs at the other end of a connection",
            );
        }
        Answer::Value(typed(&value))
    };
    Output { written, answer, error }
}

/// Refuses an `async` that waits for nothing, and a refusal that nobody waits for.
fn begins(sig: &Signature, may_refuse: bool, faults: &mut Faults) {
    match &sig.asyncness {
        Some(token) if !may_refuse => faults.push(
            token,
            "a method that only streams has nothing to await before its stream begins",
            "leave `async` out, or return `Result<impl hton::Stream<Item = T>, E>` to refuse first",
        ),
        None if may_refuse => faults.push(
            sig.fn_token,
            "a method that may refuse its stream is an `async fn`",
            "write `async fn`, or put the error among the items: `impl hton::Stream<Item = Result<T, E>>`",
        ),
        _ => {}
    }
}

/// Takes `impl Stream<Item = T>` apart, or `impl Stream<Item = Result<T, E>>`.
fn items(promise: &Type, awaited: bool, faults: &mut Faults) -> Items {
    let (item, error) = match types::promised_item(promise) {
        Some(item) => result(item, faults),
        None => {
            faults.push(
                promise,
                "this stream does not say what its items are",
                "write `impl hton::Stream<Item = T>`",
            );
            (parse_quote!(()), None)
        }
    };
    Items { item: typed(&item), awaited, error }
}

/// Takes `Result<T, E>` apart.
fn result(written: &Type, faults: &mut Faults) -> (Type, Option<Failing>) {
    let plain = || (written.clone(), None);
    let Some(last) = types::last_segment(written) else {
        return plain();
    };
    if last.ident != "Result" {
        return plain();
    }
    match types::type_arguments(last)[..] {
        [value, error] if types::is_plain(error, "Status") => {
            (value.clone(), Some(Failing::Status(error.clone())))
        }
        [value, error] => (value.clone(), Some(Failing::Declared(error.clone()))),
        _ => {
            faults.push(
                written,
                "this `Result` does not say its error type: an alias hides it from the macro",
                "write both: `Result<T, E>`, where `E` is `hton::Status` or an error type of your own",
            );
            (parse_quote!(()), None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Carrier;
    use syn::TraitItemFn;

    fn read(item: TraitItemFn) -> (Output, Vec<String>) {
        let mut faults = Faults::default();
        let output = super::read(&item.sig, &mut faults);
        (output, faults.messages())
    }

    #[test]
    fn a_result_tells_both_of_its_types_or_is_refused() {
        let (output, faults) = read(parse_quote!(
            async fn f(&self) -> std::result::Result<u8, E>;
        ));
        assert!(faults.is_empty() && output.declared().is_some());
        let (_, faults) = read(parse_quote!(
            async fn f(&self) -> io::Result<u8>;
        ));
        assert_eq!(faults.len(), 1);
    }

    #[test]
    fn a_status_is_an_error_and_no_value() {
        let (output, faults) = read(parse_quote!(
            async fn f(&self) -> Result<u8, hton::Status>;
        ));
        assert!(faults.is_empty() && output.declared().is_none());
        assert!(matches!(output.error, Some(Failing::Status(_))));
    }

    #[test]
    fn a_stream_begins_at_once_or_after_a_result() {
        let (output, faults) = read(parse_quote!(
            fn f(&self) -> impl hton::Stream<Item = Bytes> + Unpin;
        ));
        let items = output.items().expect("it streams");
        assert!(faults.is_empty() && !items.awaited && output.errors().next().is_none());
        assert_eq!(items.item.carrier, Carrier::Shared);
        let (output, faults) = read(parse_quote!(
            async fn f(&self) -> Result<impl Stream<Item = Result<u8, Status>>, E>;
        ));
        let items = output.items().expect("it streams");
        assert!(faults.is_empty() && items.awaited);
        assert!(matches!(items.error, Some(Failing::Status(_))));
        assert_eq!(output.errors().count(), 2);
        assert!(output.declared().is_some());
    }

    #[test]
    fn async_stands_where_there_is_something_to_await_and_nowhere_else() {
        let refused: [TraitItemFn; 5] = [
            parse_quote!(
                async fn f(&self) -> impl Stream<Item = u8>;
            ),
            parse_quote!(
                async fn f(&self) -> impl Stream<Item = Result<u8, E>>;
            ),
            parse_quote!(
                fn f(&self) -> Result<impl Stream<Item = u8>, E>;
            ),
            parse_quote!(
                fn f(&self) -> impl Stream;
            ),
            parse_quote!(
                fn f(&self) -> u8;
            ),
        ];
        for item in refused {
            let text = quote::ToTokens::to_token_stream(&item);
            let (_, faults) = read(item);
            assert_eq!(faults.len(), 1, "{text}: {faults:#?}");
        }
    }
}
