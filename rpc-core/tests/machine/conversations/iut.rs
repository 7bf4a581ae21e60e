//! The implementation under test: a machine, and an application that does what the steps say.

use super::expected::outcome;
use super::items::Lane;
use super::limits;
use crate::calc::{self, Kind, Started};
use crate::calc_streams::Streaming;
use crate::vectors::{entries, hex};
use rpc_core::connection::{
    Connection, Event, Expiry, HelloExtras, MethodName, NewCall, Refusal, Reply, Request,
    RequestShape, Shape, Transmit,
};
use rpc_core::frame::{AuthToken, CancelReason, metadata};
use rpc_core::{CallId, CloseCode, Code, Executed, MethodId, Payload, Retry, Side, Time};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// A call of the application, by its name in the conversation.
pub(super) struct Call {
    method: String,
    message: Vec<u8>,
    metadata: Vec<u8>,
    deadline: Option<Time>,
    by_name: bool,
    pub(super) id: Option<CallId>,
    pub(super) outcome: Option<Value>,
}

pub(super) struct Handler {
    method: &'static str,
    wakes: Option<(Time, u32)>,
    pub(super) stream: Option<Streaming>,
    /// What it will answer when its items have left.
    pub(super) answer: Option<Reply>,
}

pub(super) struct Iut {
    pub(super) machine: Connection<String>,
    now: Time,
    pub(super) out: Transmit,
    pub(super) written: Vec<u8>,
    unread: Vec<u8>,
    pub(super) calls: BTreeMap<String, Call>,
    waiting: Vec<String>,
    pub(super) handlers: HashMap<CallId, Handler>,
    /// Items by the name of the own call or the number of the peer's.
    pub(super) lanes: HashMap<String, Lane>,
    names: HashMap<CallId, String>,
    oneways: VecDeque<u32>,
    oneways_dropped: u64,
    pub(super) seen: HashMap<String, Value>,
    pub(super) ran: usize,
    pub(super) cancelled: usize,
    pub(super) closed_by_peer: Option<CloseCode>,
    pub(super) captures: BTreeMap<String, String>,
    pub(super) parts: HashMap<u32, Vec<u8>>,
    pub(super) returned: HashMap<u32, u64>,
    pub(super) peer_frame_bytes: usize,
    /// The token that the peer must have.
    required: Option<Vec<u8>>,
    is_judged: bool,
}

fn token(value: &Value) -> Option<Vec<u8>> {
    value.as_str().map(|value| hex(value.strip_prefix("0x").unwrap()))
}

impl Iut {
    pub(super) fn new(conversation: &Value) -> Self {
        let side = match conversation["role"].as_str() {
            Some("server") => Side::Acceptor,
            Some("client" | "peer") => Side::Dialer,
            other => panic!("{other:?}"),
        };
        let limits = limits(&conversation["limits"]);
        let auth = &conversation["auth"];
        let required = token(&auth["requires"]);
        let auth_token = AuthToken::new(token(&auth["token"]).unwrap_or_default()).unwrap();
        let extras = HelloExtras { auth_token, ..HelloExtras::default() };
        Self {
            machine: Connection::with_hello(side, limits, extras, Time::ZERO),
            now: Time::ZERO,
            out: Transmit::new(),
            written: Vec::new(),
            unread: Vec::new(),
            calls: BTreeMap::new(),
            waiting: Vec::new(),
            handlers: HashMap::new(),
            lanes: HashMap::new(),
            names: HashMap::new(),
            oneways: VecDeque::new(),
            oneways_dropped: 0,
            seen: HashMap::new(),
            ran: 0,
            cancelled: 0,
            closed_by_peer: None,
            captures: BTreeMap::new(),
            parts: HashMap::new(),
            returned: HashMap::new(),
            peer_frame_bytes: 65_536,
            is_judged: required.is_none(),
            required,
        }
    }

    pub(super) fn served(&self) -> usize {
        self.machine.served_calls()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.machine.dropped_oneways() + self.oneways_dropped
    }

    /// How the conversation names a call.
    pub(super) fn who(&self, id: CallId) -> String {
        self.names.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
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
            Event::Opened => self.on_opened(),
            Event::MoreCalls => self.retry_waiting(),
            Event::OneWay { request, cost } => self.on_oneway(&request, cost),
            Event::Item { id, message, cost, last } => {
                self.on_item(id, message.as_slice(), cost, last);
            }
            Event::End { id } => self.on_end(id),
            Event::Writable { id } => self.go_on(id),
            Event::Stopped { id } => {
                let who = self.who(id);
                self.lanes.get_mut(&who).unwrap().stop();
            }
            Event::Request(request) => self.on_request(&request),
            Event::Response { id, response } => {
                let name = self.machine.take(id).unwrap();
                let told = outcome(&self.calls[&name].method, &response);
                self.end(&name, told);
                self.retry_waiting();
            }
            Event::Cancelled { id } => self.end_handler(id, Code::CANCELLED),
            Event::GoAway { code, .. } => {
                self.closed_by_peer = Some(code);
                self.fail_calls();
            }
        }
    }

    fn on_opened(&mut self) {
        let peer = self.machine.peer().unwrap();
        self.peer_frame_bytes = peer.frame_bytes as usize;
        let is_taken =
            self.required.as_ref().is_none_or(|token| token == peer.auth_token.as_bytes());
        self.is_judged = true;
        if !is_taken {
            self.machine.close(CloseCode::UNAUTHENTICATED, "");
            self.fail_calls();
        }
        self.retry_waiting();
    }

    fn method(name: &MethodName<'_>) -> Option<&'static str> {
        match name {
            MethodName::Id(id) => calc::by_id(*id),
            MethodName::Name(name) => calc::by_name(name),
        }
    }

    fn on_oneway(&mut self, request: &Request<'_>, cost: u32) {
        let id = request.id.to_string();
        self.seen.insert(id, entries(&request.metadata));
        let method = Self::method(&request.method);
        match method.and_then(|method| calc::oneway(method, request.message.as_slice())) {
            None => {
                self.oneways_dropped += 1;
                self.machine.oneway_done(cost);
            }
            Some(is_pending) => {
                self.ran += 1;
                self.oneways.push_back(cost);
                if !is_pending {
                    self.end_oneway();
                }
            }
        }
    }

    fn end_oneway(&mut self) {
        let cost = self.oneways.pop_front().unwrap();
        self.machine.oneway_done(cost);
    }

    fn on_request(&mut self, request: &Request<'_>) {
        let id = request.id;
        self.seen.insert(id.to_string(), entries(&request.metadata));
        let method = Self::method(&request.method);
        let is_stream = request.shape != RequestShape::Unary;
        let started = calc::start(method, is_stream, request.signature, request.message.as_slice());
        self.ran += usize::from(!matches!(started, Started::Refused(_)));
        let mut handler =
            Handler { method: method.unwrap_or_default(), wakes: None, stream: None, answer: None };
        match started {
            Started::Answered(reply) | Started::Refused(reply) => {
                self.machine.reply(id, reply);
                return;
            }
            Started::Sleeps(ms) => handler.wakes = Some((self.now.plus_millis(ms.into()), ms)),
            Started::Holds => {}
            Started::Streams(stream) => {
                let mut lane = Lane::default();
                for item in stream.at_start() {
                    lane.push(item, false);
                }
                handler.answer = stream.at_once();
                handler.stream = Some(stream);
                self.lanes.insert(id.to_string(), lane);
            }
        }
        self.handlers.insert(id, handler);
        if is_stream {
            match request.shape == (RequestShape::Stream { ended: true }) {
                true => self.on_end(id),
                false => self.go_on(id),
            }
        }
    }

    fn end_handler(&mut self, id: CallId, code: Code) {
        self.handlers.remove(&id).unwrap();
        self.cancelled += 1;
        self.machine.reply(id, Reply::empty(code, Retry::Unknown));
    }

    pub(super) fn lose(&mut self) {
        self.machine.fail();
        self.fail_calls();
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
        if let Some(lane) = self.lanes.get_mut(name) {
            lane.stop();
        }
    }

    fn retry_waiting(&mut self) {
        for name in std::mem::take(&mut self.waiting) {
            self.open(name);
        }
    }

    fn open(&mut self, name: String) {
        if !self.is_judged {
            self.waiting.push(name);
            return;
        }
        let call = &self.calls[&name];
        let kind = calc::kind(&call.method);
        let new = NewCall {
            method: match call.by_name {
                true => MethodId::BY_NAME,
                false => calc::method_id(&call.method),
            },
            signature: calc::signature(&call.method),
            deadline: call.deadline,
            metadata: &call.metadata,
            payload: &mut Payload::from(call.message.clone()),
            shape: match kind {
                Kind::Stream { items_out, items_in } => Shape::Stream { items_out, items_in },
                Kind::Unary | Kind::OneWay => Shape::Unary,
            },
        };
        let opened = match kind {
            Kind::OneWay => self.machine.oneway(self.now, new).map(|_| None),
            _ => self.machine.call(self.now, new, name.clone()).map(Some).map_err(|no| no.reason),
        };
        match opened {
            Ok(None) => self.end(&name, json!({ "ok": [] })),
            Ok(Some(id)) => {
                self.calls.get_mut(&name).unwrap().id = Some(id);
                self.names.insert(id, name.clone());
                if kind != Kind::Unary {
                    self.flush(&name, id);
                }
            }
            Err(Refusal::Busy | Refusal::SendBufferFull) => self.waiting.push(name),
            Err(Refusal::TooLarge { .. } | Refusal::MetadataTooLarge { .. }) => {
                self.end(&name, json!({"error": "RESOURCE_EXHAUSTED", "executed": "no"}));
            }
            Err(_) => self.end(&name, json!({"error": "UNAVAILABLE", "executed": "no"})),
        }
    }

    pub(super) fn verb(&mut self, verb: &Value) {
        let on_items =
            ["send", "finish", "take", "wait"].into_iter().find_map(|key| verb[key].as_str());
        if verb["call"].is_string() {
            self.call(verb);
        } else if let Some(who) = on_items {
            let call = &self.calls[who];
            let (id, method) = (call.id.unwrap(), call.method.clone());
            self.item_verb(who, id, &method, verb);
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

    fn call(&mut self, verb: &Value) {
        let method = verb["call"].as_str().unwrap().strip_prefix("demo.Calc/").unwrap().to_owned();
        let by_name = verb["by_name"] == true;
        let mut metadata = Vec::new();
        if by_name {
            let full_name = format!("demo.Calc/{method}");
            metadata::encode_entry(":method", full_name.as_bytes(), &mut metadata).unwrap();
        }
        let is_good = append(&verb["metadata"], &mut metadata);
        let name = verb["as"].as_str().unwrap().to_owned();
        let call = Call {
            message: calc::encode_args(&method, &verb["args"]),
            metadata,
            deadline: verb["timeout_ms"].as_u64().map(|ms| self.now.plus_millis(ms)),
            by_name,
            method,
            id: None,
            outcome: None,
        };
        self.calls.insert(name.clone(), call);
        self.lanes.insert(name.clone(), Lane::default());
        match is_good {
            true => self.open(name),
            false => self.end(&name, json!({"error": "INVALID_ARGUMENT", "executed": "no"})),
        }
    }

    pub(super) fn serve(&mut self, answer: &Value) {
        if answer["oneway"].is_u64() {
            return self.end_oneway();
        }
        let id = CallId::new(super::number(&answer["id"]));
        let Some(handler) = self.handlers.get(&id) else {
            return;
        };
        let method = handler.method;
        let mut reply = if let Some(name) = answer["status"].as_str() {
            let mut codes = (0..=u8::MAX).map(Code::from_number);
            let code = codes.find(|code| code.name() == Some(name)).unwrap();
            calc::status(code, Retry::Unknown, answer["message"].as_str().unwrap())
        } else if !answer["declared"].is_null() {
            calc::declared(&answer["declared"])
        } else if !answer["ok"].is_null() {
            calc::encode_result(method, &answer["ok"])
        } else {
            return self.item_verb(&id.to_string(), id, method, answer);
        };
        assert!(append(&answer["metadata"], &mut reply.metadata));
        self.handlers.remove(&id);
        self.machine.reply(id, reply);
    }

    pub(super) fn advance(&mut self, ms: u64) {
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
}

/// Appends the entries of a step; `false` when one of them may not be set by an application.
fn append(entries: &Value, out: &mut Vec<u8>) -> bool {
    entries.as_array().into_iter().flatten().all(|entry| {
        let (key, value) = (entry[0].as_str().unwrap(), token(&entry[1]).unwrap());
        !key.starts_with(':') && metadata::encode_entry(key, &value, out).is_ok()
    })
}
