//! What a test says of a type of its own: these are its bytes, and it comes back as it was.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{DecodeLimits, Load, Store, from_slice, to_vec};

/// Asserts that a value has exactly these bytes, and that these bytes are that value.
///
/// Encoding gives the bytes; decoding them, at once and from a stream, gives a value with the same bytes; no shorter
/// run of them is accepted. This is the net under a `Serialize` and `Deserialize` written by hand: with the derive the
/// two cannot differ.
///
/// # Panics
///
/// When one of these does not hold; the text says which.
///
/// ```
/// # use rpc_core::assert_wire;
/// assert_wire!((1_u8, "hi".to_owned()), [1, 0, 0, 0, 0, 0, 0, 0, 2, b'h', b'i']);
/// ```
///
/// ```should_panic
/// # use rpc_core::assert_wire;
/// assert_wire!(0x0102_u16, [2, 1]);
/// ```
#[macro_export]
macro_rules! assert_wire {
    ($value:expr, $bytes:expr $(,)?) => {{
        let bytes: &[u8] = &$bytes[..];
        $crate::archive::check::wire(&$value, bytes)
    }};
}

/// Asserts that values of a type come back as they were: from memory, from a message, and from a raw archive.
///
/// The type needs `PartialEq` and `Debug`.
///
/// # Panics
///
/// When a value does not come back as it was, or comes back from fewer or more bytes.
///
/// ```
/// # use rpc_core::assert_round_trip;
/// assert_round_trip!(Option<char>: None, Some('é'));
/// ```
#[macro_export]
macro_rules! assert_round_trip {
    ($type:ty: $($value:expr),+ $(,)?) => {{
        $($crate::archive::check::round_trip::<$type>(&$value);)+
    }};
}

/// What [`assert_wire!`](crate::assert_wire) asserts.
///
/// # Panics
///
/// As the macro says.
#[track_caller]
pub fn wire<T: Serialize + DeserializeOwned>(value: &T, bytes: &[u8]) {
    let encoded = encoded(value);
    assert_eq!(encoded, bytes, "the value has other bytes (left) than were expected (right)");
    comes_back(bytes, |back: &T| {
        assert_eq!(self::encoded(back), bytes, "the value comes back with other bytes (left)");
    });
}

/// What [`assert_round_trip!`](crate::assert_round_trip) asserts of each value.
///
/// # Panics
///
/// As the macro says.
#[track_caller]
pub fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    comes_back(&encoded(value), |back: &T| {
        assert_eq!(back, value, "the value comes back (left) as another");
    });
    let mut out = Store::new(Vec::new());
    let stored = out.store(value).and_then(Store::flush);
    assert!(stored.is_ok(), "the value cannot be stored: {stored:?}");
    let message = out.abort();
    let mut from = Load::new(message.as_slice());
    let loaded: Vec<_> = from.messages::<T>().collect();
    match loaded.as_slice() {
        [Ok(loaded)] => assert_eq!(loaded, value, "the value comes back (left) as another"),
        other => panic!("the value comes back as {other:?}"),
    }
}

/// Asserts that bytes are a value, at once and from a stream, that is as `same` asserts, and that no fewer of them are one.
#[track_caller]
fn comes_back<T: DeserializeOwned>(bytes: &[u8], same: impl Fn(&T)) {
    let read = |bytes| from_slice::<T>(bytes, DecodeLimits::default());
    match read(bytes) {
        Ok(back) => same(&back),
        Err(error) => panic!("the bytes of the value cannot be decoded: {error}"),
    }
    for len in 0..bytes.len() {
        let part = bytes.get(..len).unwrap_or_default();
        assert!(read(part).is_err(), "the first {len} of the bytes are a value as well");
    }
    match Load::raw(bytes).load::<T>() {
        Ok(back) => same(&back),
        Err(error) => panic!("the bytes of the value cannot be decoded from a stream: {error}"),
    }
}

#[track_caller]
fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    match to_vec(value) {
        Ok(bytes) => bytes,
        Err(error) => panic!("the value cannot be encoded: {error}"),
    }
}
