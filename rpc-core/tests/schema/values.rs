//! Values that are not what their schema says: the first disagreement is found, with its path.

use rpc_core::schema::{
    Definition, Field, Payload, Registry, Schema, SchemaError, Type, Variant, verify, verify_as,
};
use serde::ser::{Serialize, SerializeTuple, Serializer};
use std::collections::BTreeMap;

#[derive(serde::Serialize)]
struct Order {
    id: u64,
    items: Vec<Item>,
}

#[derive(serde::Serialize)]
struct Item {
    qty: u32,
}

/// The schema of [`Order`], with some things changed.
macro_rules! order {
    ($name:ident: $($field:literal)+ , $qty:ident) => {
        struct $name;

        impl Schema for $name {
            fn schema(registry: &mut Registry) -> Type {
                registry.declare::<Self>(|registry| {
                    let item = registry.declare::<Item>(|_| {
                        Definition::Struct(vec![Field::new("qty", Type::$qty)])
                    });
                    let items = Type::Seq(Box::new(item));
                    let mut types = [Type::U64, items].into_iter().cycle();
                    let fields = [$($field),+].into_iter();
                    Definition::Struct(
                        fields.map(|name| Field::new(name, types.next().unwrap())).collect(),
                    )
                })
            }
        }
    };
}

order!(Right: "id" "items", U32);
order!(Wide: "id" "items", U64);
order!(Renamed: "id" "things", U32);
order!(Longer: "id" "items" "more", U32);

fn against<S: Schema>() -> Result<(), String> {
    let order = Order { id: 1, items: vec![Item { qty: 1 }] };
    verify_as::<S, _>(&order).map_err(|error| error.to_string())
}

#[test]
fn a_struct_is_checked_field_by_field() {
    assert_eq!(against::<Right>(), Ok(()));
    assert_eq!(
        against::<Wide>().unwrap_err(),
        "`items[0].qty`: the schema has u64, serde writes u32"
    );
    assert_eq!(
        against::<Renamed>().unwrap_err(),
        "`items`: the schema has the field `things` here"
    );
    assert_eq!(against::<Longer>().unwrap_err(), "the schema has 3 parts, serde writes 2");
    assert_eq!(against::<u8>().unwrap_err(), "the schema has u8, serde writes a struct");
}

#[derive(serde::Serialize)]
enum Event {
    Opened,
    Moved(u8),
    At { x: u8 },
}

struct Variants<const REVERSED: bool>;

impl<const REVERSED: bool> Schema for Variants<REVERSED> {
    fn schema(registry: &mut Registry) -> Type {
        registry.declare::<Self>(|_| {
            let mut variants = vec![
                Variant::new("Opened", Payload::Unit),
                Variant::new("Moved", Payload::Newtype(Type::U8)),
                Variant::new("At", Payload::Struct(vec![Field::new("x", Type::U8)])),
            ];
            if REVERSED {
                variants.reverse();
            }
            Definition::Enum(variants)
        })
    }
}

#[test]
fn a_variant_is_checked_by_its_number_and_its_name() {
    for event in [Event::Opened, Event::Moved(1), Event::At { x: 1 }] {
        assert_eq!(verify_as::<Variants<false>, _>(&event), Ok(()));
    }
    let error = verify_as::<Variants<true>, _>(&Event::Opened).unwrap_err();
    assert_eq!(error.to_string(), "variant 0 is `At` in the schema and `Opened` to serde");
}

#[test]
fn elements_keys_values_and_places_have_their_paths() {
    let path = |result: Result<(), SchemaError>| result.unwrap_err().path().to_owned();
    assert_eq!(path(verify_as::<Vec<u8>, _>(&vec![1_u16])), "[0]");
    assert_eq!(path(verify_as::<BTreeMap<u8, u8>, _>(&BTreeMap::from([(1_i8, 1_u8)]))), "[key 0]");
    assert_eq!(
        path(verify_as::<BTreeMap<u8, u8>, _>(&BTreeMap::from([(1_u8, 1_i8)]))),
        "[value 0]"
    );
    assert_eq!(path(verify_as::<(u8, (u8, u8)), _>(&(1_u8, (1_u8, "")))), ".1.1");
    assert_eq!(path(verify_as::<[u8; 2], _>(&[1_i8, 2])), ".0");
    assert!(verify_as::<[u8; 2], _>(&[1_u8]).is_err());
    assert!(verify_as::<Option<u8>, _>(&1_u8).is_err());
    assert!(verify_as::<u8, _>(&Some(1_u8)).is_err());
}

/// Announces two places of a tuple and writes fewer.
struct Short(usize);

impl Serialize for Short {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(2)?;
        for _ in 0..self.0 {
            tuple.serialize_element(&1_u8)?;
        }
        tuple.end()
    }
}

#[test]
fn places_that_are_announced_and_not_written_are_missed() {
    for written in [0, 1, 3] {
        assert!(verify_as::<(u8, u8), _>(&Short(written)).is_err(), "{written}");
        assert!(verify_as::<[u8; 2], _>(&Short(written)).is_err(), "{written}");
    }
    assert_eq!(verify_as::<(u8, u8), _>(&Short(2)), Ok(()));
    assert_eq!(verify_as::<[u8; 2], _>(&Short(2)), Ok(()));
}

#[test]
fn a_schema_that_cannot_be_fails_whatever_the_value() {
    assert!(verify(&Vec::<()>::new()).is_err());
    assert!(verify(&Vec::<u8>::new()).is_ok());
}
