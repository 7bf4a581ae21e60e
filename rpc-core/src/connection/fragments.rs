//! What a DATA frame of a message does: a fragment of a request or of a result, or bytes that nobody wants.

use super::asked::Status;
use super::gather::Opening;
use super::incoming::{Outcome, method_name};
use super::{Connection, Event, Inbound, MethodName, Request, RequestShape, Stage};
use crate::frame::{self, CancelReason, Data, Flags};
use crate::{CallId, CloseCode, Code, ProtocolError, Retry, Time};
use std::borrow::Cow;

impl<W> Connection<W> {
    pub(super) fn on_data<'i>(&mut self, now: Time, data: Data<'i>) -> Outcome<'i> {
        if self.side.owns(data.id) {
            let status = self.asked.status(data.id);
            if status != Status::Gone && self.asked.streams(data.id) {
                return self.on_callee_data(now, &data);
            }
            match status {
                Status::Gone => self.late(now, data.id),
                Status::GivenUp => self.spill(now, &data),
                Status::Waiting => self.on_result_fragment(&data),
            }
        } else {
            match self.owed.find(data.id) {
                None => self.late(now, data.id),
                Some((Stage::Gathering, _)) => self.on_request_fragment(&data),
                Some((stage, true)) => self.on_caller_data(&data, stage),
                Some((Stage::Running | Stage::Cancelled | Stage::Replying, false)) => {
                    Err(fragment(data.id, "has come whole, yet DATA follows"))
                }
            }
        }
    }

    /// A fragment of a result that nobody wants: it was on its way when the call was given up. As much
    /// as one message is borne for nothing.
    pub(super) fn spill<'i>(&mut self, now: Time, data: &Data<'i>) -> Outcome<'i> {
        let spilled = self.asked.spill(data.id, data.rest.len());
        if data.rest.is_empty() || spilled > self.limits.message_bytes {
            return self.charge_late(now);
        }
        Ok(None)
    }

    /// Spec: `frame.fragment.continue`.
    pub(super) fn on_result_fragment<'i>(&mut self, data: &Data<'i>) -> Outcome<'i> {
        if !data.flags.has(Flags::MORE) {
            return Err(fragment(data.id, "ends in DATA instead of RESPONSE"));
        }
        if self.gather.has(data.id) {
            not_empty(data.id, data.rest)?;
            self.gather.add(data.id, data.rest)?;
            return Ok(None);
        }
        let (total, payload) = data.split_total()?;
        not_empty(data.id, payload)?;
        if total > self.limits.message_bytes {
            self.asked.answer_early(data.id);
            self.send_cancel(data.id, CancelReason::LIMIT);
            return Ok(Some(Event::Response {
                id: data.id,
                response: self.result_too_large(total as usize),
            }));
        }
        self.gather.begin(data.id, total, None, payload)?;
        Ok(None)
    }

    /// Spec: `frame.fragment.continue`.
    fn on_request_fragment<'i>(&mut self, data: &Data<'i>) -> Outcome<'i> {
        let id = data.id;
        if data.flags.has(Flags::MORE) {
            not_empty(id, data.rest)?;
            self.gather.add(id, data.rest)?;
            return Ok(None);
        }
        if data.flags.has(Flags::NOMSG) {
            return Err(fragment(id, "ends without its last fragment"));
        }
        let (opening, bytes) = self.gather.finish(id, data.rest)?;
        let Some(opening) = opening else {
            return Err(fragment(id, "goes on without having begun"));
        };
        self.owed.enter(id, Stage::Running);
        if data.flags.has(Flags::END) {
            return Ok(self.gathered(id, opening, bytes, RequestShape::Unary));
        }
        if self.owed.streams() >= self.limits.streams as usize {
            let message = self.too_many_streams();
            self.end_owed(id);
            self.refuse(id, Code::RESOURCE_EXHAUSTED, Retry::Safe, &message);
            self.budgets.bear_late(self.limits.window_bytes);
            return Ok(None);
        }
        self.serve_stream(id, false);
        Ok(self.gathered(id, opening, bytes, RequestShape::Stream { ended: false }))
    }

    fn gathered<'i>(
        &mut self,
        id: CallId,
        opening: Opening,
        bytes: Vec<u8>,
        shape: RequestShape,
    ) -> Option<Event<'i>> {
        let method = match method_name(opening.method, &opening.metadata) {
            Ok(MethodName::Id(id)) => MethodName::Id(id),
            Ok(MethodName::Name(name)) => MethodName::Name(Cow::Owned(name.into_owned())),
            // It was well formed when the first frame came.
            Err(message) => {
                self.end_owed(id);
                self.refuse(id, Code::INVALID_ARGUMENT, Retry::Safe, message);
                return None;
            }
        };
        Some(Event::Request(Request {
            id,
            method,
            signature: opening.signature,
            deadline: self.owed.deadline(id),
            metadata: Cow::Owned(opening.metadata),
            message: Inbound::Gathered(bytes),
            shape,
        }))
    }

    /// Spec: `frame.fragment.first`.
    pub(super) fn begin_request<'i>(
        &mut self,
        request: &frame::Request<'i>,
        total: u32,
        deadline: Option<Time>,
    ) -> Outcome<'i> {
        not_empty(request.id, request.payload)?;
        let opening = Opening {
            method: request.method,
            signature: request.signature,
            metadata: request.metadata.to_vec(),
        };
        self.gather.begin(request.id, total, Some(opening), request.payload)?;
        self.owed.insert(request.id, Stage::Gathering, deadline);
        Ok(None)
    }
}

#[cold]
fn fragment(id: CallId, what: &str) -> ProtocolError {
    ProtocolError::new(CloseCode::FRAGMENT, format!("the message of call {id} {what}"))
}

fn not_empty(id: CallId, payload: &[u8]) -> Result<(), ProtocolError> {
    match payload.is_empty() {
        false => Ok(()),
        true => Err(fragment(id, "has an empty fragment")),
    }
}
