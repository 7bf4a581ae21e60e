//! Promises of `#[derive(hton::Schema)]` and `#[hton::data]`: what is derived is what serde writes,
//! and what the vectors of the spec say.

mod attributes;
mod generics;
mod vectors;

use hton::Schema;
use hton::schema::{MethodTypes, verify};
use serde::Serialize;

/// The type as a canonical text has it, once each of these values has been found to be written so.
#[track_caller]
fn text<T: Schema + Serialize>(values: &[T]) -> String {
    assert!(!values.is_empty());
    for value in values {
        verify(value).expect("serde writes what the schema says");
    }
    let signature = MethodTypes::new("S/m").result(T::schema).signature();
    let signature = signature.expect("the type has a text");
    signature.text().strip_prefix("hton-sig/1;S/m;args={};ok=").expect("a result").to_owned()
}
