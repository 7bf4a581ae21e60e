//! What has no text: each beside the nearest that has one.

use rpc_core::schema::{
    Definition, Field, MethodTypes, Payload, Registry, Schema, Signature, Type, Variant,
};
use std::collections::BTreeMap;

fn signature<T: Into<Option<Type>>>(ty: impl FnOnce(&mut Registry) -> T) -> Result<String, String> {
    let signature = MethodTypes::new("S/m").argument("a", ty).result(<()>::schema).signature();
    signature.map(|signature| signature.text().to_owned()).map_err(|error| error.to_string())
}

fn structure(name: &'static str) -> impl FnOnce(&mut Registry) -> Type {
    move |types| {
        types.declare_named("Order", |_| Definition::Struct(vec![Field::new(name, Type::U8)]))
    }
}

// Verifies: schema.text.refused
#[test]
fn names_are_ascii_words() {
    assert!(signature(structure("_a9")).is_ok());
    for name in ["", "9a", "a-b", "a.b", "größe", "a b", "a;", "a\0"] {
        let error = signature(structure(name)).unwrap_err();
        assert!(error.starts_with("`Order`: the name "), "{error}");
    }
    let twice = |types: &mut Registry| {
        types.declare_named("Order", |_| {
            Definition::Enum(vec![
                Variant::new("A", Payload::Unit),
                Variant::new("A", Payload::Newtype(Type::U8)),
            ])
        })
    };
    assert_eq!(signature(twice).unwrap_err(), "`Order`: the name `A` stands here twice");
}

// Verifies: schema.text.name
#[test]
fn a_full_name_is_a_service_and_a_method() {
    let signature = |name: &str| MethodTypes::new(name).result(<()>::schema).signature();
    assert!(signature("a.v1.B/c").is_ok());
    for name in ["", "a", "a/", "/a", "a/b/c", "a..b/c", "a/b.c", "a/b;ok=unit", "9/a"] {
        assert!(signature(name).is_err(), "{name}");
    }
}

// Verifies: schema.text.refused
#[test]
fn elements_of_a_sequence_or_map_take_a_byte_at_least() {
    assert!(signature(Vec::<Option<()>>::schema).is_ok());
    assert!(signature(BTreeMap::<(), u8>::schema).is_ok());
    assert!(signature(<[(); 3]>::schema).is_ok());
    for error in [
        signature(Vec::<()>::schema),
        signature(BTreeMap::<(), [u8; 0]>::schema),
        signature(Vec::<((), [(); 4])>::schema),
        signature(|types| {
            let empty = types.declare_named("Empty", |_| Definition::Struct(vec![]));
            Type::Seq(Box::new(empty))
        }),
    ] {
        let error = error.unwrap_err();
        assert!(error.contains("take no bytes"), "{error}");
    }
}

#[test]
fn an_error_says_in_which_type_and_field_it_is() {
    let order = |types: &mut Registry| {
        types.declare_named("Order", |_| {
            let items = Type::Option(Box::new(Type::Seq(Box::new(Type::Unit))));
            Definition::Struct(vec![Field::new("items", items)])
        })
    };
    assert!(signature(order).unwrap_err().starts_with("`Order.items`: the elements"));
}

// Verifies: call.signature.unchecked
#[test]
fn a_method_with_a_type_that_is_not_known_agrees_with_every_other() {
    let unknown = MethodTypes::new("S/m").argument("a", |_| None).result(<()>::schema);
    let unknown = unknown.signature().unwrap();
    assert_eq!(unknown, Signature::unchecked());
    assert!(unknown.agrees_with(7) && unknown.problem().is_none());
    let known = MethodTypes::new("S/m").result(<()>::schema).signature().unwrap();
    assert!(known.agrees_with(0) && known.agrees_with(known.hash()));
    assert!(!known.agrees_with(known.hash() ^ 1));
    let impossible = MethodTypes::new("S/m").result(Vec::<()>::schema).signature_or_problem();
    assert_eq!(impossible.hash(), 0);
    assert_eq!(impossible.problem().map(|error| error.path()), Some("the result"));
}
