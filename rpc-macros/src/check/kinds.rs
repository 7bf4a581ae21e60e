//! The rules of each kind of call: what streams, what answers, and what does not.

use super::travel::{self, Place};
use crate::fault::Faults;
use crate::model::{Answer, Failing, Items, Method, Output};
use crate::types;
use quote::ToTokens;
use syn::Type;

/// At most one stream of items from the caller, whose items are values.
pub(super) fn arguments(method: &Method, faults: &mut Faults) {
    for (position, (argument, item)) in method.streams().enumerate() {
        if position > 0 {
            faults.push(
                &argument.ty,
                "a method takes one stream: a call carries one each way",
                "make one stream of both, whose items are an enum",
            );
        } else if types::last_segment(&item.ty).is_some_and(|last| last.ident == "Result") {
            faults.push(
                &item.ty,
                "the items of a caller carry no error: a caller that fails cancels its call",
                "write `hton::Rx<T>`; for items that say what went wrong, an enum of your own",
            );
        } else {
            travel::check(&item.ty, Place::Item, faults);
        }
    }
}

/// What comes back is owned, and a call declares one error.
pub(super) fn answer(output: &Output, faults: &mut Faults) {
    match &output.answer {
        Answer::Value(value) => travel::check(&value.ty, Place::Answer, faults),
        Answer::Stream(items) => travel::check(&items.item.ty, Place::Item, faults),
    }
    for error in output.errors() {
        // A `Status` becomes the code of the response.
        if let Some(ty) = error.declared() {
            travel::check(ty, Place::Answer, faults);
        }
    }
    if let Some(items) = output.items() {
        one_error(output, items, faults);
    }
}

fn one_error(output: &Output, items: &Items, faults: &mut Faults) {
    let declared = |error: &Option<Failing>| error.as_ref().and_then(Failing::declared).map(text);
    let (before, among) = (declared(&output.error), declared(&items.error));
    if before.is_some() && among.is_some() && before != among {
        faults.push(
            items.error.as_ref().map(Failing::ty),
            "a call declares one error: the one that ends this stream is not the one that refuses it",
            "write the same type in both places, or `hton::Status` in one of them",
        );
    }
}

fn text(ty: &Type) -> String {
    types::peel(ty).to_token_stream().to_string()
}

/// Nothing comes back from a one-way call, and nothing follows its message.
pub(super) fn oneway(method: &Method, faults: &mut Faults) {
    if let Some((argument, _)) = method.streams().next() {
        faults.push(
            &argument.ty,
            "a one-way call is one message: no items follow it",
            "take a `Vec<T>`, or leave `oneway` out",
        );
    }
    let output = &method.output;
    if output.items().is_some() {
        faults.push(
            &output.written,
            "nothing comes back from a one-way call, also no stream",
            "leave the stream out, or leave `oneway` out",
        );
    } else if let Some(error) = &output.error {
        faults.push(
            error.ty(),
            "nothing comes back from a one-way call: nobody would see this error",
            "deal with it in the handler, or leave `oneway` out",
        );
    } else if !types::is_unit(&output.written) {
        faults.push(
            &output.written,
            "nothing comes back from a one-way call",
            "leave the result out, or leave `oneway` out",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::checked;
    use syn::parse_quote;

    #[test]
    fn every_form_of_a_stream_is_a_method() {
        let (left, faults) = checked(&parse_quote! {
            trait Numbers {
                async fn sum(&self, cx: &Context, numbers: hton::Rx<i64>, from: i64) -> i64;
                async fn tried(&self, numbers: Rx<Vec<u8>>) -> Result<(), hton::Status>;
                fn count(&self, to: u32) -> impl hton::Stream<Item = u32>;
                fn checked(&self, to: u32) -> impl Stream<Item = Result<u32, E>>;
                async fn refused(&self) -> Result<impl Stream<Item = Cow<'static, str>>, Status>;
                async fn both(&self) -> Result<impl Stream<Item = Result<u8, E>>, E>;
                async fn mixed(&self) -> Result<impl Stream<Item = Result<u8, E>>, Status>;
                fn echo(&self, a: Rx<String>) -> impl Stream<Item = String> + Send;
            }
        });
        assert_eq!(faults, [""; 0]);
        assert_eq!(left.len(), 8);
    }

    #[test]
    fn a_call_carries_one_stream_each_way() {
        let (left, faults) = checked(&parse_quote! {
            trait Numbers {
                async fn two(&self, a: Rx<u8>, b: Rx<u8>);
                fn one(&self, a: Rx<u8>) -> impl Stream<Item = u8>;
            }
        });
        assert_eq!((left, faults.len()), (vec!["one".to_owned()], 1));
        assert!(faults[0].starts_with("a method takes one stream"), "{faults:#?}");
    }

    #[test]
    fn a_one_way_method_answers_nothing() {
        let (left, faults) = checked(&parse_quote! {
            trait Log {
                #[hton(oneway)] async fn nothing(&self, cx: &Context, a: &str);
                #[hton(oneway)] async fn unit(&self) -> ();
                #[hton(oneway, spawn)] async fn in_a_task(&self);
                #[hton(oneway)] async fn value(&self) -> u8;
                #[hton(oneway)] async fn error(&self) -> Result<(), E>;
                #[hton(oneway)] async fn status(&self) -> Result<(), Status>;
                #[hton(oneway)] fn stream(&self) -> impl Stream<Item = u8>;
                #[hton(oneway)] async fn items(&self, a: Rx<u8>);
            }
        });
        assert_eq!(left, ["nothing", "unit", "in_a_task"]);
        assert_eq!(faults.len(), 5, "{faults:#?}");
    }

    #[test]
    fn a_stream_ends_with_the_error_that_can_refuse_it() {
        let (left, faults) = checked(&parse_quote! {
            trait Numbers {
                async fn a(&self) -> Result<impl Stream<Item = Result<u8, E>>, F>;
                async fn b(&self) -> Result<impl Stream<Item = Result<u8, Status>>, E>;
                async fn c(&self) -> Result<impl Stream<Item = Result<u8, (E, F)>>, (E, F)>;
            }
        });
        assert_eq!(left, ["b", "c"]);
        assert_eq!(faults.len(), 1, "{faults:#?}");
    }
}
