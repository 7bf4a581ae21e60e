//! Which bytes leave next.
//!
//! Small frames are bytes in one batch, in the order in which they were made. Large messages take turns, a
//! frame each, behind them: a small frame never waits for more than the turns of one batch. Knows the
//! peer's bounds only as numbers that are passed in, and no reason why anything is sent.

use super::transmit::{Batch, Transmit};
use crate::frame::{self, Data, Flags, Response};
use crate::{CallId, Code, Payload, Retry};
use bytes::Bytes;
use std::collections::VecDeque;

/// Frames of large messages in one batch: one is on its way while the next is ready.
pub(super) const TURNS: usize = 2;

/// What the peer accepts of large messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Body of one frame.
    pub(super) frame_bytes: usize,
    /// Sum of the totals that are begun and unfinished.
    pub(super) reassembly_bytes: usize,
}

/// What a large message is part of.
#[derive(Debug)]
enum Part {
    /// The rest of a request, whose first frame has been appended.
    Request,
    /// A result, which ends with a RESPONSE.
    Result { retry: Retry, app: u16, metadata: Vec<u8> },
}

/// A large message on its way.
#[derive(Debug)]
struct Sending {
    id: CallId,
    part: Part,
    total: u32,
    left: usize,
    slices: VecDeque<Bytes>,
}

impl Sending {
    fn is_begun(&self) -> bool {
        self.left < self.total as usize
    }

    /// Appends the next frame.
    fn turn(&mut self, frame_bytes: usize, out: &mut Batch) {
        match &self.part {
            Part::Request if self.left <= frame_bytes => self.data(Flags::END, self.left, out),
            Part::Result { retry, app, metadata } if self.left + metadata.len() <= frame_bytes => {
                let response = Response {
                    id: self.id,
                    code: Code::OK,
                    retry: *retry,
                    app: *app,
                    metadata,
                    payload: None,
                };
                response.encode_before(Some(self.left), &mut out.bytes);
                out.push_front_of(&mut self.slices, self.left);
                self.left = 0;
            }
            // The last frame always carries something, even when only its metadata did not fit.
            Part::Request | Part::Result { .. } => {
                let room =
                    if self.is_begun() { frame_bytes } else { frame_bytes.saturating_sub(4) };
                let len = room.min(self.left.saturating_sub(1));
                self.data(Flags::MORE, len, out);
            }
        }
    }

    fn data(&mut self, flags: Flags, len: usize, out: &mut Batch) {
        let data = Data { id: self.id, flags, credit: 0, rest: &[] };
        if self.is_begun() {
            data.encode_before(len, &mut out.bytes);
        } else {
            data.encode_before(4 + len, &mut out.bytes);
            out.bytes.extend_from_slice(&self.total.to_be_bytes());
        }
        out.push_front_of(&mut self.slices, len);
        self.left = self.left.saturating_sub(len);
    }
}

/// The bytes and messages that wait.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    batch: Batch,
    /// Small bytes that `transmit` has handed out since the beginning.
    taken: u64,
    /// Replies that the peer caused without a handler, since the last `transmit`.
    control_replies: u32,
    pong: Option<u32>,
    oneway_credit: u32,
    call_limit: Option<u32>,
    /// Begun messages, which take turns.
    turns: VecDeque<Sending>,
    /// Results that wait for room in the peer's reassembly.
    waiting: VecDeque<Sending>,
    begun_bytes: usize,
    queued_bytes: usize,
}

impl Outbox {
    /// Where frames are appended.
    pub(super) fn frames(&mut self) -> &mut Vec<u8> {
        &mut self.batch.bytes
    }

    /// Where frames are appended whose sending the peer caused without a handler.
    pub(super) fn control(&mut self) -> &mut Vec<u8> {
        self.control_replies = self.control_replies.saturating_add(1);
        &mut self.batch.bytes
    }

    pub(super) const fn control_replies(&self) -> u32 {
        self.control_replies
    }

    pub(super) fn payload(&mut self, payload: &mut Payload) {
        self.batch.push_payload(payload);
    }

    /// The newest token answers all earlier PINGs.
    pub(super) fn pong(&mut self, token: u32) {
        self.pong = Some(token);
    }

    /// Gives one-way credit back; returns what waits to be given.
    pub(super) fn give_oneway_credit(&mut self, bytes: u32) -> u32 {
        self.oneway_credit = self.oneway_credit.saturating_add(bytes);
        self.oneway_credit
    }

    pub(super) fn call_limit(&mut self, calls: u32) {
        self.call_limit = Some(calls);
    }

    /// The place of the next frame among all small bytes ever appended.
    pub(super) fn position(&self) -> u64 {
        let waiting = u64::try_from(self.batch.bytes.len()).unwrap_or(u64::MAX);
        self.taken.saturating_add(waiting)
    }

    /// Whether the frame at this position has been handed out.
    pub(super) const fn has_left(&self, position: u64) -> bool {
        position < self.taken
    }

    /// Whether a cut request may begin now.
    pub(super) fn may_begin(&self, total: usize, cut: Cut) -> bool {
        self.waiting.is_empty() && self.fits(total, cut)
    }

    fn fits(&self, total: usize, cut: Cut) -> bool {
        total <= cut.reassembly_bytes.saturating_sub(self.begun_bytes)
    }

    /// Begins a cut request, whose head has been appended: the first `first_bytes` follow at once.
    pub(super) fn begin_request(
        &mut self,
        id: CallId,
        total: u32,
        payload: Payload,
        first_bytes: usize,
    ) {
        let mut slices = VecDeque::from(payload.into_slices());
        self.batch.push_front_of(&mut slices, first_bytes);
        let left = (total as usize).saturating_sub(first_bytes);
        self.begun_bytes += total as usize;
        self.queued_bytes += left;
        self.turns.push_back(Sending { id, part: Part::Request, total, left, slices });
    }

    /// Queues a result that must be cut.
    pub(super) fn queue_result(
        &mut self,
        id: CallId,
        total: u32,
        payload: Payload,
        (retry, app, metadata): (Retry, u16, Vec<u8>),
    ) {
        self.queued_bytes += total as usize;
        self.waiting.push_back(Sending {
            id,
            part: Part::Result { retry, app, metadata },
            total,
            left: total as usize,
            slices: payload.into_slices().into(),
        });
    }

    /// Takes a message that is not sent. Returns its buffer, emptied.
    pub(super) fn discard(&mut self, payload: Payload) -> Vec<u8> {
        let (buffer, pieces) = payload.into_parts();
        self.batch.discard(pieces);
        buffer
    }

    /// Sends no more of this call's message; `true` = there was one.
    pub(super) fn drop_message(&mut self, id: CallId) -> bool {
        if let Some(at) = self.turns.iter().position(|message| message.id == id) {
            if let Some(message) = self.turns.remove(at) {
                self.begun_bytes -= message.total as usize;
                self.queued_bytes -= message.left;
                self.batch.discard(message.slices);
            }
            return true;
        }
        let Some(at) = self.waiting.iter().position(|message| message.id == id) else {
            return false;
        };
        if let Some(message) = self.waiting.remove(at) {
            self.queued_bytes -= message.left;
            self.batch.discard(message.slices);
        }
        true
    }

    /// A request among the messages that `is_wanted` names.
    pub(super) fn request_that(&self, is_wanted: impl Fn(CallId) -> bool) -> Option<CallId> {
        let mut requests =
            self.turns.iter().filter(|message| matches!(message.part, Part::Request));
        requests.find(|message| is_wanted(message.id)).map(|message| message.id)
    }

    /// Sends no more of any large message.
    pub(super) fn drop_messages(&mut self) {
        let messages = self.turns.drain(..).chain(self.waiting.drain(..));
        self.batch.discard(messages.flat_map(|message| message.slices));
        (self.begun_bytes, self.queued_bytes) = (0, 0);
    }

    /// Drops everything that waits.
    pub(super) fn clear(&mut self) {
        self.drop_messages();
        self.batch.give_up();
        (self.pong, self.oneway_credit, self.call_limit) = (None, 0, None);
        self.control_replies = 0;
    }

    pub(super) fn has_output(&self) -> bool {
        !self.batch.is_empty()
            || !self.turns.is_empty()
            || !self.waiting.is_empty()
            || self.pong.is_some()
            || self.oneway_credit != 0
            || self.call_limit.is_some()
    }

    pub(super) fn unsent_bytes(&self) -> usize {
        self.batch.len() + self.queued_bytes
    }

    /// Hands out one batch. Returns the calls whose large message is now wholly handed out.
    pub(super) fn transmit(&mut self, cut: Cut, out: &mut Transmit) -> [Option<CallId>; TURNS] {
        self.append_singles();
        self.taken = self.position();
        self.control_replies = 0;
        out.clear();
        std::mem::swap(&mut self.batch, &mut out.batch);
        while let Some(message) = self.waiting.front() {
            if !self.fits(message.total as usize, cut) {
                break;
            }
            self.begun_bytes += message.total as usize;
            self.turns.extend(self.waiting.pop_front());
        }
        std::array::from_fn(|_| self.turn(cut, &mut out.batch))
    }

    /// Appends the frames of which only the newest is kept.
    pub(super) fn append_singles(&mut self) {
        let out = &mut self.batch.bytes;
        if let Some(token) = self.pong.take() {
            frame::encode_pong(token, out);
        }
        if let Some(calls) = self.call_limit.take() {
            frame::encode_limits(calls, out);
        }
        match std::mem::take(&mut self.oneway_credit) {
            0 => {}
            bytes => frame::encode_credit(CallId::CONNECTION, bytes, out),
        }
    }

    fn turn(&mut self, cut: Cut, out: &mut Batch) -> Option<CallId> {
        let mut message = self.turns.pop_front()?;
        let before = message.left;
        message.turn(cut.frame_bytes, out);
        self.queued_bytes -= before - message.left;
        if message.left > 0 {
            self.turns.push_back(message);
            return None;
        }
        self.begun_bytes -= message.total as usize;
        Some(message.id)
    }
}
