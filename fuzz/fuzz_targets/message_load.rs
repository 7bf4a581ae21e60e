//! Any bytes as a stream of messages, and as a raw stream: no panic, no loop without end, and what was loaded can be stored.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rpc_core::archive::{DecodeLimits, Load, SharedArc, Store};
use serde::{Deserialize, Serialize};

/// Objects that may lead to others, and to the same ones.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Node(u8, Option<SharedArc<Self>>);

type Value = (u8, Option<SharedArc<String>>, Vec<SharedArc<Node>>);

fuzz_target!(|input: &[u8]| {
    let mut limits = DecodeLimits::new(1 << 20, 32);
    limits.message_bytes = 4096;
    let mut from = Load::new(input).limits(limits);
    let mut seen = 0_usize;
    for value in from.messages::<Value>() {
        seen += 1;
        if let Ok(value) = value {
            let mut out = Store::new(Vec::new());
            out.store(&value).unwrap();
            let bytes = out.close().unwrap();
            assert_eq!(Load::new(&bytes[..]).load::<Value>().unwrap(), value);
        }
    }
    assert!(seen <= input.len() / 4 + 1);

    let mut from = Load::raw(input).limits(limits);
    let mut left = input.len();
    while let Ok(value) = from.load::<Value>() {
        let len = rpc_core::archive::encoded_len(&value).unwrap();
        left = left.checked_sub(len).expect("more was loaded than there is");
    }
});
