//! The kind of an error that a type raises through serde, which knows only texts.

use std::cell::Cell;

use super::{DecodeErrorKind, EncodeErrorKind};

thread_local! {
    static DECODE: Cell<Option<DecodeErrorKind>> = const { Cell::new(None) };
    static ENCODE: Cell<Option<EncodeErrorKind>> = const { Cell::new(None) };
}

/// The error that `make` makes, of this kind if it is the archive's.
#[cold]
pub(in crate::archive) fn decode<E>(kind: DecodeErrorKind, make: impl FnOnce() -> E) -> E {
    DECODE.set(Some(kind));
    let error = make();
    DECODE.set(None);
    error
}

/// The error that `make` makes, of this kind if it is the archive's.
#[cold]
pub(in crate::archive) fn encode<E>(kind: EncodeErrorKind, make: impl FnOnce() -> E) -> E {
    ENCODE.set(Some(kind));
    let error = make();
    ENCODE.set(None);
    error
}

pub(super) fn of_decoding() -> DecodeErrorKind {
    DECODE.take().unwrap_or(DecodeErrorKind::Custom)
}

pub(super) fn of_encoding() -> EncodeErrorKind {
    ENCODE.take().unwrap_or(EncodeErrorKind::Custom)
}
