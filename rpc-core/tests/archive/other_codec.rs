//! The bincode crate behind the archive's functions: the same bytes.

use std::collections::BTreeMap;

use rpc_core::archive::{self, DecodeErrorKind, DecodeLimits};

type Story<'a> = (u8, &'a str, Option<i64>, Vec<BTreeMap<char, f32>>, Result<(), String>);

#[test]
fn both_codecs_write_and_read_the_same_bytes() {
    let story: Story<'_> =
        (1, "text", Some(-2), vec![BTreeMap::from([('é', 1.5)])], Err("no".into()));
    let bytes = archive::to_vec(&story).unwrap();
    assert_eq!(archive::bincode::to_vec(&story).unwrap(), bytes);
    assert_eq!(archive::bincode::encoded_len(&story).unwrap(), bytes.len());
    let mut out = vec![9];
    archive::bincode::encode_into(&story, &mut out).unwrap();
    assert_eq!((out[0], &out[1..]), (9, &bytes[..]));
    let limits = DecodeLimits::default();
    assert_eq!(archive::bincode::from_slice::<Story<'_>>(&bytes, limits).unwrap(), story);
}

#[test]
fn both_codecs_refuse_trailing_bytes() {
    let error = archive::bincode::from_slice::<u8>(&[1, 2], DecodeLimits::default()).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::Trailing, 1));
    assert!(archive::bincode::from_slice::<u8>(&[1], DecodeLimits::default()).is_ok());
    assert!(archive::bincode::from_slice::<bool>(&[2], DecodeLimits::default()).is_err());
}
