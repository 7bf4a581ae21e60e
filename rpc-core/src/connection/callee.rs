//! The verb of a callee: reply; and the replies that the machine gives itself.
//!
//! Decides how a result travels, and what happens when it cannot.

use super::{Connection, Reply, Stage};
use crate::frame::{self, Fault};
use crate::{CallId, Code, Payload, Retry, Time};

impl<W> Connection<W> {
    /// Ends a call of the peer. Ignored when the call is not open, as after the peer's end.
    ///
    /// A result or metadata longer than the peer accepts become `RESOURCE_EXHAUSTED`, which names both
    /// numbers. An error's value cannot be cut and must fit one frame. Returns the payload's buffer, emptied,
    /// when its bytes were copied.
    ///
    /// Spec: `call.response.once`, `call.message.limit`.
    pub fn reply(&mut self, id: CallId, reply: Reply) -> Option<Vec<u8>> {
        match self.owed.stage(id) {
            Some(Stage::Running | Stage::Cancelled) => {}
            Some(Stage::Gathering | Stage::Replying) | None => {
                return reply.payload.map(|payload| self.outbox.discard(payload));
            }
        }
        if self.phase.closed {
            self.owed.remove(id);
            return reply.payload.map(|payload| self.outbox.discard(payload));
        }
        let len = reply.payload.as_ref().map(Payload::len);
        if let Some(excess) = self.excess(&reply, len.unwrap_or(0)) {
            self.fault(id, Code::RESOURCE_EXHAUSTED, Retry::Never, &excess);
            self.owed.remove(id);
            return reply.payload.map(|payload| self.outbox.discard(payload));
        }
        let whole_len = reply.metadata.len() + len.unwrap_or(0);
        match (reply.payload, len) {
            (Some(payload), Some(len)) if whole_len > self.cut().frame_bytes => {
                let total = u32::try_from(len).unwrap_or(u32::MAX);
                let end = (reply.retry, reply.app, reply.metadata);
                self.owed.enter(id, Stage::Replying);
                self.outbox.queue_result(id, total, payload, end);
                None
            }
            (payload, len) => {
                let response = frame::Response {
                    id,
                    code: reply.code,
                    retry: reply.retry,
                    app: reply.app,
                    metadata: &reply.metadata,
                    payload: None,
                };
                response.encode_before(len, self.outbox.frames());
                self.owed.remove(id);
                payload.map(|mut payload| {
                    self.outbox.payload(&mut payload);
                    payload.into_buffer()
                })
            }
        }
    }

    /// Why a reply cannot travel.
    fn excess(&self, reply: &Reply, len: usize) -> Option<String> {
        let metadata_len = reply.metadata.len();
        let max = self.metadata_max();
        if metadata_len > max {
            return Some(format!(
                "the metadata of the reply have {metadata_len} bytes, the caller accepts {max}"
            ));
        }
        let max = self.message_max(metadata_len, len);
        if len > max {
            return Some(format!("the result has {len} bytes, the caller accepts {max}"));
        }
        let max = self.cut().frame_bytes.saturating_sub(metadata_len);
        if reply.code != Code::OK && len > max {
            return Some(format!("the error has {len} bytes, one frame carries {max}"));
        }
        None
    }

    /// The peer's call ends with a RESPONSE that no handler gave. Counts as a control reply.
    pub(super) fn refuse(&mut self, id: CallId, code: Code, retry: Retry, message: &str) {
        let out = self.outbox.control();
        encode_fault(id, code, retry, message, self.limits.error_text_bytes, out);
    }

    fn fault(&mut self, id: CallId, code: Code, retry: Retry, message: &str) {
        let out = self.outbox.frames();
        encode_fault(id, code, retry, message, self.limits.error_text_bytes, out);
    }

    /// The peer's call ends with a RESPONSE that says nothing more, and nothing else of it is sent.
    pub(super) fn abandon_reply(&mut self, id: CallId) {
        if self.outbox.drop_message(id) {
            self.message_left();
        }
        let response = frame::Response {
            id,
            code: Code::CANCELLED,
            retry: Retry::Unknown,
            app: 0,
            metadata: &[],
            payload: None,
        };
        response.encode(self.outbox.control());
        self.owed.remove(id);
    }

    /// The next call whose handler has outlived its deadline. Messages that did not become whole in time
    /// are answered here.
    pub(super) fn expire_owed(&mut self, now: Time) -> Option<CallId> {
        while let Some((id, stage)) = self.owed.expire(now) {
            match stage {
                Stage::Gathering => self.refuse_gathering(
                    id,
                    Code::DEADLINE_EXCEEDED,
                    "the deadline passed before the request was whole",
                ),
                Stage::Running => return Some(id),
                Stage::Cancelled | Stage::Replying => {}
            }
        }
        None
    }

    /// Ends a call whose message is not whole.
    pub(super) fn refuse_gathering(&mut self, id: CallId, code: Code, message: &str) {
        self.gather.discard(id);
        self.owed.remove(id);
        self.refuse(id, code, Retry::Safe, message);
    }
}

fn encode_fault(
    id: CallId,
    code: Code,
    retry: Retry,
    message: &str,
    text_bytes_max: usize,
    out: &mut Vec<u8>,
) {
    let mut payload = Vec::new();
    Fault::new(message).encode(text_bytes_max, &mut payload);
    let response =
        frame::Response { id, code, retry, app: 0, metadata: &[], payload: Some(&payload) };
    response.encode(out);
}
