//! Borrowed text and bytes are not copied, and encoding takes one allocation of the exact size.

use std::borrow::Cow;

use alloc_counter::measure;
use rpc_core::archive::{encode_into, encoded_len, to_vec};
use serde::{Deserialize, Serialize};

use super::decode;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Borrowed<'a> {
    text: &'a str,
    data: &'a [u8],
    #[serde(borrow)]
    cow: Cow<'a, str>,
}

#[test]
fn borrowed_parts_lie_in_the_message() {
    struct Bytes<'a>(&'a [u8]);
    impl Serialize for Bytes<'_> {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.serialize_bytes(self.0)
        }
    }
    let bytes = to_vec(&("text", Bytes(b"data"), "cow")).unwrap();
    let (value, cost) = measure(|| decode::<Borrowed<'_>>(&bytes).unwrap());
    assert_eq!(value, Borrowed { text: "text", data: b"data", cow: Cow::Borrowed("cow") });
    assert!(matches!(value.cow, Cow::Borrowed(_)));
    assert_eq!(cost.allocations, 0);
    assert!(bytes.as_ptr_range().contains(&value.data.as_ptr()));
}

#[test]
fn encoding_allocates_once_and_exactly() {
    let value = vec![("a".to_owned(), 1_u64), ("b".to_owned(), 2)];
    let (bytes, cost) = measure(|| to_vec(&value).unwrap());
    assert_eq!((cost.allocations, cost.peak_bytes), (1, bytes.len()));
    assert_eq!((bytes.len(), bytes.capacity()), (encoded_len(&value).unwrap(), bytes.len()));
    let mut buffer = Vec::with_capacity(bytes.len());
    let (_, cost) = measure(|| encode_into(&value, &mut buffer).unwrap());
    assert_eq!((cost.allocations, buffer), (0, bytes));
}
