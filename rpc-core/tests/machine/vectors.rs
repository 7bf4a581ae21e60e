//! The frames of the spec's vectors: each is decoded to what its row says, or refused with its code.

use crate::pair::{End, Told};
use rpc_core::frame::{self, Flags, Frame, Hello, metadata};
use rpc_core::{Limits, Retry, Side};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// A file below `spec/vectors`.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors").join(name)
}

/// Hex as the vectors write it: white space means nothing, a word `XX*n` is XX n times.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in text.split_whitespace() {
        let (digits, times) = word.split_once('*').unwrap_or((word, "1"));
        let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        let run: Vec<u8> = pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
        bytes.extend(run.repeat(times.parse().unwrap()));
    }
    bytes
}

/// Bytes as the vectors write values.
pub(crate) fn text(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.map(|digit| char::from_digit(digit.into(), 16).unwrap());
    "0x".chars().chain(digits).collect()
}

fn flags(flags: Flags) -> Value {
    let names = ["END", "MORE", "NOMSG", "TIMEOUT", "PACKED", "20", "ONEWAY", "80"];
    let set = names.iter().enumerate().filter(|(bit, _)| flags.bits() >> bit & 1 == 1);
    set.map(|(_, name)| Value::from(*name)).collect()
}

/// Metadata in the notation of the vectors.
pub(crate) fn entries(bytes: &[u8]) -> Value {
    let entries: Result<Vec<_>, _> = metadata::entries(bytes).collect();
    match entries {
        Ok(entries) => entries.iter().map(|(key, value)| json!([key, text(value)])).collect(),
        Err(_) => json!({ "malformed": text(bytes) }),
    }
}

/// A decoded frame in the vectors' notation.
pub(crate) fn describe(frame: &Frame<'_>) -> Value {
    match frame {
        Frame::Hello(hello) => {
            json!({"frame": "HELLO", "flags": [], "id": 0, "min": hello.version_min, "max": hello.version_max})
        }
        Frame::Request(request) => json!({
            "frame": "REQUEST", "flags": flags(request.flags), "id": request.id.get(),
            "method": request.method.get(), "signature": format!("0x{:016x}", request.signature),
            "timeout_ms": request.timeout_ms, "metadata": entries(request.metadata),
            "total": request.total,
            "payload": (!request.flags.has(Flags::NOMSG)).then(|| text(request.payload)),
        }),
        Frame::Response(response) => json!({
            "frame": "RESPONSE",
            "flags": flags(Flags::NONE.and_if(response.payload.is_none(), Flags::NOMSG)),
            "id": response.id.get(), "code": response.code.to_string(),
            "retry": response.retry.number(), "app": response.app,
            "metadata": entries(response.metadata), "payload": response.payload.map(text),
        }),
        Frame::Data(data) => json!({
            "frame": "DATA", "flags": flags(data.flags), "id": data.id.get(),
            "credit": data.credit,
            "payload": (!data.flags.has(Flags::NOMSG)).then(|| text(data.rest)),
        }),
        Frame::Credit { id, bytes } => {
            json!({"frame": "CREDIT", "flags": [], "id": id.get(), "credit": bytes})
        }
        Frame::Cancel { id, reason } => {
            json!({"frame": "CANCEL", "flags": [], "id": id.get(), "reason": reason.number()})
        }
        Frame::Ping(token) => json!({"frame": "PING", "flags": [], "id": 0, "token": token}),
        Frame::Pong(token) => json!({"frame": "PONG", "flags": [], "id": 0, "token": token}),
        Frame::GoAway(goaway) => json!({
            "frame": "GOAWAY", "flags": [], "id": 0, "code": goaway.code.to_string(),
            "last": goaway.last_accepted.get(), "reason": goaway.reason,
        }),
        Frame::Limits(calls) => json!({"frame": "LIMITS", "flags": [], "id": 0, "calls": calls}),
        Frame::Skipped => json!({"frame": "SKIPPED"}),
        other => panic!("{other:?} has no notation"),
    }
}

/// The value of one tag of a HELLO, in the notation of the vectors.
pub(crate) fn tag(hello: &Hello, name: &str) -> Option<Value> {
    Some(match name {
        "frame_bytes" => hello.frame_bytes.into(),
        "message_bytes" => hello.message_bytes.into(),
        "metadata_bytes" => hello.metadata_bytes.into(),
        "calls" => hello.calls.into(),
        "streams" => hello.streams.into(),
        "window_bytes" => hello.window_bytes.into(),
        "reassembly_bytes" => hello.reassembly_bytes.into(),
        "features" => format!("0x{:016x}", hello.features).into(),
        "peer_name" => text(hello.name.as_bytes()).into(),
        "auth_token" => text(hello.auth_token.as_bytes()).into(),
        _ => return None,
    })
}

fn check_tags(name: &str, expected: &Map<String, Value>, hello: &Hello) {
    for (tag_name, value) in expected {
        let Some(told) = tag(hello, tag_name) else {
            assert!(tag_name.starts_with("0x"), "{name}: {tag_name}");
            continue;
        };
        assert_eq!(&told, value, "{name}: {tag_name}");
    }
}

/// The machine that reads a row's bytes: before or after the HELLO of its peer.
fn receiver(row: &Value) -> End {
    match row["first"] == true {
        true => End::new(Side::Acceptor, Limits::default()),
        false => End::open(Side::Acceptor),
    }
}

#[test]
fn every_row_of_the_frames_is_decoded_or_refused_as_it_says() {
    let file = std::fs::read_to_string(path("frames.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    let rows = file["rows"].as_array().unwrap();
    assert!(rows.len() > 200);
    for row in rows {
        let name = row["name"].as_str().unwrap();
        let bytes = hex(row["hex"].as_str().unwrap());
        if let Some(code) = row["error"].as_str() {
            let mut end = receiver(row);
            end.feed(&bytes);
            let news = end.news();
            assert!(
                matches!(&news[..], [Told::Broken(told)] if told.to_string() == code),
                "{name}: {news:?} instead of {code}"
            );
            continue;
        }
        if row["incomplete"] == true {
            let mut end = receiver(row);
            end.feed(&bytes);
            assert_eq!(end.news(), [], "{name}");
            continue;
        }
        let decoded = frame::decode(&bytes, Limits::default().frame_bytes);
        let (frame, consumed) = decoded.expect(name).expect(name);
        assert_eq!(consumed, bytes.len(), "{name}");
        let told = describe(&frame);
        for (field, expected) in row["frame"].as_object().unwrap() {
            match (field.as_str(), &frame) {
                ("reserved", _) | ("type", Frame::Skipped) => {}
                ("tags", Frame::Hello(hello)) => {
                    check_tags(name, expected.as_object().unwrap(), hello);
                }
                // A number that this version does not know says nothing.
                ("retry", _) => {
                    let number = u8::try_from(expected.as_u64().unwrap()).unwrap();
                    assert_eq!(told["retry"], Retry::from_number(number).number(), "{name}");
                }
                // Runs are spelled out in what is told.
                ("payload", _) if expected.is_string() => {
                    let expected = hex(expected.as_str().unwrap().trim_start_matches("0x"));
                    assert_eq!(told["payload"], text(&expected), "{name}");
                }
                (field, _) => assert_eq!(&told[field], expected, "{name}: {field}"),
            }
        }
        reencode(name, &frame, &bytes);
    }
}

/// Encoding what was decoded gives the same bytes, but for what a receiver does not keep.
fn reencode(name: &str, frame: &Frame<'_>, bytes: &[u8]) {
    let keeps = !matches!(frame, Frame::Hello(_) | Frame::Skipped)
        && !name.ends_with("unknown-retry")
        && !matches!(frame, Frame::GoAway(goaway) if goaway.reason.contains('\u{fffd}'));
    if keeps {
        let mut again = Vec::new();
        frame.encode(&mut again);
        assert_eq!(text(&again), text(bytes), "{name}");
    }
}
