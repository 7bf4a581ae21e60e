//! The form of what users store: addresses, counts, numbers of every width, nothing of the language.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use rpc_core::archive::{DecodeErrorKind, Load, Store, to_vec};
use rpc_core::{assert_round_trip, assert_wire};
use serde::{Deserialize, Serialize};

use super::decode;

#[test]
fn an_address_holds_its_port_in_network_order() {
    let address: SocketAddr = "127.0.0.1:27015".parse().unwrap();
    assert_wire!(address, [0, 0, 0, 0, 127, 0, 0, 1, 0x69, 0x87]);
    assert_wire!(27015_u16, [0x69, 0x87]);
}

#[test]
fn one_rule_of_counts_holds_below_at_and_above_every_edge() {
    for count in [0_usize, 1, 127, 128, 254, 255, 256, 65_534, 65_535, 65_536] {
        let bytes = to_vec(&"x".repeat(count)).unwrap();
        assert_eq!(bytes.len(), 8 + count);
        assert_eq!(bytes[..8], (count as u64).to_be_bytes());
        assert_eq!(decode::<String>(&bytes).unwrap().len(), count);
        let list = to_vec(&vec![1_u16; count]).unwrap();
        assert_eq!((&list[..8], list.len()), (&bytes[..8], 8 + 2 * count));
    }
}

#[test]
fn numbers_of_every_width_have_their_bytes() {
    assert_wire!(0x01_u8, [1]);
    assert_wire!(-2_i8, [0xFE]);
    assert_wire!(0x0102_u16, [1, 2]);
    assert_wire!(-2_i16, [0xFF, 0xFE]);
    assert_wire!(0x0102_0304_u32, [1, 2, 3, 4]);
    assert_wire!(-2_i32, [0xFF, 0xFF, 0xFF, 0xFE]);
    assert_wire!(0x0102_0304_0506_0708_u64, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_wire!(-2_i64, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE]);
    assert_wire!(1_u128, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_wire!(-1_i128, [0xFF; 16]);
    assert_wire!(-0.0_f32, [0x80, 0, 0, 0]);
    assert_wire!(f64::INFINITY, [0x7F, 0xF0, 0, 0, 0, 0, 0, 0]);
    assert_wire!(f64::from_bits(1), [0, 0, 0, 0, 0, 0, 0, 1]);
    assert_wire!(f32::from_bits(0x7FC0_0001), [0x7F, 0xC0, 0, 1]);
    assert_wire!((true, 'é'), [1, 0xC3, 0xA9]);
}

#[test]
fn types_of_the_standard_library_come_back_through_every_archive() {
    assert_round_trip!((u8, String): (7, "text".into()));
    assert_round_trip!(Result<u8, String>: Ok(1), Err("no".into()));
    assert_round_trip!(Duration: Duration::new(3, 4));
    assert_round_trip!(SystemTime: SystemTime::UNIX_EPOCH + Duration::from_millis(1500));
    assert_round_trip!(std::collections::BTreeMap<u8, Vec<char>>: [(1, vec!['a'])].into());
    assert_round_trip!(std::collections::BTreeSet<i64>: [-1, 5].into());
    assert_round_trip!(SocketAddr: "[::1]:80".parse().unwrap());
    let numbers: HashMap<u8, u8> = (0..100).map(|it| (it, it)).collect();
    assert_round_trip!(HashMap<u8, u8>: numbers.clone()); // Its order differs from one to the next.
    assert_round_trip!([Option<f64>; 2]: [None, Some(0.5)]);
}

#[test]
fn a_message_of_a_thousand_objects_holds_no_name_of_their_type() {
    #[derive(Serialize)]
    struct Recognisable {
        conspicuous: u32,
    }
    let mut out = Store::new(Vec::new());
    let objects: Vec<_> = (0..1000).map(|conspicuous| Recognisable { conspicuous }).collect();
    out.store(&objects).unwrap();
    let bytes = out.close().unwrap();
    assert_eq!(bytes.len(), 4 + 8 + 4 * 1000);
    for name in ["Recognisable", "conspicuous"] {
        assert!(!bytes.windows(name.len()).any(|part| part == name.as_bytes()), "{name}");
    }
}

#[test]
fn an_unknown_variant_is_an_error_of_its_message_with_its_place() {
    #[derive(Debug, PartialEq, Deserialize)]
    enum Figure {
        Dot,
        Circle(u8),
    }
    let bytes = b"\0\0\0\x05\x01\0\0\0\x02\0\0\0\x06\x01\0\0\0\x01\x09\0\0\0\x05\x01\0\0\0\0";
    let mut from = Load::new(&bytes[..]);
    let error = from.load::<(u8, Figure)>().unwrap_err();
    let error = error.archive().unwrap();
    assert_eq!((error.kind(), error.offset(), error.path()), (DecodeErrorKind::Variant, 1, ".1"));
    assert_eq!(from.load::<(u8, Figure)>().unwrap(), (1, Figure::Circle(9)));
    assert_eq!(from.load::<(u8, Figure)>().unwrap(), (1, Figure::Dot));
}
