//! The conversations of the spec, replayed against the machine.
//!
//! The runner plays the other end and, with `calc`, the application. Steps and notation are those of
//! `spec/vectors/README.md`.

mod expected;
mod items;
mod iut;
mod sent;

use crate::vectors::path;
use iut::Iut;
use rpc_core::Limits;
use serde_json::Value;

fn number(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

fn limits(differing: &Value) -> Limits {
    let mut limits = Limits::default();
    for (name, value) in differing.as_object().into_iter().flatten() {
        match name.as_str() {
            "frame_bytes" => limits.frame_bytes = number(value),
            "message_bytes" => limits.message_bytes = number(value),
            "metadata_bytes" => limits.metadata_bytes = number(value),
            "calls" => limits.calls = number(value),
            "streams" => limits.streams = number(value),
            "window_bytes" => limits.window_bytes = number(value),
            "reassembly_bytes" => limits.reassembly_bytes = number(value),
            "hello_ms" => limits.hello_ms = number(value).into(),
            "keepalive_after_ms" => limits.keepalive_after_ms = number(value).into(),
            "keepalive_answer_ms" => limits.keepalive_answer_ms = number(value).into(),
            other => panic!("{other} is no limit"),
        }
    }
    limits
}

fn replay(conversation: &Value) {
    let mut iut = Iut::new(conversation);
    for step in conversation["wire"].as_array().unwrap() {
        if step["iut"].is_null() {
            // Calls that are made one after the other may leave in one piece.
            if step["do"].is_null() && step["serve"].is_null() {
                iut.is_quiet();
            }
        } else {
            iut.sends(&step["iut"], step["optional"] == true);
        }
        if step["peer"] == "eof" {
            iut.lose();
        } else if let Some(bytes) = step["peer"].as_str() {
            let bytes = iut.hex(bytes);
            for _ in 0..step["times"].as_u64().unwrap_or(1) {
                iut.feed(&bytes);
            }
        }
        if !step["do"].is_null() {
            iut.verb(&step["do"]);
        }
        if !step["serve"].is_null() {
            iut.serve(&step["serve"]);
        }
        if let Some(ms) = step["advance_ms"].as_u64() {
            iut.advance(ms);
        }
        if !step["expect"].is_null() {
            iut.expect(&step["expect"]);
        }
    }
    iut.is_quiet();
}

#[test]
fn every_conversation_is_held_as_the_spec_has_it() {
    let mut names: Vec<_> = std::fs::read_dir(path("conversations"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    assert!(names.len() > 300);
    let mut failed = Vec::new();
    for name in &names {
        let text = std::fs::read_to_string(name).unwrap();
        let conversation: Value = serde_json::from_str(&text).unwrap();
        let held = std::panic::catch_unwind(|| replay(&conversation));
        if held.is_err() {
            failed.push(conversation["name"].clone());
        }
    }
    assert!(failed.is_empty(), "{} of {} failed: {failed:?}", failed.len(), names.len());
}
