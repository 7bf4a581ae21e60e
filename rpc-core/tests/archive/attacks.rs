//! The messages that break other decoders: small to send, ruinous to decode.

use alloc_counter::measure;
use rpc_core::archive::{DecodeErrorKind as Kind, DecodeLimits, from_slice, to_vec};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{decode, on_small_stack};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Decodes, expects this refusal, and tells the most memory that was held meanwhile.
fn refused<T: DeserializeOwned>(bytes: &[u8], limits: DecodeLimits, kind: Kind) -> usize {
    let (result, cost) = measure(|| from_slice::<T>(bytes, limits).map(drop));
    assert_eq!(result.unwrap_err().kind(), kind);
    cost.peak_bytes
}

fn count(count: u64) -> Vec<u8> {
    count.to_be_bytes().to_vec()
}

#[derive(Deserialize)]
struct Empty {}

#[test]
fn counts_of_values_without_bytes_are_refused_at_once() {
    for many in [1, 1 << 20, 1 << 40, u64::MAX] {
        let bytes = count(many);
        let limits = DecodeLimits::default();
        assert!(refused::<Vec<()>>(&bytes, limits, Kind::Length) < KIB);
        assert!(refused::<Vec<Empty>>(&bytes, limits, Kind::Length) < KIB);
        assert!(refused::<std::collections::BTreeSet<()>>(&bytes, limits, Kind::Length) < KIB);
        assert!(refused::<std::collections::HashMap<(), ()>>(&bytes, limits, Kind::Length) < KIB);
    }
}

#[derive(Deserialize)]
struct Node {
    #[allow(dead_code, reason = "only its depth matters")]
    next: Option<Box<Self>>,
}

#[test]
fn a_chain_of_boxes_is_refused_at_the_depth_limit() {
    on_small_stack(|| {
        for levels in [20_000, 1_000_000] {
            let peak = refused::<Node>(&vec![1; levels], DecodeLimits::default(), Kind::Depth);
            assert!(peak < 16 * KIB, "{peak}");
        }
    });
}

type Wide = Vec<Option<[u64; 32]>>;

#[test]
fn small_bytes_that_become_large_elements_are_charged_before_they_are_decoded() {
    let limits = DecodeLimits::default();
    let mut bytes = count(4 * MIB as u64);
    bytes.resize(8 + 4 * MIB, 0);
    let reserved = 256 * size_of::<Option<[u64; 32]>>();
    let peak = refused::<Wide>(&bytes, limits, Kind::Budget);
    assert!(peak <= reserved + KIB, "{peak}");

    // The nearest count that the budget takes, and the one after it.
    let element = size_of::<Option<[u64; 32]>>();
    let most = limits.budget_bytes / element;
    let message = |elements: usize| {
        let mut bytes = count(elements as u64);
        bytes.resize(8 + elements, 0);
        bytes
    };
    let (accepted, cost) = measure(|| from_slice::<Wide>(&message(most), limits).map(drop));
    assert!(accepted.is_ok());
    assert!(cost.peak_bytes <= 3 * limits.budget_bytes, "{cost:?}");
    assert!(refused::<Wide>(&message(most + 1), limits, Kind::Budget) <= reserved + KIB);
}

#[test]
fn large_values_behind_boxes_are_charged() {
    type Boxed = Vec<Option<Box<[Option<u64>; 32]>>>;
    let mut element = vec![1];
    element.resize(33, 0);
    let mut bytes = count(4096);
    bytes.extend(element.repeat(4096));
    let held = 4096 * (size_of::<[Option<u64>; 32]>() + 8);
    assert!(from_slice::<Boxed>(&bytes, DecodeLimits::new(held, 8)).is_ok());
    let peak = refused::<Boxed>(&bytes, DecodeLimits::new(held - 1, 8), Kind::Budget);
    assert!(peak <= 2 * held, "{peak}");
}

#[test]
fn claimed_string_lengths_take_no_memory() {
    for claimed in [8, 1 << 24, 1 << 46, u64::MAX] {
        let limits = DecodeLimits::default();
        assert!(refused::<String>(&count(claimed), limits, Kind::Length) < KIB);
        assert!(
            refused::<(u8, String)>(&[&[0][..], &count(claimed)].concat(), limits, Kind::Length)
                < KIB
        );
    }
    let text = to_vec(&"x".repeat(1000)).unwrap();
    assert!(from_slice::<String>(&text, DecodeLimits::new(1000, 1)).is_ok());
    assert!(refused::<String>(&text, DecodeLimits::new(999, 1), Kind::Budget) < KIB);
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its shape matters")]
enum Tree {
    Leaf(u8),
    Kids(Vec<Self>),
}

#[test]
fn a_tree_of_lists_is_refused_at_the_depth_limit() {
    on_small_stack(|| {
        let level = [1_u32.to_be_bytes().to_vec(), count(1)].concat();
        let peak = refused::<Tree>(&level.repeat(10_000), DecodeLimits::default(), Kind::Depth);
        assert!(peak < 16 * KIB, "{peak}");
    });
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its size matters")]
struct Greedy {
    padding: [Option<u64>; 32],
    kids: Vec<Self>,
}

#[test]
fn reservations_of_nested_lists_stay_within_the_budget() {
    // Every level claims as many elements as bytes remain.
    let limits = DecodeLimits::new(MIB, 128);
    let level_bytes = 32 + 8;
    let levels = 60;
    let mut bytes = Vec::new();
    for level in 0..=levels {
        let remaining = (levels - level) * level_bytes;
        bytes.extend([0; 32]);
        bytes.extend(count(remaining as u64));
    }
    let peak = refused::<Greedy>(&bytes, limits, Kind::Budget);
    assert!(peak <= limits.budget_bytes + 256 * size_of::<Greedy>(), "{peak}");
}

#[test]
fn trailing_bytes_are_refused() {
    assert_eq!(decode::<u16>(&[1, 2]).unwrap(), 0x0102);
    let error = decode::<u16>(&[1, 2, 3]).unwrap_err();
    assert_eq!((error.kind(), error.offset(), error.path()), (Kind::Trailing, 2, ""));
}

#[test]
fn entries_of_maps_are_charged_by_key_and_value() {
    type Map = std::collections::BTreeMap<u8, Option<[u64; 32]>>;
    let mut bytes = count(100);
    bytes.extend((0..100).flat_map(|key| [key, 0]));
    let entry = size_of::<u8>() + size_of::<Option<[u64; 32]>>();
    assert!(from_slice::<Map>(&bytes, DecodeLimits::new(100 * entry, 8)).is_ok());
    refused::<Map>(&bytes, DecodeLimits::new(100 * entry - 1, 8), Kind::Budget);
}
