//! The schemas of std's types: each is what serde writes for a value of it.

use rpc_core::schema::{MethodTypes, Schema, verify};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroU16, Wrapping};
use std::ops::{Bound, Range};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// The type as the text has it, once a value of it has passed.
#[track_caller]
fn text<T: Schema + Serialize>(value: &T) -> String {
    verify(value).expect("serde writes what the schema says");
    let signature = MethodTypes::new("S/m").result(T::schema).signature().unwrap();
    signature.text().strip_prefix("hton-sig/1;S/m;args={};ok=").unwrap().to_owned()
}

// Verifies: schema.text.flavour
#[test]
fn every_type_of_std_has_the_text_of_its_bytes() {
    assert_eq!(text(&1_usize), "u64");
    assert_eq!(text(&1_isize), "i64");
    assert_eq!(text(&1_i128), "i128");
    assert_eq!(text(&1.5_f32), "f32");
    assert_eq!(text(&'a'), "char");
    assert_eq!(text(&"a"), "str");
    assert_eq!(text(&Cow::Borrowed("a")), "str");
    assert_eq!(text(&Box::<str>::from("a")), "str");
    assert_eq!(text(&PathBuf::from("a")), "str");
    assert_eq!(text(&vec![1_u8]), "bytes");
    assert_eq!(text(&VecDeque::from([1_u8])), "bytes");
    assert_eq!(text(&c"a"), "bytes");
    assert_eq!(text(&&[1_u16, 2][..]), "[u16]");
    assert_eq!(text(&vec![Some(1_u8)]), "[?u8]");
    assert_eq!(text(&BTreeSet::from([1_i8])), "[i8]");
    assert_eq!(text(&HashSet::from([(1_i8, "a".to_owned())])), "[(i8,str)]");
    assert_eq!(text(&HashMap::from([(1_u8, vec![1_u16])])), "{u8>[u16]}");
    assert_eq!(text(&BTreeMap::from([("a", ())])), "{str>unit}");
    assert_eq!(text(&[1_u8; 4]), "[u8;4]");
    assert_eq!(text(&[1_u16; 32]), "[u16;32]");
    assert_eq!(text(&[0_u16; 0]), "[u16;0]");
    assert_eq!(text(&(1_u8,)), "(u8)");
    assert_eq!(
        text(&(1_u8, 2_u8, 3_u8, 4_u8, 5_u8, 6_u8, 7_u8, 8_u8, 9_u8, 10_u8, 11_u8, true)),
        "(u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,bool)"
    );
    assert_eq!(text(&PhantomData::<String>), "unit");
    assert_eq!(text(&NonZeroU16::MIN), "u16");
    assert_eq!(text(&Wrapping(1_u32)), "u32");
    assert_eq!(text(&std::cell::RefCell::new(1_u32)), "u32");
    assert_eq!(text(&Duration::from_secs(1)), "#0;#0={secs:u64,nanos:u32}");
    assert_eq!(text(&SystemTime::UNIX_EPOCH), "#0;#0={secs_since_epoch:u64,nanos_since_epoch:u32}");
    assert_eq!(text(&Ipv4Addr::LOCALHOST), "[u8;4]");
    assert_eq!(text(&Ipv6Addr::LOCALHOST), "[u8;16]");
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        assert_eq!(text(&address), "#0;#0=<V4:[u8;4]|V6:[u8;16]>");
        let address = SocketAddr::new(address, 80);
        assert_eq!(text(&address), "#0;#0=<V4:([u8;4],u16)|V6:([u8;16],u16)>");
    }
    assert_eq!(text(&(1_u8..3)), "#0;#0={start:u8,end:u8}");
    assert_eq!(text(&(1_u8..=3)), "#0;#0={start:u8,end:u8}");
    assert_eq!(text(&(1_u8..)), "#0;#0={start:u8}");
    assert_eq!(text(&(..1_u8)), "#0;#0={end:u8}");
    for bound in [Bound::Included(1_u8), Bound::Excluded(1), Bound::Unbounded] {
        assert_eq!(text(&bound), "#0;#0=<Unbounded|Included:u8|Excluded:u8>");
    }
    for result in [Ok::<u8, String>(1), Err("a".to_owned())] {
        assert_eq!(text(&result), "#0;#0=<Ok:u8|Err:str>");
    }
}

// Verifies: schema.text.numbers
#[test]
fn a_type_with_other_arguments_is_another_type() {
    type Pair = (Range<u8>, Range<u16>, Range<u8>);
    assert_eq!(
        text::<Pair>(&(0..1, 0..1, 0..1)),
        "(#0,#1,#0);#0={start:u8,end:u8};#1={start:u16,end:u16}"
    );
}
