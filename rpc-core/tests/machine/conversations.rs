//! The conversations of the spec, replayed against the machine.
//!
//! The runner plays the other end and, with `calc`, the application. Steps and notation are those of
//! `spec/vectors/README.md`.

use crate::calc::{self, Started};
use crate::vectors::{describe, hex, path, tag, text};
use rpc_core::connection::{
    Connection, Event, Expiry, MethodName, NewCall, Refusal, Reply, Request, Response, State,
    Transmit,
};
use rpc_core::frame::{self, CancelReason, Fault, Frame, metadata};
use rpc_core::{CallId, CloseCode, Code, Executed, Limits, MethodId, Payload, Retry, Side, Time};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// A call of the application, by its name in the conversation.
struct Call {
    method: String,
    message: Vec<u8>,
    metadata: Vec<u8>,
    deadline: Option<Time>,
    by_name: bool,
    id: Option<CallId>,
    outcome: Option<Value>,
}

struct Handler {
    method: &'static str,
    wakes: Option<(Time, u32)>,
}

/// The implementation under test: a machine and its application.
struct Iut {
    machine: Connection<String>,
    now: Time,
    out: Transmit,
    written: Vec<u8>,
    unread: Vec<u8>,
    calls: BTreeMap<String, Call>,
    waiting: Vec<String>,
    handlers: HashMap<CallId, Handler>,
    ran: usize,
    cancelled: usize,
    closed_by_peer: Option<CloseCode>,
    captures: BTreeMap<String, String>,
    peer_frame_bytes: usize,
}

impl Iut {
    fn new(conversation: &Value) -> Self {
        let side = match conversation["role"].as_str() {
            Some("server") => Side::Acceptor,
            Some("client" | "peer") => Side::Dialer,
            other => panic!("{other:?}"),
        };
        let limits = limits(&conversation["limits"]);
        Self {
            machine: Connection::new(side, limits, Time::ZERO),
            now: Time::ZERO,
            out: Transmit::new(),
            written: Vec::new(),
            unread: Vec::new(),
            calls: BTreeMap::new(),
            waiting: Vec::new(),
            handlers: HashMap::new(),
            ran: 0,
            cancelled: 0,
            closed_by_peer: None,
            captures: BTreeMap::new(),
            peer_frame_bytes: 65_536,
        }
    }

    fn pump(&mut self) {
        while self.machine.transmit(&mut self.out) {
            self.written.extend(self.out.chunk());
            self.out.advance(self.out.chunk().len());
        }
    }

    fn is_quiet(&mut self) {
        self.pump();
        let frames = crate::wire::frames(&self.written);
        assert!(frames.is_empty(), "unexpected: {frames:?}");
    }

    fn feed(&mut self, bytes: &[u8]) {
        let mut input = std::mem::take(&mut self.unread);
        input.extend(bytes);
        let mut rest = input.as_slice();
        loop {
            let Ok(step) = self.machine.read(self.now, rest) else {
                self.fail_calls();
                break;
            };
            rest = &rest[step.consumed..];
            match step.event {
                Some(event) => self.on_event(event),
                None if step.consumed == 0 => break,
                None => {}
            }
        }
        self.unread = rest.to_vec();
    }

    fn on_event(&mut self, event: Event<'_>) {
        match event {
            Event::Opened => {
                self.peer_frame_bytes = self.machine.peer().unwrap().frame_bytes as usize;
                self.retry_waiting();
            }
            Event::MoreCalls => self.retry_waiting(),
            Event::Request(request) => self.on_request(&request),
            Event::Response { id, response } => {
                let name = self.machine.take(id).unwrap();
                let call = self.calls.get_mut(&name).unwrap();
                call.outcome = Some(outcome(&call.method, &response));
                self.retry_waiting();
            }
            Event::Cancelled { id } => self.end_handler(id, Code::CANCELLED),
            Event::GoAway { code, .. } => {
                self.closed_by_peer = Some(code);
                self.fail_calls();
            }
        }
    }

    fn on_request(&mut self, request: &Request<'_>) {
        let method = match &request.method {
            MethodName::Id(id) => calc::by_id(*id),
            MethodName::Name(name) => calc::by_name(name),
        };
        let started = calc::start(method, request.message.as_slice());
        self.ran += usize::from(!matches!(started, Started::Refused(_)));
        let wakes = match started {
            Started::Answered(reply) | Started::Refused(reply) => {
                self.machine.reply(request.id, reply);
                return;
            }
            Started::Sleeps(ms) => Some((self.now.plus_millis(ms.into()), ms)),
            Started::Holds => None,
        };
        self.handlers.insert(request.id, Handler { method: method.unwrap(), wakes });
    }

    fn end_handler(&mut self, id: CallId, code: Code) {
        self.handlers.remove(&id).unwrap();
        self.cancelled += 1;
        self.machine.reply(id, Reply::empty(code, Retry::Unknown));
    }

    fn fail_calls(&mut self) {
        let mut failed = Vec::new();
        self.machine.fail_calls(|_, name, executed| failed.push((name.clone(), executed)));
        for (name, executed) in failed {
            let executed = if executed == Executed::No { "no" } else { "maybe" };
            self.end(&name, json!({"error": "UNAVAILABLE", "executed": executed}));
        }
        self.retry_waiting();
    }

    fn end(&mut self, name: &str, outcome: Value) {
        self.calls.get_mut(name).unwrap().outcome = Some(outcome);
    }

    fn retry_waiting(&mut self) {
        for name in std::mem::take(&mut self.waiting) {
            self.open(name);
        }
    }

    fn open(&mut self, name: String) {
        let call = &self.calls[&name];
        let new = NewCall {
            method: match call.by_name {
                true => MethodId::BY_NAME,
                false => calc::method_id(&call.method),
            },
            signature: 0,
            deadline: call.deadline,
            metadata: &call.metadata,
            payload: &mut Payload::from(call.message.clone()),
        };
        match self.machine.call(self.now, new, name.clone()) {
            Ok(id) => self.calls.get_mut(&name).unwrap().id = Some(id),
            Err(refused) => match refused.reason {
                Refusal::Busy | Refusal::SendBufferFull => self.waiting.push(name),
                Refusal::TooLarge { .. } | Refusal::MetadataTooLarge { .. } => {
                    self.end(&name, json!({"error": "RESOURCE_EXHAUSTED", "executed": "no"}));
                }
                _ => self.end(&name, json!({"error": "UNAVAILABLE", "executed": "no"})),
            },
        }
    }

    fn verb(&mut self, verb: &Value) {
        if let Some(method) = verb["call"].as_str() {
            let method = method.strip_prefix("demo.Calc/").unwrap().to_owned();
            let by_name = verb["by_name"] == true;
            let mut entries = Vec::new();
            if by_name {
                let full_name = format!("demo.Calc/{method}");
                metadata::encode_entry(":method", full_name.as_bytes(), &mut entries).unwrap();
            }
            for entry in verb["metadata"].as_array().into_iter().flatten() {
                let value = hex(entry[1].as_str().unwrap().strip_prefix("0x").unwrap());
                metadata::encode_entry(entry[0].as_str().unwrap(), &value, &mut entries).unwrap();
            }
            let name = verb["as"].as_str().unwrap().to_owned();
            let deadline = verb["timeout_ms"].as_u64().map(|ms| self.now.plus_millis(ms));
            let call = Call {
                message: calc::encode_args(&method, &verb["args"]),
                metadata: entries,
                deadline,
                by_name,
                method,
                id: None,
                outcome: None,
            };
            self.calls.insert(name.clone(), call);
            self.open(name);
        } else if let Some(name) = verb["cancel"].as_str() {
            let id = self.calls[name].id.unwrap();
            assert!(self.machine.cancel(id, CancelReason::DROPPED).is_some());
        } else {
            let code = (0..).map(CloseCode::from_number);
            let mut known = code.take_while(|code| code.name().is_some());
            let code = known.find(|code| code.name() == verb["close"].as_str()).unwrap();
            self.machine.close(code, verb["reason"].as_str().unwrap_or_default());
            if code != CloseCode::GRACEFUL {
                self.fail_calls();
            }
        }
    }

    fn serve(&mut self, answer: &Value) {
        let id = CallId::new(number(&answer["id"]));
        let Some(handler) = self.handlers.remove(&id) else {
            return;
        };
        let reply = match answer["status"].as_str() {
            None => {
                let bytes = calc::encode_result(handler.method, &answer["ok"]);
                Reply::ok(Payload::from(bytes))
            }
            Some(name) => {
                let mut codes = (0..=u8::MAX).map(Code::from_number);
                let code = codes.find(|code| code.name() == Some(name)).unwrap();
                calc::status(code, Retry::Unknown, answer["message"].as_str().unwrap())
            }
        };
        self.machine.reply(id, reply);
    }

    fn advance(&mut self, ms: u64) {
        self.now = self.now.plus_millis(ms);
        let awake = |handler: &Handler| handler.wakes.filter(|(at, _)| *at <= self.now);
        let awake: Vec<_> = self
            .handlers
            .iter()
            .filter_map(|(id, handler)| awake(handler).map(|(_, ms)| (*id, ms)))
            .collect();
        for (id, ms) in awake {
            self.serve(&json!({"id": id.get(), "ok": ms.to_string()}));
        }
        while let Some(expiry) = self.machine.expire(self.now) {
            match expiry {
                Expiry::Call { id } => {
                    let name = self.machine.take(id).unwrap();
                    self.end(&name, json!({"error": "DEADLINE_EXCEEDED", "executed": "maybe"}));
                }
                Expiry::Served { id } => self.end_handler(id, Code::DEADLINE_EXCEEDED),
                Expiry::Connection(_) => self.fail_calls(),
            }
        }
    }

    fn expect(&mut self, expected: &Value) {
        for (what, value) in expected.as_object().unwrap() {
            match what.as_str() {
                "ran" => assert_eq!(json!(self.ran), *value, "ran"),
                "cancelled" => assert_eq!(json!(self.cancelled), *value, "cancelled"),
                "served" => assert_eq!(json!(self.machine.served_calls()), *value, "served"),
                "closed_by_peer" => {
                    assert_eq!(
                        self.closed_by_peer.map(|code| json!(code.to_string())),
                        Some(value.clone())
                    );
                }
                name => self.expect_call(name, value),
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

    /// The iut must send what the step says.
    fn sends(&mut self, expected: &Value, optional: bool) {
        self.pump();
        if let Some(bytes) = expected.as_str() {
            if bytes == "eof" {
                self.is_quiet();
                let state = self.machine.state();
                assert!(matches!(state, State::Drained | State::Closed), "{state:?}");
                return;
            }
            let expected = self.hex(bytes);
            if optional && !self.written.starts_with(&expected) {
                return;
            }
            let sent = self.written.get(..expected.len()).unwrap_or(&self.written);
            assert!(
                sent == expected,
                "sent {:?} instead of {:?}",
                crate::wire::frames(&self.written),
                crate::wire::frames(&expected)
            );
            self.written.drain(..expected.len());
        } else if expected["message"].is_string() {
            self.sends_message(expected);
        } else {
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
    }

    fn next_frame<T>(&self, look: impl FnOnce(&Frame<'_>, &[u8]) -> T) -> Option<(T, usize)> {
        let (frame, consumed) = frame::decode(&self.written, 1 << 24).unwrap()?;
        Some((look(&frame, &self.written[..consumed]), consumed))
    }

    fn sends_message(&mut self, expected: &Value) {
        let id = number(&expected["id"]);
        let is_request = expected["message"] == "REQUEST";
        let mut message: Vec<u8> = Vec::new();
        let mut total = None;
        for nth in 0.. {
            let frames = crate::wire::frames(&self.written);
            let frame = frames.first().expect("a message is sent");
            assert_eq!(frame.id, id);
            assert!(frame.body.len() <= self.peer_frame_bytes);
            let more = frame.flags & crate::wire::MORE != 0;
            let mut body = frame.body.as_slice();
            if nth == 0 {
                if is_request {
                    assert_eq!((frame.kind, frame.arg), (2, number(&expected["method"])));
                    body = &body[8..];
                }
                if more {
                    total = body.first_chunk().copied().map(u32::from_be_bytes);
                    body = &body[4..];
                }
            }
            assert_eq!(frame.kind == 3, !is_request && !more);
            message.extend(body);
            self.written.drain(..16 + frame.body.len());
            if !more {
                break;
            }
        }
        if let Some(total) = total {
            assert_eq!(total as usize, message.len());
        }
        assert!(message == self.hex(expected["payload"].as_str().unwrap()));
        assert!(expected["cut"] != true || total.is_some(), "it must be cut");
    }

    /// Hex with captures.
    fn hex(&self, bytes: &str) -> Vec<u8> {
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
            return Some(format!("{:?} instead of {expected}", crate::wire::frames(bytes)));
        }
    }
    None
}

/// What the caller of `method` is told.
fn outcome(method: &str, response: &Response<'_>) -> Value {
    let message = response.message.as_ref().map(|message| message.as_slice());
    let internal = json!({"error": "INTERNAL", "executed": "maybe"});
    match response.code {
        Code::OK => message
            .and_then(|message| calc::decode_result(method, message))
            .map_or(internal, |value| json!({ "ok": value })),
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
    }
}

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
            if step["do"].is_null() {
                iut.is_quiet();
            }
        } else {
            iut.sends(&step["iut"], step["optional"] == true);
        }
        if step["peer"] == "eof" {
            iut.machine.fail();
            iut.fail_calls();
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
    assert!(names.len() > 100);
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
