//! Objects that are shared, types that have versions, and values that types ask for.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use alloc_counter::measure;
use rpc_core::archive::{
    DecodeErrorKind as Kind, DecodeLimits, Decoder, EncodeErrorKind, Encoder, Load, LoadError,
    Shared, SharedArc, Store, Version, Versioned, context, from_slice, read_from, to_vec,
    unknown_version,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decode;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    name: u8,
    next: Option<Shared<Self>>,
}

fn node(name: u8, next: Option<&Shared<Node>>) -> Shared<Node> {
    Shared::new(Node { name, next: next.cloned() })
}

// Verifies: values.shared.layout
#[test]
fn an_object_with_two_handles_stands_once_and_is_one_again() {
    let last = node(9, None);
    let value = (node(1, Some(&last)), node(2, Some(&last)), last);
    let bytes = to_vec(&value).unwrap();
    // Object 0, in it object 1; object 2, in it 1 again; 1 again.
    assert_eq!(
        bytes,
        [0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 9, 0, 0, 0, 0, 2, 2, 1, 0, 0, 0, 1, 0, 0, 0, 1]
    );
    let (a, b, c): (Shared<Node>, Shared<Node>, Shared<Node>) = decode(&bytes).unwrap();
    assert!(a.next.as_ref().unwrap().is(&c) && b.next.as_ref().unwrap().is(&c));
    assert_eq!((Rc::strong_count(&c.0), &a), (3, &value.0));
    let streamed: (Shared<Node>, Shared<Node>, Shared<Node>) =
        read_from(&bytes[..], DecodeLimits::default()).unwrap();
    assert!(streamed.0.next.as_ref().unwrap().is(&streamed.2));
}

// Verifies: values.shared.layout
#[test]
fn objects_are_known_throughout_a_message_and_no_longer() {
    let shared = SharedArc::new(7_u8);
    let mut out = Store::new(Vec::new());
    out.store(&shared).unwrap().store(&shared).unwrap().flush().unwrap();
    out.store(&shared).unwrap().flush().unwrap();
    let bytes = out.close().unwrap();
    assert_eq!(bytes, b"\0\0\0\x09\0\0\0\0\x07\0\0\0\0\0\0\0\x05\0\0\0\0\x07");
    let mut from = Load::new(&bytes[..]);
    let [a, b, c]: [SharedArc<u8>; 3] = [(); 3].map(|()| from.load().unwrap());
    assert!(a.is(&b) && !a.is(&c) && a == c);
    let mut message = Load::new(&bytes[..]);
    let mut message = message.next_message().unwrap().unwrap();
    assert!(message.value::<SharedArc<u8>>().unwrap().is(&message.value().unwrap()));

    let mut encoder = Encoder::new(Vec::new(), 100);
    encoder.value(&shared).unwrap();
    encoder.value(&shared).unwrap();
    let payload = encoder.finish().unwrap();
    assert_eq!(payload.as_slice().unwrap(), &bytes[4..13]);
    let mut decoder = Decoder::new(payload.as_slice().unwrap(), DecodeLimits::default());
    let (a, b): (SharedArc<u8>, SharedArc<u8>) =
        (decoder.value("a").unwrap(), decoder.value("b").unwrap());
    decoder.finish().unwrap();
    assert!(a.is(&b));

    // A handle that stays on its thread is known throughout a value only; in a raw archive every one is.
    let local = Shared::new(7_u8);
    let mut out = Store::new(Vec::new());
    out.store(&local).unwrap().store(&local).unwrap();
    assert_eq!(out.close().unwrap(), b"\0\0\0\x0a\0\0\0\0\x07\0\0\0\x01\x07");
    let mut out = Store::raw(Vec::new());
    out.store(&shared).unwrap().store(&shared).unwrap();
    assert_eq!(out.close().unwrap(), b"\0\0\0\0\x07\0\0\0\0\x07");
}

// Verifies: values.shared.number, values.shared.cycle
#[test]
fn a_number_that_names_nothing_and_an_object_in_itself_are_refused() {
    fn refused<T: for<'de> Deserialize<'de> + std::fmt::Debug>(bytes: &[u8]) -> Kind {
        decode::<T>(bytes).unwrap_err().kind()
    }
    decode::<(Shared<u8>, Shared<u8>)>(&[0, 0, 0, 0, 7, 0, 0, 0, 1, 8]).unwrap();
    assert_eq!(
        refused::<(Shared<u8>, Shared<u8>)>(&[0, 0, 0, 0, 7, 0, 0, 0, 2, 8]),
        Kind::Reference
    );
    assert_eq!(refused::<Shared<u8>>(&[0, 0, 0, 1, 7]), Kind::Reference);
    assert_eq!(refused::<(Shared<u8>, Shared<i8>)>(&[0, 0, 0, 0, 7, 0, 0, 0, 0]), Kind::Reference);
    assert_eq!(refused::<Shared<Node>>(&[0, 0, 0, 0, 1, 1, 0, 0, 0, 0]), Kind::Cycle);
    assert_eq!(refused::<Shared<u8>>(&[0, 0, 0]), Kind::Eof);
}

#[derive(Serialize)]
struct Ring {
    next: RefCell<Option<Shared<Self>>>,
}

// Verifies: values.shared.cycle
#[test]
fn a_ring_is_refused_and_no_stack_overflows() {
    let nodes: Vec<_> = (0..3).map(|_| Shared::new(Ring { next: RefCell::default() })).collect();
    for (at, it) in nodes.iter().enumerate() {
        *it.next.borrow_mut() = Some(nodes[(at + 1) % 3].clone());
    }
    let error = to_vec(&nodes[0]).unwrap_err();
    assert_eq!((error.kind(), error.kind().number()), (EncodeErrorKind::Cycle, 41));
    let mut out = Store::new(Vec::new());
    assert!(out.store(&nodes[0]).is_err());
    *nodes[2].next.borrow_mut() = None;
    out.store(&nodes[0]).unwrap();
    assert_eq!(out.close().unwrap().len(), 4 + 3 * 5, "nothing of the failure is left");
}

#[test]
fn a_chain_of_shared_objects_is_bounded_in_depth_and_in_memory() {
    #[derive(Debug, Deserialize)]
    struct Link {
        _next: Shared<Self>,
    }
    let endless: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
    super::on_small_stack(move || {
        let error = decode::<Link>(&endless).unwrap_err();
        assert_eq!(error.kind(), Kind::Depth);
    });
    // Objects of a byte each, which take a hundred times as much.
    let mut many = vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x86, 0xA0];
    many.extend((1..=100_000_u32).flat_map(|number| [&number.to_be_bytes()[..], &[7]].concat()));
    let read = |budget| {
        let limits = DecodeLimits::new(budget, 128);
        from_slice::<Shared<Vec<Shared<u8>>>>(&many, limits).map(|list| list.len())
    };
    assert_eq!(read(16 << 20).unwrap(), 100_000);
    let (refused, cost) = measure(|| read(1 << 20).unwrap_err().kind());
    assert_eq!(refused, Kind::Budget);
    assert!(cost.peak_bytes < 4 << 20, "{cost:?}");
}

#[test]
fn other_serializers_refuse_a_shared_object() {
    let error = serde_json::to_string(&Shared::new(7)).unwrap_err();
    assert!(error.to_string().contains("only an archive of hton"), "{error}");
    assert!(serde_json::from_str::<Shared<u8>>("[0, 7]").is_err());
}

#[derive(Debug, PartialEq)]
struct Base(u16);

impl Versioned for Base {
    const VERSION: u32 = 3;

    fn store_versioned<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }

    fn load_versioned<'de, D: Deserializer<'de>>(have: u32, from: D) -> Result<Self, D::Error> {
        match have {
            1 => u8::deserialize(from).map(|it| Self(it.into())),
            3 => u16::deserialize(from).map(Self),
            _ => Err(unknown_version(have, Self::VERSION)),
        }
    }
}

// Verifies: values.version.layout
#[test]
fn a_version_stands_in_front_and_decides_how_the_value_is_loaded() {
    assert_eq!(to_vec(&Version(Base(0x0102))).unwrap(), [0, 0, 0, 3, 1, 2]);
    assert_eq!(decode::<Version<Base>>(&[0, 0, 0, 3, 1, 2]).unwrap().0, Base(0x0102));
    assert_eq!(decode::<Version<Base>>(&[0, 0, 0, 1, 7]).unwrap().0, Base(7));
    let error = decode::<(u8, Version<Base>)>(&[9, 0, 0, 0, 2, 7]).unwrap_err();
    assert_eq!((error.kind(), error.offset(), error.path()), (Kind::Version, 5, ".1.1"));
    assert!(error.to_string().contains("version 2, and up to 3"), "{error}");
}

#[test]
fn a_type_inside_another_has_a_version_of_its_own() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Derived {
        base: Version<Base>,
        own: u8,
    }
    let new = Derived { base: Version(Base(5)), own: 6 };
    assert_eq!(to_vec(&new).unwrap(), [0, 0, 0, 3, 0, 5, 6]);
    assert_eq!(decode::<Derived>(&[0, 0, 0, 1, 5, 6]).unwrap(), new);
}

#[test]
fn a_type_asks_for_what_is_there_and_the_innermost_answers() {
    struct Names(Vec<&'static str>);
    struct Named(u8);
    impl Serialize for Named {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let name = context::get::<Names>().map_or("?", |names| names.0[usize::from(self.0)]);
            name.serialize(serializer)
        }
    }
    let stored = || decode::<String>(&to_vec(&Named(0)).unwrap()).unwrap();
    assert_eq!(stored(), "?");
    let told = context::with(Names(vec!["outer"]), || {
        [context::with(Names(vec!["inner"]), stored), stored()]
    });
    assert_eq!((told, stored()), (["inner".into(), "outer".into()], "?".into()));
}

/// A list of nodes, each of which refers to the one before it.
fn references(count: u32) -> Vec<u8> {
    let mut list = u64::from(count).to_be_bytes().to_vec();
    for number in 0..count {
        list.extend(number.to_be_bytes());
        list.push(1);
        match number.checked_sub(1) {
            None => list.push(0),
            Some(before) => {
                list.push(1);
                list.extend(before.to_be_bytes());
            }
        }
    }
    list
}

// Verifies: values.shared.depth
#[test]
fn a_chain_made_of_references_is_as_deep_as_if_each_object_stood_in_its_place() {
    super::on_small_stack(|| {
        let limits = DecodeLimits::new(1 << 30, 128);
        let load = |count| {
            let loaded = from_slice::<Vec<Shared<Node>>>(&references(count), limits);
            loaded.map_err(|error| (error.kind(), error.path().to_owned()))
        };
        // The list is level 1, the first handle 2, and each reference three deeper: 2 + 3 * 42 is the limit.
        let list = load(43).unwrap();
        assert_eq!(to_vec(&list).unwrap(), references(43));
        assert_eq!(load(44).unwrap_err(), (Kind::Depth, "[43].1.next".into()));
        // Its end would be dropped, compared and shown by a recursion as long as the chain.
        assert_eq!(load(300_000).unwrap_err().0, Kind::Depth);
        let longer: Vec<_> = list.iter().cloned().chain([node(1, list.last())]).collect();
        assert_eq!(to_vec(&longer).unwrap_err().kind(), EncodeErrorKind::Depth);
    });
}

// Verifies: values.shared.depth
#[test]
fn a_chain_through_the_values_of_a_message_is_as_deep_as_through_one() {
    #[derive(Debug, Clone, Serialize, Deserialize)]
    struct Link(u8, Option<SharedArc<Self>>);

    let mut out = Store::new(Vec::new());
    let mut last = SharedArc::new(Link(0, None));
    for _ in 0..43 {
        out.store(&last).unwrap();
        last = SharedArc::new(Link(0, Some(last)));
    }
    let error = out.store(&last).unwrap_err();
    assert_eq!(error.archive().unwrap().kind(), EncodeErrorKind::Depth);
    out.store(&SharedArc::new(Link(0, None))).unwrap();
    let mut bytes = out.close().unwrap();
    let load = |bytes: &[u8]| {
        let mut from = Load::new(bytes);
        let loaded: Vec<_> = (0..44).map_while(|_| from.load::<SharedArc<Link>>().ok()).collect();
        loaded.len()
    };
    assert_eq!(load(&bytes), 44);
    // The last one refers to the one before it after all.
    bytes.truncate(bytes.len() - 1);
    bytes.extend([1, 0, 0, 0, 42]);
    let len = u32::try_from(bytes.len() - 4).unwrap();
    bytes[..4].copy_from_slice(&len.to_be_bytes());
    assert_eq!(load(&bytes), 43);
}

#[test]
fn a_message_that_is_used_up_holds_no_object_any_more() {
    let node = SharedArc::new(7_u8);
    let mut out = Store::new(Vec::new());
    out.store(&node).unwrap().store(&node).unwrap().flush().unwrap();
    assert_eq!(Arc::strong_count(&node.0), 1);
    let bytes = out.close().unwrap();
    let mut from = Load::new(&bytes[..]);
    let first: SharedArc<u8> = from.load().unwrap();
    drop(from.load::<SharedArc<u8>>().unwrap());
    assert_eq!(Arc::try_unwrap(first.0).unwrap(), 7);
}

// Verifies: values.shared.number
#[test]
fn what_an_earlier_value_of_the_message_shared_is_known_to_arcs_alone() {
    let bytes = b"\0\0\0\x09\0\0\0\0\x07\0\0\0\0";
    let mut from = Load::new(&bytes[..]);
    let first: SharedArc<u8> = from.load().unwrap();
    let second: SharedArc<u8> = from.load().unwrap();
    assert!(first.is(&second) && *second == 7);
    let mut from = Load::new(&bytes[..]);
    assert_eq!(*from.load::<Shared<u8>>().unwrap(), 7);
    let LoadError::Archive(error) = from.load::<Shared<u8>>().unwrap_err() else { panic!() };
    assert_eq!(error.kind(), Kind::Reference, "{error}");
}
