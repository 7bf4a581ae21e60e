//! Types that panic, or that use another format half way: what was stored before them stands, and nothing of them does.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rpc_core::archive::{Load, Shared, SharedArc, Store, to_vec};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decode;

/// Panics when it is walked for this time, counted from 1.
struct PanicsAt(Cell<u32>);

impl Serialize for PanicsAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.set(self.0.get() - 1);
        assert_ne!(self.0.get(), 0, "a panic that the test wants");
        0xFFFF_u16.serialize(serializer)
    }
}

/// Panics whatever the bytes are.
#[derive(Debug)]
struct PanicsAlways;

impl<'de> Deserialize<'de> for PanicsAlways {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u8::deserialize(deserializer)?;
        panic!("a panic that the test wants")
    }
}

fn panics(act: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(act)).is_err());
}

#[test]
fn a_value_that_panics_leaves_nothing_in_the_archive() {
    for walk in [1, 2] {
        let mut out = Store::new(Vec::new());
        panics(|| drop(out.store(&PanicsAt(Cell::new(walk)))));
        assert_eq!(out.buffered(), 0, "in walk {walk}");
        out.store(&1_u8).unwrap();
        panics(|| drop(out.store(&PanicsAt(Cell::new(walk)))));
        out.store(&2_u8).unwrap();
        assert_eq!(out.close().unwrap(), [0, 0, 0, 2, 1, 2], "in walk {walk}");
        let mut out = Store::raw(Vec::new());
        panics(|| drop(out.store(&PanicsAt(Cell::new(walk)))));
        assert_eq!(out.store(&1_u8).unwrap().buffered(), 1);
        assert_eq!(out.close().unwrap(), [1], "in walk {walk}");
    }
}

#[test]
fn the_objects_after_a_value_that_panics_have_the_numbers_that_follow() {
    for walk in [1, 2] {
        let node = SharedArc::new(7_u8);
        let mut out = Store::new(Vec::new());
        out.store(&node).unwrap();
        let fails = (SharedArc::new(8_u8), Shared::new(9_u8), PanicsAt(Cell::new(walk)));
        panics(|| drop(out.store(&fails)));
        out.store(&node).unwrap().store(&SharedArc::new(10_u8)).unwrap();
        let bytes = out.close().unwrap();
        // The first object is not known again; no other has its number.
        let expected = b"\0\0\0\x0f\0\0\0\0\x07\0\0\0\x01\x07\0\0\0\x02\x0a";
        assert_eq!(bytes, expected, "in walk {walk}");
    }
}

#[test]
fn a_message_is_passed_over_when_the_type_of_a_value_panics() {
    let mut from = Load::new(&b"\0\0\0\x02\x01\x02\0\0\0\x01\x07"[..]);
    panics(|| drop(from.load::<PanicsAlways>()));
    assert_eq!(from.load::<u8>().unwrap(), 7);
}

/// Stores itself as text of another format, then its object as such.
struct Twice(Shared<u8>);

impl Serialize for Twice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(&self.0).unwrap_or_else(|_| "refused".into());
        (text, &self.0).serialize(serializer)
    }
}

#[test]
fn another_format_gets_no_number_of_the_archive_that_is_being_stored() {
    let value = Shared::new(Twice(Shared::new(7)));
    let bytes = to_vec(&value).unwrap();
    let back: Shared<(String, Shared<u8>)> = decode(&bytes).unwrap();
    assert_eq!((back.0.0.as_str(), *back.0.1), ("refused", 7));
}

/// An object that is read from a text of another format inside an archive.
#[derive(Debug)]
struct FromText(bool);

impl<'de> Deserialize<'de> for FromText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str::<Shared<u8>>(&text).is_err()))
    }
}

#[test]
fn another_format_makes_no_object_of_the_archive_that_is_being_loaded() {
    let bytes = to_vec(&(0_u32, "[1, 7]", 1_u32, 8_u8)).unwrap();
    let (outer, inner): (Shared<FromText>, Shared<u8>) = decode(&bytes).unwrap();
    assert_eq!((outer.0.0, *inner), (true, 8));
}

/// Encodes a shared object while a panic unwinds, in the middle of an archive.
struct EncodesAsItGoes;

impl Drop for EncodesAsItGoes {
    fn drop(&mut self) {
        assert_eq!(to_vec(&Shared::new(5_u8)).unwrap(), [0, 0, 0, 0, 5]);
    }
}

struct Survives(Shared<u8>);

impl Serialize for Survives {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        panics(|| {
            let _guard = EncodesAsItGoes;
            panic!("a panic that the test wants")
        });
        self.0.serialize(serializer)
    }
}

#[test]
fn an_archive_goes_on_after_another_was_made_while_a_panic_unwound_inside_it() {
    let bytes = to_vec(&Shared::new(Survives(Shared::new(7)))).unwrap();
    assert_eq!(bytes, [0, 0, 0, 0, 0, 0, 0, 1, 7]);
}
