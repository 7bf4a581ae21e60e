//! One large message on its way: which frame of it is next, and whether the credit covers it.
//!
//! Knows the peer's bounds and the credit only as numbers that are lent to it.

use super::flow::{FRAME_COST, Flow, TOTAL_BYTES};
use super::transmit::Batch;
use crate::frame::{Data, Flags, Response};
use crate::{CallId, Code, Payload, Retry};
use bytes::Bytes;
use std::collections::VecDeque;

/// What the peer accepts of large messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Body of one frame.
    pub(super) frame_bytes: usize,
    /// Sum of the totals that are begun and unfinished.
    pub(super) reassembly_bytes: usize,
}

/// What a RESPONSE says beside its message.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) retry: Retry,
    pub(super) app: u16,
    pub(super) metadata: Vec<u8>,
}

/// What a large message is part of.
#[derive(Debug)]
pub(super) enum Part {
    /// The rest of a unary request, whose first frame has been appended.
    Request,
    /// The rest of a streaming request.
    Opening {
        /// The caller sends no items: END follows.
        end: bool,
    },
    /// A result, which ends with a RESPONSE.
    Result(Words),
    /// An item of a stream.
    Item {
        /// END stands on it.
        last: bool,
        /// The RESPONSE that follows it.
        then: Option<Box<(Words, Option<Payload>)>>,
    },
}

/// A large message on its way.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) id: CallId,
    pub(super) part: Part,
    pub(super) total: u32,
    pub(super) left: usize,
    pub(super) slices: VecDeque<Bytes>,
}

impl Sending {
    const fn is_begun(&self) -> bool {
        self.left < self.total as usize
    }

    /// What of it counts against the peer's reassembly.
    pub(super) const fn reassembly(&self) -> usize {
        match self.part {
            Part::Item { .. } => 0,
            _ => self.total as usize,
        }
    }

    /// Whether the next frame of an item is covered by this credit. A fragment that goes on with an item is
    /// full or the last; only the first one may be short.
    ///
    /// Spec: `stream.credit.partial`.
    pub(super) fn is_covered(&self, frame_bytes: usize, credit: u32) -> bool {
        let next = match self.is_begun() {
            true => self.left.min(frame_bytes),
            false => self.left.min(TOTAL_BYTES as usize + 1),
        };
        next.saturating_add(FRAME_COST as usize) <= credit as usize
    }

    /// Appends the next frame. `flow` is that of the call, for an item.
    pub(super) fn turn(&mut self, frame_bytes: usize, flow: Option<&mut Flow>, out: &mut Batch) {
        match &mut self.part {
            Part::Request if self.left <= frame_bytes => self.data(Flags::END, self.left, 0, out),
            Part::Opening { end } if self.left <= frame_bytes => {
                let end = *end;
                self.data(Flags::NONE, self.left, 0, out);
                if end {
                    half_close(self.id, 0, &mut out.bytes);
                }
            }
            Part::Result(words) if self.left + words.metadata.len() <= frame_bytes => {
                respond(self.id, words, Some(self.left), out);
                out.push_front_of(&mut self.slices, self.left);
                self.left = 0;
            }
            Part::Item { .. } => {
                if let Some(flow) = flow {
                    self.item(frame_bytes, flow, out);
                }
            }
            // The last frame always carries something, even when only its metadata did not fit.
            Part::Request | Part::Opening { .. } | Part::Result(_) => {
                let room = match self.is_begun() {
                    true => frame_bytes,
                    false => frame_bytes.saturating_sub(TOTAL_BYTES as usize),
                };
                let len = room.min(self.left.saturating_sub(1));
                self.data(Flags::MORE, len, 0, out);
            }
        }
    }

    fn item(&mut self, frame_bytes: usize, flow: &mut Flow, out: &mut Batch) {
        let before = out.len();
        let covered = (flow.out.credit().saturating_sub(FRAME_COST)) as usize;
        let given_back = flow.incoming.give_all_back();
        if self.left <= frame_bytes.min(covered) {
            let is_last = matches!(self.part, Part::Item { last: true, .. });
            let flags = Flags::NONE.and_if(is_last, Flags::END);
            let head = Data { id: self.id, flags, credit: given_back, rest: &[] };
            head.encode_before(self.left, &mut out.bytes);
            out.push_front_of(&mut self.slices, self.left);
            self.left = 0;
        } else {
            let total = if self.is_begun() { 0 } else { TOTAL_BYTES as usize };
            let room = frame_bytes.min(covered).saturating_sub(total);
            let len = room.min(self.left.saturating_sub(1));
            self.data(Flags::MORE, len, given_back, out);
        }
        let cost = out.len().saturating_sub(before);
        flow.out.spend(u32::try_from(cost).unwrap_or(u32::MAX));
        if self.left > 0 {
            return;
        }
        if let Part::Item { then: Some(then), .. } = &mut self.part {
            let (words, payload) = &mut **then;
            respond(self.id, words, payload.as_ref().map(Payload::len), out);
            if let Some(payload) = payload {
                out.push_payload(payload);
            }
        }
    }

    /// Appends a fragment, with the total if it is the first.
    fn data(&mut self, flags: Flags, len: usize, credit: u32, out: &mut Batch) {
        let data = Data { id: self.id, flags, credit, rest: &[] };
        if self.is_begun() {
            data.encode_before(len, &mut out.bytes);
        } else {
            data.encode_before(TOTAL_BYTES as usize + len, &mut out.bytes);
            out.bytes.extend_from_slice(&self.total.to_be_bytes());
        }
        out.push_front_of(&mut self.slices, len);
        self.left = self.left.saturating_sub(len);
    }

    /// Its slices, and those of the RESPONSE that would have followed.
    pub(super) fn discard_into(self, batch: &mut Batch) {
        batch.discard(self.slices);
        if let Part::Item { then: Some(then), .. } = self.part {
            if let Some(payload) = then.1 {
                batch.discard(payload.into_parts().1);
            }
        }
    }
}

/// Appends a DATA that says END and nothing else.
pub(super) fn half_close(id: CallId, credit: u32, out: &mut Vec<u8>) {
    Data { id, flags: Flags::END.and(Flags::NOMSG), credit, rest: &[] }.encode(out);
}

fn respond(id: CallId, words: &Words, len: Option<usize>, out: &mut Batch) {
    let response = Response {
        id,
        code: Code::OK,
        retry: words.retry,
        app: words.app,
        metadata: &words.metadata,
        payload: None,
    };
    response.encode_before(len, &mut out.bytes);
}
