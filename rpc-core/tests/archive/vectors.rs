//! The value vectors of the spec, through a codec that knows types only from their JSON.
//!
//! They lie beside the workspace, not in the package: where they are absent nothing is tested.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use rpc_core::archive::{
    DecodeError, DecodeErrorKind, DecodeLimits, EncodeErrorKind, Load, LoadError, Message,
    SharedArc, Store, from_slice, read_from, to_vec,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::dynamic::{Current, Type, Typed, Types, hex, to_hex, with_type};

fn load(file: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors").join(file);
    let text = fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

fn types() -> Rc<Types> {
    let json = load("types.json").unwrap_or_default();
    let named = json["types"].as_object().into_iter().flatten();
    // Shared objects have types of Rust in their own test.
    let named = named.filter(|(_, ty)| !ty.to_string().contains("shared"));
    Rc::new(named.map(|(name, ty)| (name.clone(), Rc::new(Type::parse(ty)))).collect())
}

/// Runs `check` on every row of a file, with its type.
fn for_each_row(file: &str, check: impl Fn(&Rc<Types>, &Rc<Type>, &Value)) {
    let Some(json) = load(file) else { return };
    let types = types();
    let rows = json["rows"].as_array().unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        check(&types, &Rc::new(Type::parse(&row["type"])), row);
    }
}

fn name(row: &Value) -> &str {
    row["name"].as_str().unwrap()
}

fn bytes(row: &Value) -> Vec<u8> {
    hex(row["hex"].as_str().unwrap())
}

fn has_flag(row: &Value, flag: &str) -> bool {
    row["flags"].as_array().is_some_and(|flags| flags.iter().any(|it| it == flag))
}

/// The value of a row; deep ones are written as a recipe.
fn value(row: &Value) -> Value {
    let value = &row["value"];
    if !has_flag(row, "deep") {
        return value.clone();
    }
    let wrap = value["wrap"].as_str().unwrap();
    (0..value["times"].as_u64().unwrap()).fold(value["value"].clone(), |inner, _| match wrap {
        "[]" => Value::Array(vec![inner]),
        name => [(name.to_owned(), inner)].into_iter().collect(),
    })
}

#[test]
fn every_value_is_encoded_to_its_bytes() {
    for_each_row("values.json", |types, ty, row| {
        if has_flag(row, "decode-only") {
            return;
        }
        let encoded = to_vec(&Typed { types, ty, value: &value(row) });
        assert_eq!(to_hex(&encoded.unwrap()), row["hex"].as_str().unwrap(), "{}", name(row));
    });
}

#[test]
fn every_value_is_decoded_from_its_bytes() {
    for_each_row("values.json", |types, ty, row| {
        let bytes = bytes(row);
        let limits = DecodeLimits::default();
        let decoded: Current = with_type(types, ty, || from_slice(&bytes, limits))
            .unwrap_or_else(|error| panic!("{}: {error}", name(row)));
        assert_eq!(decoded.0, value(row), "{}", name(row));
        let mut stream = bytes.as_slice();
        let read: Current = with_type(types, ty, || read_from(&mut stream, limits)).unwrap();
        assert_eq!((read.0, stream), (value(row), &[][..]), "{}", name(row));
    });
}

#[test]
fn every_prefix_of_a_value_is_refused() {
    for_each_row("values.json", |types, ty, row| {
        let bytes = bytes(row);
        for cut in 0..bytes.len() {
            let decoded = with_type(types, ty, || super::decode::<Current>(&bytes[..cut]));
            let kind = decoded.map_err(|error| error.kind()).expect_err(name(row));
            assert!(
                matches!(kind, DecodeErrorKind::Eof | DecodeErrorKind::Length),
                "{} cut at {cut}: {kind:?}",
                name(row)
            );
        }
    });
}

#[test]
fn every_invalid_value_is_refused_with_its_error() {
    for_each_row("invalid.json", |types, ty, row| {
        let bytes = bytes(row);
        let mut limits = DecodeLimits::default();
        if let Some(budget) = row.get("memory_bytes").and_then(Value::as_u64) {
            limits.budget_bytes = usize::try_from(budget).unwrap();
        }
        let decoded = with_type(types, ty, || from_slice::<Current>(&bytes, limits));
        let error = decoded.map(|Current(value)| value).expect_err(name(row));
        assert_eq!(error.kind().name(), row["error"].as_str().unwrap(), "{}: {error}", name(row));
        assert!(error.offset() <= bytes.len() as u64, "{}: {error:?}", name(row));
    });
}

#[test]
fn every_value_without_an_encoding_is_refused() {
    for_each_row("encode-errors.json", |types, ty, row| {
        // No string or char of Rust can hold a lone surrogate, and JSON objects have no order here.
        if row["value"].get("utf16").is_some() || name(row) == "struct/other-order" {
            return;
        }
        let error = to_vec(&Typed { types, ty, value: &value(row) }).expect_err(name(row));
        let text = error.to_string();
        let told = match error.kind() {
            EncodeErrorKind::ZeroSize => "length",
            EncodeErrorKind::Depth => "depth",
            _ => text.split([':', ' ']).next().unwrap(),
        };
        assert_eq!(told, row["error"].as_str().unwrap(), "{}: {error}", name(row));
    });
}

/// The value that comes next in a message, of the type that stands in the JSON.
fn next(types: &Rc<Types>, ty: &Value, message: &mut Message<'_>) -> Result<Value, DecodeError> {
    let ty = Rc::new(Type::parse(ty));
    with_type(types, &ty, || message.value::<Current>()).map(|Current(value)| value)
}

/// Reads a stream up to its end, comparing the messages of the row, and stores them again.
fn follow(types: &Rc<Types>, row: &Value, limits: DecodeLimits) -> Result<(), LoadError> {
    let stream = bytes(row);
    let mut from = Load::new(&stream[..]).limits(limits);
    let mut out = Store::new(Vec::new()).limits(limits);
    for wanted in row["messages"].as_array().unwrap() {
        let mut message = from.next_message()?.unwrap();
        for pair in wanted.as_array().unwrap() {
            assert_eq!(next(types, &pair[0], &mut message)?, pair[1], "{}", name(row));
            let ty = Rc::new(Type::parse(&pair[0]));
            out.store(&Typed { types, ty: &ty, value: &pair[1] }).unwrap();
        }
        message.finish()?;
        out.store_bytes(&[]).unwrap().flush().unwrap();
    }
    while let Some(mut message) = from.next_message()? {
        for ty in row["then"].as_array().unwrap() {
            next(types, ty, &mut message)?;
        }
        message.finish()?;
    }
    assert_eq!(out.close().unwrap(), stream, "{}", name(row));
    Ok(())
}

// The rows with shared objects are in `sharing.rs`, where they have types.
#[test]
fn every_stream_of_messages_is_read_to_its_end_or_its_error() {
    let Some(json) = load("messages.json") else { return };
    let types = types();
    for row in json["rows"].as_array().unwrap() {
        if name(row).starts_with("shared/") {
            continue;
        }
        let mut limits = DecodeLimits::default();
        if let Some(limit) = row.get("message_bytes").and_then(Value::as_u64) {
            limits.message_bytes = usize::try_from(limit).unwrap();
        }
        let told =
            follow(&types, row, limits).map_err(|error| error.archive().unwrap().kind().name());
        assert_eq!(told.err(), row.get("error").and_then(Value::as_str), "{}", name(row));
    }
}

/// Reads the messages of a row, each of which is a `T`, and writes them again.
fn share<T: Serialize + DeserializeOwned>(row: &Value) {
    let bytes = bytes(row);
    let mut out = Store::new(Vec::new());
    let mut told = None;
    for message in Load::new(&bytes[..]).messages::<T>() {
        match message {
            Ok(value) => out.store(&value).unwrap().flush().unwrap(),
            Err(error) => told = Some(error.archive().unwrap().kind().name()),
        }
    }
    assert_eq!(told, row.get("error").and_then(Value::as_str), "{}", name(row));
    assert!(told.is_some() || out.close().unwrap() == bytes, "{}", name(row));
}

// Verifies: values.shared.layout, values.shared.number, values.shared.cycle, values.shared.depth
#[test]
fn every_stream_with_shared_objects_is_read_and_written() {
    #[derive(Serialize, Deserialize)]
    struct Knot(Option<SharedArc<Self>>);

    let Some(json) = load("messages.json") else { return };
    let rows = json["rows"].as_array().unwrap();
    for row in rows.iter().filter(|row| name(row).starts_with("shared/")) {
        match name(row) {
            "shared/twice" | "shared/two-objects" | "shared/number-too-large" => {
                share::<(SharedArc<u8>, SharedArc<u8>)>(row);
            }
            "shared/anew-in-each-message" | "shared/first-is-not-0" => share::<SharedArc<u8>>(row),
            "shared/in-a-seq" => share::<Vec<SharedArc<u8>>>(row),
            "shared/one-in-another" => share::<(SharedArc<SharedArc<u8>>, SharedArc<u8>)>(row),
            "shared/another-type" => share::<(SharedArc<u8>, SharedArc<i8>)>(row),
            "shared/holds-itself" => share::<SharedArc<SharedArc<u8>>>(row),
            "shared/as-deep-as-allowed" | "shared/too-deep-behind-a-reference" => {
                share::<Vec<SharedArc<Knot>>>(row);
            }
            other => panic!("{other} is not known here"),
        }
    }
}
