//! What each frame of the peer does: one function for each, in the order of the registry. DATA has a room
//! of its own, `fragments.rs`.
//!
//! Faults of the whole connection are errors; faults of one call are answered on that call.

use super::asked::Status;
use super::{
    Connection, DEADLINE_MS_MAX, Event, Inbound, MethodName, Request, RequestShape, Response, Stage,
};
use crate::frame::{self, Fault, Flags, Frame, GoAway, Hello, metadata};
use crate::{CallId, CloseCode, Code, MethodId, ProtocolError, Retry, Time};
use std::borrow::Cow;

pub(super) type Outcome<'i> = Result<Option<Event<'i>>, ProtocolError>;

/// How a call that may not run is answered.
pub(super) type NotAdmitted = (Code, Retry, Cow<'static, str>);

impl<W> Connection<W> {
    pub(super) fn handle<'i>(&mut self, now: Time, frame: Frame<'i>) -> Outcome<'i> {
        match frame {
            Frame::Request(request) => self.on_request(now, request),
            Frame::Response(response) => self.on_response(now, response),
            Frame::Data(data) => self.on_data(now, data),
            Frame::Hello(hello) => self.on_hello(now, hello),
            Frame::Credit { id, bytes } => self.on_credit(now, id, bytes),
            Frame::Cancel { id, .. } => self.on_cancel(now, id),
            Frame::Ping(token) => self.on_ping(now, token),
            // That bytes came is what was wanted.
            Frame::Pong(_) => Ok(None),
            Frame::GoAway(goaway) => self.on_goaway(now, goaway),
            Frame::Limits(calls) => self.on_limits(now, calls),
            Frame::Skipped => self.on_skipped(now),
        }
    }

    /// Spec: `conn.hello.once`, `conn.version.choose`.
    fn on_hello<'i>(&mut self, now: Time, hello: Box<Hello>) -> Outcome<'i> {
        if self.phase.opened {
            return Err(ProtocolError::new(CloseCode::HELLO, "a second HELLO has come"));
        }
        let (ours, theirs) =
            (frame::VERSION..=frame::VERSION, hello.version_min..=hello.version_max);
        if frame::common_version(ours, theirs).is_none() {
            return Err(ProtocolError::new(
                CloseCode::VERSION,
                format!(
                    "the peer speaks versions {} to {}, this side {} to {}",
                    hello.version_min,
                    hello.version_max,
                    frame::VERSION,
                    frame::VERSION
                ),
            ));
        }
        self.phase.opened = true;
        self.clock.opened(now);
        self.peer_calls = hello.calls;
        self.peer = hello;
        self.starved = false;
        self.raise_windows();
        Ok(Some(Event::Opened))
    }

    /// Spec: `call.id.order`, `call.id.skip`, `call.slots.limit`, `call.message.limit`.
    #[inline]
    pub(super) fn on_request<'i>(&mut self, now: Time, request: frame::Request<'i>) -> Outcome<'i> {
        let id = request.id;
        if self.side.owns(id) || !id.is_after(self.owed.last()) {
            return Err(ProtocolError::new(
                CloseCode::CALL_ID,
                format!(
                    "REQUEST has the call id {id}, which must be of the peer's parity and after {}",
                    self.owed.last()
                ),
            ));
        }
        if self.owed.stage(id).is_some() {
            return Err(ProtocolError::new(
                CloseCode::CALL_ID,
                format!("REQUEST has the call id {id}, which is open from the last time round"),
            ));
        }
        self.owed.saw(id);
        let is_unary = request.flags.has(Flags::END) && !request.flags.has(Flags::NOMSG);
        if request.flags.has(Flags::ONEWAY) {
            return self.on_oneway(now, request);
        }
        if self.phase.leaving.is_some() {
            if !is_unary {
                self.budgets.bear_late(self.limits.window_bytes);
            }
            return Ok(None);
        }
        let streams = !is_unary && request.total.is_none();
        let method = match self.admit_call(streams).and_then(|()| self.admit(&request)) {
            Ok(method) => method,
            Err((code, retry, message)) => {
                self.owed.accept(id);
                self.refuse(id, code, retry, &message);
                if !is_unary {
                    self.budgets.bear_late(self.limits.window_bytes);
                }
                return Ok(None);
            }
        };
        let deadline =
            request.timeout_ms.map(|ms| now.plus_millis(u64::from(ms).min(DEADLINE_MS_MAX)));
        if let Some(total) = request.total {
            return self.begin_request(&request, total, deadline);
        }
        self.owed.insert(id, Stage::Running, deadline);
        let ended = request.flags.has(Flags::END);
        if streams {
            self.serve_stream(id, ended);
        }
        Ok(Some(Event::Request(Request {
            id,
            method,
            signature: request.signature,
            deadline,
            metadata: Cow::Borrowed(request.metadata),
            message: Inbound::Borrowed(request.payload),
            shape: match streams {
                true => RequestShape::Stream { ended },
                false => RequestShape::Unary,
            },
        })))
    }

    /// Whether one more call of this kind may be open. A cut request counts as unary: whether it streams
    /// shows in its last frame.
    fn admit_call(&self, streams: bool) -> Result<(), NotAdmitted> {
        let message = match streams {
            true if self.owed.streams() >= self.limits.streams as usize => self.too_many_streams(),
            false if self.owed.unary() >= self.limits.calls as usize => {
                format!("{} calls are open already", self.owed.unary())
            }
            _ => return Ok(()),
        };
        Err((Code::RESOURCE_EXHAUSTED, Retry::Safe, message.into()))
    }

    pub(super) fn too_many_streams(&self) -> String {
        format!("{} streaming calls are open already", self.owed.streams())
    }

    /// Whether a call may run, and what it calls; otherwise the reply that refuses it, for the first of its
    /// reasons in the order of the spec.
    pub(super) fn admit<'i>(
        &self,
        request: &frame::Request<'i>,
    ) -> Result<MethodName<'i>, NotAdmitted> {
        let metadata_max = self.limits.metadata_bytes as usize;
        if request.metadata.len() > metadata_max {
            let len = request.metadata.len();
            let message = format!("the metadata have {len} bytes, {metadata_max} are accepted");
            return Err((Code::RESOURCE_EXHAUSTED, Retry::Safe, message.into()));
        }
        let len = match request.total {
            Some(total) => total as usize,
            None => request.payload.len(),
        };
        let message_max = self.limits.message_bytes as usize;
        if len > message_max {
            let message = format!("the arguments have {len} bytes, {message_max} are accepted");
            return Err((Code::RESOURCE_EXHAUSTED, Retry::Safe, message.into()));
        }
        if request.timeout_ms == Some(0) {
            let message = "the deadline had passed when the request came";
            return Err((Code::DEADLINE_EXCEEDED, Retry::Safe, message.into()));
        }
        method_name(request.method, request.metadata)
            .map_err(|message| (Code::INVALID_ARGUMENT, Retry::Safe, message.into()))
    }

    /// Spec: `call.response.once`, `frame.fragment.discard`.
    #[inline]
    pub(super) fn on_response<'i>(
        &mut self,
        now: Time,
        response: frame::Response<'i>,
    ) -> Outcome<'i> {
        let id = response.id;
        if !self.side.owns(id) {
            return Err(ProtocolError::new(
                CloseCode::CALL_ID,
                format!("RESPONSE has the call id {id}, which its own sender opened"),
            ));
        }
        match self.asked.status(id) {
            Status::Gone => return self.late(now, id),
            Status::Waiting => {}
            Status::GivenUp => {
                self.end_asked(id);
                return Ok(Some(Event::MoreCalls));
            }
        }
        if response.code == Code::OK && self.asked.streams(id) {
            self.ends_between_items(id)?;
        }
        let is_whole = response.code == Code::OK && response.payload.is_some();
        let message = match response.payload {
            Some(last) if is_whole && self.gather.has(id) => {
                Some(Inbound::Gathered(self.gather.finish(id, last)?.1))
            }
            payload => payload.map(Inbound::Borrowed),
        };
        self.end_asked(id);
        let response = self.judge_response(&response, message);
        Ok(Some(Event::Response { id, response }))
    }

    /// The response as its caller sees it: one beyond this side's limits has failed.
    fn judge_response<'i>(
        &self,
        response: &frame::Response<'i>,
        message: Option<Inbound<'i>>,
    ) -> Response<'i> {
        let metadata_max = self.limits.metadata_bytes as usize;
        let metadata_len = response.metadata.len();
        if metadata_len > metadata_max {
            return failed(
                Code::RESOURCE_EXHAUSTED,
                &format!(
                    "the metadata of the reply have {metadata_len} bytes, {metadata_max} are accepted"
                ),
            );
        }
        let len = message.as_ref().map_or(0, |message| message.as_slice().len());
        if len > self.limits.message_bytes as usize {
            return self.result_too_large(len);
        }
        // Metadata stand beside the result: malformed ones are none, and the result counts.
        let is_malformed = metadata::entries(response.metadata).any(|entry| entry.is_err());
        Response {
            code: response.code,
            retry: response.retry,
            app: response.app,
            metadata: if is_malformed { &[] } else { response.metadata },
            message,
        }
    }

    pub(super) fn result_too_large(&self, len: usize) -> Response<'static> {
        failed(
            Code::RESOURCE_EXHAUSTED,
            &format!("the result has {len} bytes, {} are accepted", self.limits.message_bytes),
        )
    }

    /// The RESPONSE of a call has come: neither direction carries anything more.
    pub(super) fn end_asked(&mut self, id: CallId) {
        self.gather.discard(id);
        if self.outbox.drop_message(id) {
            self.message_left();
        }
        if self.asked.end(id) {
            self.outbox.drop_stream(id);
            self.flows.remove(id);
        }
    }

    /// Spec: `call.cancel.callee`.
    fn on_cancel<'i>(&mut self, now: Time, id: CallId) -> Outcome<'i> {
        if !self.budgets.cancels.take(now) {
            return Err(flood("CANCEL"));
        }
        if self.side.owns(id) && self.asked.status(id) != Status::Gone {
            return Ok(self.on_stop(id));
        }
        match self.owed.stage(id) {
            None => return self.late(now, id),
            Some(Stage::Cancelled) => {}
            Some(Stage::Gathering) => self.refuse_gathering(
                id,
                Code::CANCELLED,
                "the call was cancelled before the request was whole",
            ),
            Some(Stage::Replying) => self.abandon_reply(id),
            Some(Stage::Running) => {
                self.owed.enter(id, Stage::Cancelled);
                self.silence(id);
                return Ok(Some(Event::Cancelled { id }));
            }
        }
        Ok(None)
    }

    fn on_ping<'i>(&mut self, now: Time, token: u32) -> Outcome<'i> {
        if !self.budgets.pings.take(now) {
            return Err(flood("PING"));
        }
        self.silent = true;
        if !self.phase.parted {
            self.outbox.pong(token);
        }
        Ok(None)
    }

    /// Spec: `conn.goaway.above`, `conn.goaway.error`.
    fn on_goaway<'i>(&mut self, now: Time, goaway: GoAway) -> Outcome<'i> {
        if self.is_last_frame(&goaway) {
            return self.on_last_frame();
        }
        // Each is looked at by every call that is open or waits.
        if goaway.code == CloseCode::GRACEFUL && !self.budgets.limits.take(now) {
            return Err(flood("GOAWAY"));
        }
        self.phase.peer_leaving = Some(goaway.last_accepted);
        if goaway.code != CloseCode::GRACEFUL {
            self.phase.closed = true;
            self.outbox.clear();
            self.gather.clear();
            self.flows.clear();
        }
        Ok(Some(Event::GoAway { code: goaway.code, reason: goaway.reason }))
    }

    /// Spec: `conn.limits.bind`.
    fn on_limits<'i>(&mut self, now: Time, calls: u32) -> Outcome<'i> {
        if !self.budgets.limits.take(now) {
            return Err(flood("LIMITS"));
        }
        let is_raised = calls > self.peer_calls;
        self.peer_calls = calls;
        Ok(is_raised.then_some(Event::MoreCalls))
    }

    fn on_skipped<'i>(&mut self, now: Time) -> Outcome<'i> {
        match self.budgets.skipped.take(now) {
            true => Ok(None),
            false => Err(flood("an unknown type")),
        }
    }

    /// A frame for a call that is not open: dropped if the call has ended, refused if it never was.
    ///
    /// Spec: `call.id.late`.
    pub(super) fn late<'i>(&mut self, now: Time, id: CallId) -> Outcome<'i> {
        let last = match self.side.owns(id) {
            true => self.asked.last(),
            false => self.owed.last(),
        };
        if last == CallId::CONNECTION || id.is_after(last) {
            return Err(ProtocolError::new(
                CloseCode::CALL_ID,
                format!("a frame has the call id {id}, which was never opened"),
            ));
        }
        self.charge_late(now)
    }

    pub(super) fn charge_late<'i>(&mut self, now: Time) -> Outcome<'i> {
        match self.budgets.take_late(now) {
            true => Ok(None),
            false => Err(flood("a call that has ended")),
        }
    }
}

/// What a request calls. Metadata must be well formed even when the method has a number.
///
/// Spec: `call.name.entry`.
pub(super) fn method_name(
    method: MethodId,
    metadata: &[u8],
) -> Result<MethodName<'_>, &'static str> {
    let mut name = None;
    for entry in metadata::entries(metadata) {
        let (key, value) = entry.map_err(|_| "the metadata are malformed")?;
        if key == metadata::METHOD_KEY && method == MethodId::BY_NAME {
            let value = std::str::from_utf8(value).map_err(|_| "the method's name is not UTF-8")?;
            if name.replace(value).is_some() {
                return Err("the method is named more than once");
            }
        }
    }
    match (method, name) {
        (MethodId::BY_NAME, Some(name)) => Ok(MethodName::Name(Cow::Borrowed(name))),
        (MethodId::BY_NAME, None) => Err("the method has neither a number nor a name"),
        (method, _) => Ok(MethodName::Id(method)),
    }
}

/// A response that this side gives itself.
pub(super) fn failed(code: Code, message: &str) -> Response<'static> {
    let mut fault = Vec::new();
    Fault::new(message).encode(message.len(), &mut fault);
    Response {
        code,
        retry: Retry::Never,
        app: 0,
        metadata: &[],
        message: Some(Inbound::Gathered(fault)),
    }
}

#[cold]
fn flood(what: &str) -> ProtocolError {
    ProtocolError::new(
        CloseCode::FLOOD,
        format!("frames of {what} come faster than they are borne"),
    )
}
