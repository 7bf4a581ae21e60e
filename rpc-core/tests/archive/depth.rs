//! The depth limit: the same for both directions, counted as the spec counts, held on a small stack.

use std::collections::BTreeMap;

use rpc_core::archive::{
    DecodeErrorKind, DecodeLimits, EncodeErrorKind, encoded_len, from_slice, to_vec,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::on_small_stack;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain(Option<Box<Self>>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Link {
    next: Option<Box<Self>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Layer {
    Core,
    Newtype(Box<Self>),
    Tuple(u8, Box<Self>),
    Struct { inner: Box<Self> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nest(Vec<Self>);

/// As a user's message may be: large on the stack at every level.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Fat {
    payload: ([u64; 32], [u64; 32], [u64; 32]),
    names: [String; 8],
    next: Option<Box<Self>>,
}

/// Checks that a value counts as `levels`: that many are enough for it, one less is not.
fn assert_levels<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    value: &T,
    levels: u16,
) {
    let bytes = to_vec(value).unwrap();
    let decode = |depth| from_slice::<T>(&bytes, DecodeLimits::new(1 << 20, depth));
    assert_eq!(&decode(levels).unwrap(), value);
    if let Some(less) = levels.checked_sub(1) {
        assert_eq!(decode(less).unwrap_err().kind(), DecodeErrorKind::Depth, "{value:?}");
    }
}

#[test]
fn every_kind_of_value_counts_as_the_spec_says() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Unit;
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Newtype(u8);
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Pair(u8, u8);
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Empty {}

    assert_levels(&7_u8, 0);
    assert_levels(&"text".to_owned(), 0);
    assert_levels(&(), 0);
    assert_levels(&Unit, 0);
    assert_levels(&Newtype(1), 0);
    assert_levels(&Box::new(1_u8), 0);
    assert_levels(&None::<u8>, 1);
    assert_levels(&Some(1_u8), 1);
    assert_levels(&Vec::<u8>::new(), 1);
    assert_levels(&vec![1_u8], 1);
    assert_levels(&BTreeMap::from([(1_u8, 1_u8)]), 1);
    assert_levels(&(1_u8, 2_u8), 1);
    assert_levels(&[1_u8, 2], 1);
    assert_levels(&Pair(1, 2), 1);
    assert_levels(&Empty {}, 1);
    assert_levels(&Layer::Core, 1);
    assert_levels(&Layer::Newtype(Box::new(Layer::Core)), 2);
    assert_levels(&Layer::Tuple(1, Box::new(Layer::Core)), 2);
    assert_levels(&Layer::Struct { inner: Box::new(Layer::Core) }, 2);
    assert_levels(&(vec![Some(Pair(1, 2))], 3_u8), 4);
    assert_levels(&(vec![vec![1_u8]], vec![1_u8], [Some(1_u8)]), 3);
}

/// The value `inner`, wrapped `times` times.
fn wrapped<T>(times: usize, inner: T, wrap: impl Fn(T) -> T) -> T {
    (0..times).fold(inner, |value, _| wrap(value))
}

fn assert_limit<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    deepest: &T,
    too_deep: &T,
) {
    assert_levels(deepest, DecodeLimits::DEPTH);
    for error in [to_vec(too_deep).unwrap_err(), encoded_len(too_deep).unwrap_err()] {
        assert_eq!(error.kind(), EncodeErrorKind::Depth);
    }
}

#[test]
fn a_value_of_128_levels_travels_and_one_of_129_does_not_even_on_a_small_stack() {
    on_small_stack(|| {
        let chain = |n| wrapped(n, Chain(None), |inner| Chain(Some(Box::new(inner))));
        assert_limit(&chain(127), &chain(128));
        let link =
            |n| wrapped(n, Link { next: None }, |inner| Link { next: Some(Box::new(inner)) });
        assert_limit(&link(63), &link(64));
        let nest = |n| wrapped(n, Nest(Vec::new()), |inner| Nest(vec![inner]));
        assert_limit(&nest(127), &nest(128));
        let newtype = |n| wrapped(n, Layer::Core, |inner| Layer::Newtype(Box::new(inner)));
        assert_limit(&newtype(127), &newtype(128));
        let tuple = |n| wrapped(n, Layer::Core, |inner| Layer::Tuple(1, Box::new(inner)));
        assert_limit(&tuple(127), &tuple(128));
        let inner = |n| wrapped(n, Layer::Core, |inner| Layer::Struct { inner: Box::new(inner) });
        assert_limit(&inner(127), &inner(128));
        let fat = |n| {
            let level = |next| Fat {
                payload: ([1; 32], [2; 32], [3; 32]),
                names: Default::default(),
                next,
            };
            wrapped(n, level(None), |inner| level(Some(Box::new(inner))))
        };
        let deepest = to_vec(&fat(62)).unwrap();
        assert!(from_slice::<Fat>(&deepest, DecodeLimits::default()).is_ok());
        assert_eq!(to_vec(&fat(64)).unwrap_err().kind(), EncodeErrorKind::Depth);
    });
}

#[test]
fn a_million_levels_are_refused_in_both_directions_on_a_small_stack() {
    on_small_stack(|| {
        let mut value =
            wrapped(1_000_000, Link { next: None }, |inner| Link { next: Some(Box::new(inner)) });
        let error = to_vec(&value).unwrap_err();
        assert_eq!(error.kind(), EncodeErrorKind::Depth);
        assert_eq!(error.path(), ["next"; 64].join("."));
        // The derived drop would recurse.
        while let Some(next) = value.next.take() {
            value = *next;
        }
        let limits = DecodeLimits::default();
        let error = from_slice::<Link>(&[1; 1_000_000], limits).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::Depth, 64));
        assert_eq!(error.path(), ["next"; 64].join("."));
        let error = from_slice::<Chain>(&[1; 1_000_000], limits).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::Depth, 128));
    });
}
