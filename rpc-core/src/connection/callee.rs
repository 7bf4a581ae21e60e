//! The verb of a callee: reply; and the replies that the machine gives itself.
//!
//! Decides how a result travels, and what happens when it cannot.

use super::sending::Words;
use super::{Connection, Reply, Stage};
use crate::frame::{self, Fault};
use crate::{CallId, Code, Payload, Retry, Time};

impl<W> Connection<W> {
    /// Ends a call of the peer. Ignored when the call is not open, as after the peer's end.
    ///
    /// A result or metadata longer than the peer accepts become `RESOURCE_EXHAUSTED`, which names both
    /// numbers. An error's value cannot be cut and must fit one frame; a fault that the peer cannot take is left
    /// out. Returns the payload's buffer, emptied, when its bytes were copied.
    ///
    /// Spec: `call.response.once`, `call.message.limit`.
    pub fn reply(&mut self, id: CallId, reply: Reply) -> Option<Vec<u8>> {
        let streams = match self.owed.find(id) {
            Some((Stage::Running | Stage::Cancelled, streams)) => streams,
            Some((Stage::Gathering | Stage::Replying, _)) | None => {
                return reply.payload.map(|payload| self.outbox.discard(payload));
            }
        };
        if self.phase.closed {
            self.end_owed(id);
            return reply.payload.map(|payload| self.outbox.discard(payload));
        }
        let reply = self.without_long_fault(reply);
        let len = reply.payload.as_ref().map(Payload::len);
        let excess = self.excess(&reply, len.unwrap_or(0));
        let excess = if streams { self.stream_excess(id, &reply, excess) } else { excess };
        if let Some(excess) = excess {
            self.drop_item(id);
            self.fault(id, Code::RESOURCE_EXHAUSTED, Retry::Never, &excess);
            self.end_owed(id);
            return reply.payload.map(|payload| self.outbox.discard(payload));
        }
        if streams && self.replies_after_item(id, reply.code) {
            let words = Words { retry: reply.retry, app: reply.app, metadata: reply.metadata };
            self.outbox.respond_after(id, words, reply.payload);
            self.owed.enter(id, Stage::Replying);
            return None;
        }
        let whole_len = reply.metadata.len() + len.unwrap_or(0);
        match (reply.payload, len) {
            (Some(payload), Some(len)) if whole_len > self.cut().frame_bytes => {
                let total = u32::try_from(len).unwrap_or(u32::MAX);
                let words = Words { retry: reply.retry, app: reply.app, metadata: reply.metadata };
                self.owed.enter(id, Stage::Replying);
                self.outbox.queue_result(id, total, payload, words);
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
                self.end_owed(id);
                payload.map(|mut payload| {
                    self.outbox.payload(&mut payload);
                    payload.into_buffer()
                })
            }
        }
    }

    /// A fault is words for humans: its code counts without them.
    fn without_long_fault(&mut self, mut reply: Reply) -> Reply {
        let is_fault = reply.code != Code::OK && reply.code != Code::DECLARED;
        let is_long = |fault: &mut Payload| fault.len() > self.peer.message_bytes as usize;
        if let Some(fault) = reply.payload.take_if(|fault| is_fault && is_long(fault)) {
            self.outbox.discard(fault);
        }
        reply
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
        let max = [self.limits.error_text_bytes, self.peer.message_bytes as usize];
        encode_fault(id, code, retry, message, max, self.outbox.control());
    }

    fn fault(&mut self, id: CallId, code: Code, retry: Retry, message: &str) {
        let max = [self.limits.error_text_bytes, self.peer.message_bytes as usize];
        encode_fault(id, code, retry, message, max, self.outbox.frames());
    }

    /// The peer's call ends with a RESPONSE that says nothing more, and nothing else of it is sent.
    pub(super) fn abandon_reply(&mut self, id: CallId) {
        self.drop_item(id);
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
        self.end_owed(id);
    }

    /// The RESPONSE of a call of the peer has been appended: nothing of it is open any more.
    pub(super) fn end_owed(&mut self, id: CallId) {
        if self.owed.remove(id) {
            if let Some(flow) = self.flows.remove(id) {
                self.budgets.bear_late(flow.incoming.unused());
            }
        }
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
        self.end_owed(id);
        self.refuse(id, code, Retry::Safe, message);
    }
}

fn encode_fault(
    id: CallId,
    code: Code,
    retry: Retry,
    message: &str,
    [text_bytes_max, message_bytes_max]: [usize; 2],
    out: &mut Vec<u8>,
) {
    let mut fault = Vec::new();
    Fault::new(message).encode(text_bytes_max, &mut fault);
    let payload = (fault.len() <= message_bytes_max).then_some(fault.as_slice());
    let response = frame::Response { id, code, retry, app: 0, metadata: &[], payload };
    response.encode(out);
}
