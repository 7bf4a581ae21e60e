//! The archive's bytes are bincode's, for any value of many shapes of type, in both directions.
//!
//! `HTON_CASES` sets how many values of each shape are tried.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroI64, NonZeroU32};
use std::ops::{Bound, Range};
use std::rc::Rc;
use std::time::Duration;

use bincode::config::{BigEndian, Configuration, Fixint, standard};
use proptest::collection::{btree_map, btree_set, hash_map, hash_set, vec, vec_deque};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rpc_core::archive::{DecodeErrorKind, encoded_len, to_vec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::decode;

const BINCODE: Configuration<BigEndian, Fixint> =
    standard().with_big_endian().with_fixed_int_encoding();

fn cases() -> u32 {
    std::env::var("HTON_CASES").map_or(256, |cases| cases.parse().unwrap())
}

fn same_both_ways<T>(strategy: impl Strategy<Value = T>)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let config = Config { cases: cases(), failure_persistence: None, ..Config::default() };
    let run = TestRunner::new(config).run(&strategy, |value| {
        let ours = to_vec(&value).unwrap();
        let theirs = bincode::serde::encode_to_vec(&value, BINCODE).unwrap();
        prop_assert_eq!(&ours, &theirs);
        prop_assert_eq!(encoded_len(&value).unwrap(), ours.len());
        prop_assert_eq!(&decode::<T>(&theirs).unwrap(), &value);
        let (back, taken) = bincode::serde::decode_from_slice::<T, _>(&ours, BINCODE).unwrap();
        prop_assert_eq!((&back, taken), (&value, ours.len()));
        if let Some((_, cut)) = ours.split_last() {
            let kind = decode::<T>(cut).map_err(|error| error.kind()).unwrap_err();
            prop_assert!(matches!(kind, DecodeErrorKind::Eof | DecodeErrorKind::Length));
        }
        let longer = [&ours[..], &[0]].concat();
        let kind = decode::<T>(&longer).map_err(|error| error.kind()).unwrap_err();
        prop_assert_eq!(kind, DecodeErrorKind::Trailing);
        Ok(())
    });
    run.unwrap();
}

/// Floats that are equal when their bits are.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Single(f32);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Double(f64);

impl PartialEq for Single {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

/// Bytes that take serde's bytes path.
#[derive(Clone, Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        from.deserialize_byte_buf(Visitor)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Color {
    Red,
    Green = 10,
    Blue,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Dot,
    Circle(u32),
    Line(i8, String),
    Box { width: u64, label: Option<char> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Marker;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Meters(u64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point(i32, i32);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Generic<T> {
    #[serde(rename = "the id", alias = "number")]
    id: u64,
    inner: T,
    #[serde(skip)]
    cache: u8,
    marker: Marker,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tree {
    value: u16,
    kids: Vec<Self>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum List {
    Nil,
    Cons(u8, Box<Self>),
}

fn color() -> impl Strategy<Value = Color> {
    prop_oneof![Just(Color::Red), Just(Color::Green), Just(Color::Blue)]
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Dot),
        any::<u32>().prop_map(Shape::Circle),
        any::<(i8, String)>().prop_map(|(x, name)| Shape::Line(x, name)),
        any::<(u64, Option<char>)>().prop_map(|(width, label)| Shape::Box { width, label }),
    ]
}

fn single() -> impl Strategy<Value = Single> {
    any::<u32>().prop_map(|bits| Single(f32::from_bits(bits)))
}

fn double() -> impl Strategy<Value = Double> {
    any::<u64>().prop_map(|bits| Double(f64::from_bits(bits)))
}

fn generic<T: Debug>(inner: impl Strategy<Value = T>) -> impl Strategy<Value = Generic<T>> {
    (any::<u64>(), inner).prop_map(|(id, inner)| Generic { id, inner, cache: 0, marker: Marker })
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = any::<u16>().prop_map(|value| Tree { value, kids: Vec::new() });
    leaf.prop_recursive(6, 32, 4, |inner| {
        (any::<u16>(), vec(inner, 0..4)).prop_map(|(value, kids)| Tree { value, kids })
    })
}

fn list() -> impl Strategy<Value = List> {
    vec(any::<u8>(), 0..100).prop_map(|heads| {
        heads.into_iter().fold(List::Nil, |tail, head| List::Cons(head, Box::new(tail)))
    })
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from),]
}

fn bound() -> impl Strategy<Value = Bound<u8>> {
    prop_oneof![
        any::<u8>().prop_map(Bound::Included),
        any::<u8>().prop_map(Bound::Excluded),
        Just(Bound::Unbounded),
    ]
}

macro_rules! shapes {
    ($($name:ident: $type:ty = $strategy:expr;)*) => {
        $(#[test]
        fn $name() {
            same_both_ways::<$type>($strategy);
        })*
    };
}

shapes! {
    bools: bool = any::<bool>();
    u8s: u8 = any::<u8>();
    u16s: u16 = any::<u16>();
    u32s: u32 = any::<u32>();
    u64s: u64 = any::<u64>();
    u128s: u128 = any::<u128>();
    usizes: usize = any::<usize>();
    i8s: i8 = any::<i8>();
    i16s: i16 = any::<i16>();
    i32s: i32 = any::<i32>();
    i64s: i64 = any::<i64>();
    i128s: i128 = any::<i128>();
    isizes: isize = any::<isize>();
    singles: Single = single();
    doubles: Double = double();
    chars: char = any::<char>();
    strings: String = any::<String>();
    boxed_strings: Box<str> = any::<String>().prop_map(Into::into);
    byte_buffers: Bytes = vec(any::<u8>(), 0..300).prop_map(Bytes);
    derived_byte_vectors: Vec<u8> = vec(any::<u8>(), 0..300);
    units: () = Just(());
    unit_structs: Marker = Just(Marker);
    newtypes: Meters = any::<u64>().prop_map(Meters);
    tuple_structs: Point = any::<(i32, i32)>().prop_map(|(x, y)| Point(x, y));
    options: Option<u32> = any::<Option<u32>>();
    nested_options: Option<Option<Option<u8>>> = any::<Option<Option<Option<u8>>>>();
    options_of_units: Option<()> = any::<Option<()>>();
    vectors_of_integers: Vec<u64> = vec(any::<u64>(), 0..300);
    vectors_of_vectors: Vec<Vec<i16>> = vec(vec(any::<i16>(), 0..10), 0..10);
    vectors_of_strings: Vec<String> = vec(any::<String>(), 0..10);
    vectors_of_structs: Vec<Generic<Point>> =
        vec(generic(any::<(i32, i32)>().prop_map(|(x, y)| Point(x, y))), 0..10);
    deques: VecDeque<u32> = vec_deque(any::<u32>(), 0..20);
    boxed_slices: Box<[u16]> = vec(any::<u16>(), 0..20).prop_map(Vec::into_boxed_slice);
    arrays: [u16; 5] = any::<[u16; 5]>();
    arrays_of_nothing: [u8; 0] = Just([]);
    arrays_of_strings: [String; 3] = any::<[String; 3]>();
    tuples: (u8, i64, String, bool) = any::<(u8, i64, String, bool)>();
    nested_tuples: ((u8, (char, u16)), [bool; 2]) = any::<((u8, (char, u16)), [bool; 2])>();
    sets: BTreeSet<i32> = btree_set(any::<i32>(), 0..20);
    hash_sets: HashSet<u8> = hash_set(any::<u8>(), 0..20);
    maps: BTreeMap<String, u32> = btree_map(any::<String>(), any::<u32>(), 0..10);
    hash_maps: HashMap<u16, Vec<u8>> = hash_map(any::<u16>(), vec(any::<u8>(), 0..5), 0..10);
    maps_to_units: BTreeMap<u8, ()> = btree_map(any::<u8>(), Just(()), 0..10);
    maps_of_enums: BTreeMap<Color, Shape> = btree_map(color(), shape(), 0..4);
    colors: Color = color();
    enums: Shape = shape();
    vectors_of_enums: Vec<Shape> = vec(shape(), 0..10);
    results: Result<u32, String> = prop_oneof![any::<u32>().prop_map(Ok), any::<String>().prop_map(Err)];
    structs: Generic<Shape> = generic(shape());
    nested_structs: Generic<Generic<Option<Double>>> =
        generic(generic(proptest::option::of(double())));
    trees: Tree = tree();
    lists: List = list().prop_filter("within the depth limit", |list| depth(list) <= 128);
    boxes: Box<(u8, Box<u16>)> = any::<(u8, u16)>().prop_map(|(a, b)| Box::new((a, Box::new(b))));
    durations: Duration = any::<(u64, u32)>()
        .prop_map(|(secs, nanos)| Duration::new(secs, nanos % 1_000_000_000));
    ranges: Range<u8> = any::<(u8, u8)>().prop_map(|(start, end)| start..end);
    bounds: Bound<u8> = bound();
    addresses: IpAddr = address();
    socket_addresses: SocketAddr =
        (address(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port));
    non_zero_integers: (NonZeroU32, NonZeroI64) = any::<(NonZeroU32, NonZeroI64)>();
    wrapping_integers: (std::num::Wrapping<u16>, std::cmp::Reverse<u8>) = any::<(u16, u8)>()
        .prop_map(|(a, b)| (std::num::Wrapping(a), std::cmp::Reverse(b)));
}

fn depth(list: &List) -> usize {
    match list {
        List::Nil => 1,
        List::Cons(_, tail) => 1 + depth(tail),
    }
}

/// Shared values are encoded where they stand, like any other.
#[test]
fn shared_values() {
    let shared = Rc::new(7_u8);
    #[derive(Serialize)]
    struct Two<'a>(&'a u8, &'a u8);
    assert_eq!(to_vec(&Two(&shared, &shared)).unwrap(), [7, 7]);
}
