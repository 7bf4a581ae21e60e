//! What the implementation under test has sent, taken frame by frame as the steps have it.

use super::iut::Iut;
use super::number;
use crate::vectors::{describe, hex, tag, text};
use crate::wire;
use rpc_core::connection::State;
use rpc_core::frame::{self, Fault, Frame};
use serde_json::{Value, json};

const CREDIT: u8 = 5;
const DATA: u8 = 4;

impl Iut {
    /// Takes what the machine has to write. Credit on calls may come earlier than it must: it is counted and
    /// is no frame that a step has to name.
    pub(super) fn pump(&mut self) {
        let mut fresh = Vec::new();
        while self.machine.transmit(&mut self.out) {
            fresh.extend(self.out.chunk());
            self.out.advance(self.out.chunk().len());
        }
        let mut rest = fresh.as_slice();
        for frame in wire::frames(&fresh) {
            let (bytes, behind) = rest.split_at(16 + frame.body.len());
            rest = behind;
            if matches!(frame.kind, CREDIT | DATA) && frame.id != 0 {
                *self.returned.entry(frame.id).or_default() += u64::from(frame.arg);
            }
            if frame.kind != CREDIT || frame.id == 0 {
                self.written.extend(bytes);
            }
        }
    }

    pub(super) fn is_quiet(&mut self) {
        self.pump();
        let frames = wire::frames(&self.written);
        assert!(frames.is_empty(), "unexpected: {frames:?}");
    }

    /// The iut must send what the step says.
    pub(super) fn sends(&mut self, expected: &Value, optional: bool) {
        self.pump();
        if expected == "eof" {
            self.is_quiet();
            let state = self.machine.state();
            assert!(matches!(state, State::Drained | State::Closed), "{state:?}");
        } else if let Some(bytes) = expected.as_str() {
            self.sends_bytes(bytes, optional);
        } else if let Some(id) = expected["returned"].as_u64() {
            let id = u32::try_from(id).unwrap();
            assert_eq!(self.returned.get(&id).copied(), expected["bytes"].as_u64(), "credit");
        } else if expected["part"].is_u64() {
            let id = number(&expected["part"]);
            let frame = self.take_frame();
            assert_eq!((frame.kind, frame.id, frame.flags), (DATA, id, wire::MORE), "a part");
            self.parts.entry(id).or_default().extend(frame.body);
        } else if expected["message"].is_string() {
            self.sends_message(expected);
        } else {
            self.sends_frame(expected, optional);
        }
    }

    fn sends_bytes(&mut self, bytes: &str, optional: bool) {
        let expected = self.hex(bytes);
        if optional && !self.written.starts_with(&expected) {
            return;
        }
        let sent = self.written.get(..expected.len()).unwrap_or(&self.written);
        assert!(
            sent == expected,
            "sent {:?} instead of {:?}",
            wire::frames(&self.written),
            wire::frames(&expected)
        );
        self.written.drain(..expected.len());
    }

    fn sends_frame(&mut self, expected: &Value, optional: bool) {
        let matches = self.next_frame(|frame, bytes| mismatch(frame, bytes, expected));
        match matches {
            Some((None, consumed)) => {
                if let Some(name) = expected["capture"].as_str() {
                    let token = text(&self.written[12..16])[2..].to_owned();
                    self.captures.insert(name.to_owned(), token);
                }
                self.written.drain(..consumed);
            }
            _ if optional => {}
            Some((Some(why), _)) => panic!("{why}"),
            None => panic!("nothing is sent instead of {expected}"),
        }
    }

    fn next_frame<T>(&self, look: impl FnOnce(&Frame<'_>, &[u8]) -> T) -> Option<(T, usize)> {
        let (frame, consumed) = frame::decode(&self.written, 1 << 24).unwrap()?;
        Some((look(&frame, &self.written[..consumed]), consumed))
    }

    fn take_frame(&mut self) -> wire::Seen {
        let frame = wire::frames(&self.written).into_iter().next().expect("a frame is sent");
        assert!(frame.body.len() <= self.peer_frame_bytes);
        self.written.drain(..16 + frame.body.len());
        frame
    }

    fn sends_message(&mut self, expected: &Value) {
        let id = number(&expected["id"]);
        let (is_request, is_item) =
            (expected["message"] == "REQUEST", expected["message"] == "DATA");
        let begun = self.parts.remove(&id);
        let mut is_cut = begun.is_some();
        let mut message = begun.unwrap_or_default();
        for nth in 0.. {
            let frame = self.take_frame();
            assert_eq!(frame.id, id);
            let has_more = frame.flags & wire::MORE != 0;
            is_cut |= has_more;
            let mut body = frame.body.as_slice();
            if nth == 0 && is_request {
                assert_eq!((frame.kind, frame.arg), (2, number(&expected["method"])));
                body = &body[8..];
            } else if is_item || is_request {
                assert_eq!(frame.kind, DATA);
            } else {
                assert_eq!(frame.kind == 3, !has_more);
            }
            message.extend(body);
            if !has_more {
                break;
            }
        }
        if is_cut {
            let total = message.drain(..4).fold(0, |total, byte| total << 8 | usize::from(byte));
            assert_eq!(total, message.len());
        }
        assert!(message == self.hex(expected["payload"].as_str().unwrap()));
        assert!(expected["cut"] != true || is_cut, "it must be cut");
    }

    /// Hex with captures.
    pub(super) fn hex(&self, bytes: &str) -> Vec<u8> {
        let mut bytes = bytes.to_owned();
        for (name, value) in &self.captures {
            bytes = bytes.replace(&format!("{{{name}}}"), value);
        }
        hex(bytes.strip_prefix("0x").unwrap_or(&bytes))
    }
}

/// How a frame differs from what a step says.
fn mismatch(frame: &Frame<'_>, bytes: &[u8], expected: &Value) -> Option<String> {
    let told = describe(frame);
    for (field, value) in expected.as_object().unwrap() {
        let is_same = match (field.as_str(), frame) {
            ("capture", _) => true,
            ("tags", Frame::Hello(hello)) => {
                let mut tags = value.as_object().unwrap().iter();
                tags.all(|(name, value)| tag(hello, name).as_ref() == Some(value))
            }
            ("fault", Frame::Response(response)) => {
                let fault = response.payload.and_then(Fault::decode);
                match value {
                    Value::Bool(_) => fault.is_some_and(|fault| !fault.message.is_empty()),
                    Value::Object(fields) => fault
                        .and_then(|fault| fault.at)
                        .is_some_and(|at| json!(at.offset) == fields["offset"]),
                    _ => response.payload.is_none() || fault.is_some(),
                }
            }
            (field, _) => told[field] == *value,
        };
        if !is_same {
            return Some(format!("{:?} instead of {expected}", wire::frames(bytes)));
        }
    }
    None
}
