//! What the application of the implementation under test has seen, against what a step expects.

use super::iut::Iut;
use crate::calc;
use crate::vectors::{entries, hex, text};
use rpc_core::connection::Response;
use rpc_core::frame::Fault;
use rpc_core::{Code, Retry};
use serde_json::{Value, json};

impl Iut {
    pub(super) fn expect(&mut self, expected: &Value) {
        for (what, value) in expected.as_object().unwrap() {
            match what.as_str() {
                "ran" => assert_eq!(json!(self.ran), *value, "ran"),
                "cancelled" => assert_eq!(json!(self.cancelled), *value, "cancelled"),
                "served" => assert_eq!(json!(self.served()), *value, "served"),
                "dropped" => assert_eq!(json!(self.dropped()), *value, "dropped"),
                "closed_by_peer" => {
                    let code = self.closed_by_peer.map(|code| json!(code.to_string()));
                    assert_eq!(code, Some(value.clone()));
                }
                "items" => self.expect_items(value),
                "seen" => {
                    for (id, metadata) in value.as_object().unwrap() {
                        assert_eq!(self.seen.get(id), Some(metadata), "metadata of call {id}");
                    }
                }
                name => self.expect_call(name, value),
            }
        }
    }

    fn expect_items(&self, expected: &Value) {
        for (who, fields) in expected.as_object().unwrap() {
            let told = self.lanes[who].told();
            for (field, value) in fields.as_object().unwrap() {
                assert_eq!(told[field], *value, "{field} of {who}: {told}");
            }
        }
    }

    fn expect_call(&self, name: &str, expected: &Value) {
        let call = &self.calls[name];
        let told = match (&call.outcome, call.id) {
            (Some(outcome), _) => outcome.clone(),
            (None, Some(_)) => json!("open"),
            (None, None) => json!("waiting"),
        };
        match expected.as_object() {
            None => assert_eq!(told, *expected, "{name}"),
            Some(fields) => {
                for (field, value) in fields {
                    let value = match value.as_str().and_then(|value| value.strip_prefix("0x")) {
                        Some(run) => json!(text(&hex(run))),
                        None => value.clone(),
                    };
                    assert_eq!(told[field], value, "{name}: {told}");
                }
            }
        }
    }
}

/// What the caller of `method` is told.
pub(super) fn outcome(method: &str, response: &Response<'_>) -> Value {
    let message = response.message.as_ref().map(|message| message.as_slice());
    let internal = json!({"error": "INTERNAL", "executed": "maybe"});
    let mut told = match response.code {
        Code::OK => {
            calc::decode_result(method, message).map_or(internal, |value| json!({ "ok": value }))
        }
        Code::DECLARED => message
            .and_then(|message| calc::decode_declared(method, message))
            .map_or(internal, |value| json!({ "declared": value })),
        code => {
            let executed = if response.retry == Retry::Safe { "no" } else { "maybe" };
            let fault = message.and_then(Fault::decode).unwrap_or_default();
            json!({
                "error": code.to_string(), "executed": executed,
                "retry": response.retry.number(), "message": fault.message,
                "offset": fault.at.map(|at| at.offset),
            })
        }
    };
    told["metadata"] = entries(response.metadata);
    told
}
