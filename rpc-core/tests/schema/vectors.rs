//! The vectors of the spec, from types that are known only from their JSON.

use rpc_core::MethodId;
use rpc_core::schema::{
    Definition, Field, MethodTypes, Payload, Registry, Signature, Type, Variant, diff,
};
use serde_json::Value;

/// A type in the notation of the vectors, among the types that a row declares.
fn ty(json: &Value, types: &Value, registry: &mut Registry) -> Type {
    if let Some(name) = json.as_str() {
        return match types.get(name) {
            Some(json) if json == "unit_struct" => Type::Unit,
            Some(json) => {
                registry.declare_named(name, |registry| definition(json, types, registry))
            }
            None => primitive(name),
        };
    }
    let (kind, inner) = json.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "opt" => Type::Option(Box::new(ty(inner, types, registry))),
        "seq" => Type::Seq(Box::new(ty(inner, types, registry))),
        "map" => {
            let key = ty(&inner[0], types, registry);
            Type::Map(Box::new(key), Box::new(ty(&inner[1], types, registry)))
        }
        "tuple" => Type::Tuple(all(inner, types, registry)),
        "array" => {
            let count = usize::try_from(inner[1].as_u64().unwrap()).unwrap();
            Type::Array(Box::new(ty(&inner[0], types, registry)), count)
        }
        other => panic!("no type is called `{other}`"),
    }
}

fn all(json: &Value, types: &Value, registry: &mut Registry) -> Vec<Type> {
    json.as_array().unwrap().iter().map(|json| ty(json, types, registry)).collect()
}

fn fields(json: &Value, types: &Value, registry: &mut Registry) -> Vec<Field> {
    let field = |json: &Value| {
        Field::new(json["name"].as_str().unwrap(), ty(&json["type"], types, registry))
    };
    json.as_array().unwrap().iter().map(field).collect()
}

fn definition(json: &Value, types: &Value, registry: &mut Registry) -> Definition {
    let (kind, inner) = json.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "newtype" => Definition::Newtype(ty(inner, types, registry)),
        "tuple_struct" => Definition::Tuple(all(inner, types, registry)),
        "struct" => Definition::Struct(fields(inner, types, registry)),
        "enum" => {
            let variant = |json: &Value| {
                let payload = if let Some(inner) = json.get("newtype") {
                    Payload::Newtype(ty(inner, types, registry))
                } else if let Some(inner) = json.get("tuple") {
                    Payload::Tuple(all(inner, types, registry))
                } else if let Some(inner) = json.get("struct") {
                    Payload::Struct(fields(inner, types, registry))
                } else {
                    Payload::Unit
                };
                Variant::new(json["name"].as_str().unwrap(), payload)
            };
            Definition::Enum(inner.as_array().unwrap().iter().map(variant).collect())
        }
        other => panic!("no declared type is called `{other}`"),
    }
}

fn primitive(name: &str) -> Type {
    match name {
        "bool" => Type::Bool,
        "i8" => Type::I8,
        "i16" => Type::I16,
        "i32" => Type::I32,
        "i64" => Type::I64,
        "i128" => Type::I128,
        "u8" => Type::U8,
        "u16" => Type::U16,
        "u32" => Type::U32,
        "u64" => Type::U64,
        "u128" => Type::U128,
        "f32" => Type::F32,
        "f64" => Type::F64,
        "char" => Type::Char,
        "str" => Type::Str,
        "bytes" => Type::Bytes,
        "unit" => Type::Unit,
        other => panic!("the row declares no `{other}`"),
    }
}

fn full_name(row: &Value) -> String {
    format!("{}/{}", row["service"].as_str().unwrap(), row["method"].as_str().unwrap())
}

fn method(row: &Value) -> MethodTypes {
    let types = &row["types"];
    let mut method = MethodTypes::new(full_name(row));
    for parameter in row["params"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        method = method.argument(name, |registry| ty(&parameter["type"], types, registry));
    }
    if row.get("oneway").is_some() {
        return method;
    }
    // In the order of the text, though the numbers do not depend on it.
    if let Some(json) = row.get("in") {
        method = method.items_in(|registry| ty(json, types, registry));
    }
    method = method.result(|registry| ty(&row["ok"], types, registry));
    if let Some(json) = row.get("out") {
        method = method.items_out(|registry| ty(json, types, registry));
    }
    if let Some(json) = row.get("err") {
        method = method.error(|registry| ty(json, types, registry));
    }
    method
}

fn rows() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/vectors/signatures.json");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    json["rows"].as_array().unwrap().clone()
}

#[test]
fn every_row_has_the_text_the_hash_and_the_id_that_it_states() {
    let rows = rows();
    assert!(rows.len() >= 60, "only {} rows were found", rows.len());
    for row in rows {
        let name = row["name"].as_str().unwrap();
        let signature = method(&row).signature_or_problem();
        let text = Some(signature.text()).filter(|text| !text.is_empty());
        assert_eq!(text, row["canonical"].as_str(), "{name}: {:?}", signature.problem());
        assert_eq!(text.is_none(), signature.problem().is_some(), "{name}");
        assert_eq!(format!("{:016x}", signature.hash()), row["sig"].as_str().unwrap(), "{name}");
        let id = MethodId::of(&full_name(&row)).get();
        assert_eq!(format!("{id:08x}"), row["method_id"].as_str().unwrap(), "{name}");
    }
}

#[test]
fn every_text_is_read_back_and_differs_from_every_other() {
    let rows = rows();
    let texts: Vec<&str> = rows.iter().filter_map(|row| row["canonical"].as_str()).collect();
    for ours in &texts {
        assert_eq!(diff(ours, ours).unwrap(), Vec::<String>::new(), "{ours}");
        for theirs in texts.iter().filter(|theirs| *theirs != ours) {
            assert!(!diff(ours, theirs).unwrap().is_empty(), "{ours} and {theirs}");
        }
    }
}

// Verifies: schema.text.numbers
#[test]
fn the_order_in_which_types_are_entered_changes_nothing() {
    let forward = MethodTypes::new("S/m")
        .argument("a", |types| {
            types.declare_named("A", |_| Definition::Struct(vec![Field::new("x", Type::U8)]))
        })
        .result(|types| types.declare_named("B", |_| Definition::Tuple(vec![])))
        .signature();
    let backward = MethodTypes::new("S/m")
        .result(|types| types.declare_named("B", |_| Definition::Tuple(vec![])))
        .argument("a", |types| {
            types.declare_named("A", |_| Definition::Struct(vec![Field::new("x", Type::U8)]))
        })
        .signature();
    assert_eq!(forward.as_ref().map(Signature::text), backward.as_ref().map(Signature::text));
    assert_eq!(forward.unwrap().text(), "hton-sig/1;S/m;args={a:#0};ok=#1;#0={x:u8};#1=()");
}
