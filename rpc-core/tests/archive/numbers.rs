//! Collections of numbers, which are read apart from other values: the same kinds, offsets and paths of faults.

use std::collections::BTreeMap;
use std::fmt;

use rpc_core::archive::{DecodeErrorKind as Kind, DecodeLimits, Load, from_slice, to_vec};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use super::decode;

fn fault<T: de::DeserializeOwned + fmt::Debug>(bytes: &[u8]) -> (Kind, u64, String) {
    let error = decode::<T>(bytes).unwrap_err();
    (error.kind(), error.offset(), error.path().to_owned())
}

/// Takes two numbers and refuses a third.
#[derive(Debug)]
struct Pair;

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;

        impl<'de> Visitor<'de> for Numbers {
            type Value = Pair;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("two numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Pair, A::Error> {
                let mut taken = 0;
                while numbers.next_element::<u16>()?.is_some() {
                    taken += 1;
                    if taken == 3 {
                        return Err(de::Error::custom("no third"));
                    }
                }
                Ok(Pair)
            }
        }

        deserializer.deserialize_seq(Numbers)
    }
}

#[test]
fn numbers_that_are_cut() {
    let bytes = to_vec(&vec![1_u32, 2, 3]).unwrap();
    assert_eq!(decode::<Vec<u32>>(&bytes).unwrap(), [1, 2, 3]);
    let cut = &bytes[..bytes.len() - 1];
    assert_eq!(fault::<Vec<u32>>(cut), (Kind::Eof, 16, "[2]".to_owned()));
    let error = Load::raw(cut).load::<Vec<u32>>().unwrap_err();
    let error = error.archive().unwrap();
    assert_eq!((error.kind(), error.offset(), error.path()), (Kind::Eof, 16, "[2]"));
}

#[test]
fn numbers_between_other_values() {
    let value = (vec![(1_u16, vec![2_u64, 3], "four".to_owned())], vec![5_u8], true);
    let bytes = to_vec(&value).unwrap();
    assert_eq!(decode::<(Vec<(u16, Vec<u64>, String)>, Vec<u8>, bool)>(&bytes).unwrap(), value);
    let map = BTreeMap::from([(1_u8, vec![-2_i16]), (3, vec![])]);
    assert_eq!(decode::<BTreeMap<u8, Vec<i16>>>(&to_vec(&map).unwrap()).unwrap(), map);
}

#[test]
fn numbers_that_their_type_refuses() {
    decode::<Pair>(&to_vec(&vec![1_u16, 2]).unwrap()).unwrap();
    let three = to_vec(&vec![1_u16, 2, 3]).unwrap();
    assert_eq!(fault::<Pair>(&three), (Kind::Custom, 14, String::new()));
    let nonzero = to_vec(&vec![7_u16, 0]).unwrap();
    let place = (Kind::Custom, 10, "[1]".to_owned());
    assert_eq!(fault::<Vec<std::num::NonZeroU16>>(&nonzero), place);
}

#[test]
fn numbers_beyond_the_budget() {
    let bytes = to_vec(&vec![vec![1_u64, 2]]).unwrap();
    let place = size_of::<Vec<u64>>();
    // The outermost value has a place of its own; the inner one and the numbers are paid for.
    let read = |budget| from_slice::<Vec<Vec<u64>>>(&bytes, DecodeLimits::new(budget, 8));
    assert_eq!(read(place + 16).unwrap(), [[1, 2]]);
    let error = read(place + 15).unwrap_err();
    assert_eq!((error.kind(), error.offset(), error.path()), (Kind::Budget, 16, "[0]"));
}
