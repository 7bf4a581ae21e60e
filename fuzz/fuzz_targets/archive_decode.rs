//! Any bytes, decoded as any of many types: the archive and bincode accept the same and see the same.
//!
//! The first byte selects the type. Inputs are at most 4 KiB and no type has sequences of zero-size
//! elements, which bounds what bincode does with hostile bytes; limits that only the archive has
//! (depth, memory) are left out of the comparison.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;

use bincode::config::{BigEndian, Configuration, Fixint, Limit, standard};
use libfuzzer_sys::fuzz_target;
use rpc_core::archive::{DecodeErrorKind, DecodeLimits, LoadError, from_slice, read_from, to_vec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const INPUT_BYTES_MAX: usize = 4096;

const BINCODE: Configuration<BigEndian, Fixint, Limit<65_536>> =
    standard().with_big_endian().with_fixed_int_encoding().with_limit::<65_536>();

#[derive(Serialize, Deserialize)]
struct Scalars {
    a: bool,
    b: (u8, i8, u16, i16, u32, i32),
    c: [u64; 2],
    d: i64,
    e: u128,
    f: i128,
    g: (f32, f64),
    h: char,
    i: String,
    j: NonZeroU16,
    k: (),
}

#[derive(Serialize, Deserialize)]
enum Shape {
    Dot,
    Circle(u32),
    Line(i8, String),
    Box { width: u64, label: Option<char> },
}

#[derive(Serialize, Deserialize)]
struct Link {
    next: Option<Box<Self>>,
}

#[derive(Serialize, Deserialize)]
enum Tree {
    Leaf(u8),
    Kids(Vec<Self>),
}

#[derive(Serialize, Deserialize)]
struct Order {
    id: u64,
    items: Vec<(String, u32, [f64; 3])>,
    note: Option<String>,
    tags: Vec<Shape>,
    wide: Vec<Option<[u64; 32]>>,
}

/// Whether a value has one encoding only; maps and sets accept any order and doubles.
#[derive(PartialEq)]
enum Form {
    Unique,
    Loose,
}

fn compare<T: Serialize + DeserializeOwned>(bytes: &[u8], form: Form) {
    let limits = DecodeLimits::default();
    let ours = from_slice::<T>(bytes, limits);
    let streamed = read_from::<_, T>(bytes, limits);
    let theirs = bincode::serde::decode_from_slice::<T, _>(bytes, BINCODE);
    match ours {
        Ok(value) => {
            let encoded = to_vec(&value).unwrap();
            let (other, taken) = theirs.unwrap_or_else(|error| panic!("bincode refuses: {error}"));
            assert_eq!((&to_vec(&other).unwrap(), taken), (&encoded, bytes.len()));
            assert_eq!(to_vec(&streamed.unwrap()).unwrap(), encoded);
            assert!(form == Form::Loose || encoded == bytes, "a second encoding of a value");
        }
        Err(error) => {
            assert!(error.offset() <= bytes.len() as u64, "{error}");
            assert!(!error.to_string().is_empty());
            match error.kind() {
                DecodeErrorKind::Depth | DecodeErrorKind::Budget => {}
                DecodeErrorKind::Trailing => {
                    let (_, taken) = theirs.unwrap_or_else(|theirs| panic!("{error}: {theirs}"));
                    assert_eq!(taken as u64, error.offset());
                }
                _ => {
                    assert!(theirs.is_err(), "bincode accepts: {error}");
                    assert!(
                        matches!(streamed, Err(LoadError::Archive(_))),
                        "a stream is accepted: {error}"
                    );
                }
            }
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((selector, bytes)) = input.split_first() else { return };
    if bytes.len() > INPUT_BYTES_MAX {
        return;
    }
    match selector % 16 {
        0 => compare::<Scalars>(bytes, Form::Unique),
        1 => compare::<Shape>(bytes, Form::Unique),
        2 => compare::<Link>(bytes, Form::Unique),
        3 => compare::<Tree>(bytes, Form::Unique),
        4 => compare::<Order>(bytes, Form::Unique),
        5 => compare::<Vec<u8>>(bytes, Form::Unique),
        6 => compare::<Vec<Option<[u64; 32]>>>(bytes, Form::Unique),
        7 => compare::<String>(bytes, Form::Unique),
        8 => compare::<Vec<char>>(bytes, Form::Unique),
        9 => compare::<BTreeMap<String, Vec<Shape>>>(bytes, Form::Loose),
        10 => compare::<BTreeSet<i32>>(bytes, Form::Loose),
        11 => compare::<Vec<Result<u32, String>>>(bytes, Form::Unique),
        12 => compare::<Option<Option<Vec<bool>>>>(bytes, Form::Unique),
        13 => compare::<(Vec<Vec<u16>>, String, f64)>(bytes, Form::Unique),
        14 => compare::<Vec<BTreeMap<u8, ()>>>(bytes, Form::Loose),
        _ => compare::<[Box<Shape>; 3]>(bytes, Form::Unique),
    }
});
