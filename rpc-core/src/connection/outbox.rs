//! Which bytes leave next.
//!
//! Small frames are bytes in one batch, in the order in which they were made. Large messages take turns, a
//! frame each, behind them: a small frame never waits for more than the turns of one batch. Knows the
//! peer's bounds only as numbers that are passed in, and no reason why anything is sent.

use super::flow::Flows;
use super::sending::{Cut, Part, Sending, Words};
use super::transmit::{Batch, Transmit};
use crate::frame;
use crate::{CallId, Payload};
use std::collections::VecDeque;

/// Frames of large messages in one batch: one is on its way while the next is ready.
pub(super) const TURNS: usize = 2;

/// What a silent connection keeps of each buffer.
const IDLE_BYTES: usize = 256;

/// A large message that is wholly handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// A unary request.
    Request,
    /// The request of this streaming call.
    Opening(CallId),
    /// The result of this call, or an item with the RESPONSE that follows it.
    Reply(CallId),
    /// An item of this call.
    Item(CallId),
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
    /// Items whose next frame is not covered by credit. They do not count as bytes that wait: a reader who
    /// stopped must hold up nobody else.
    parked: Vec<Sending>,
    begun_bytes: usize,
    queued_bytes: usize,
    /// Streaming requests that are being sent.
    openings: usize,
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

    /// Gives one-way credit back.
    pub(super) fn give_oneway_credit(&mut self, bytes: u32) {
        self.oneway_credit = self.oneway_credit.saturating_add(bytes);
    }

    /// One-way credit that waits to be given back.
    pub(super) const fn oneway_credit(&self) -> u32 {
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

    /// Whether everything before this position has been handed out.
    pub(super) const fn is_taken(&self, position: u64) -> bool {
        position <= self.taken
    }

    /// Whether a cut request may begin now.
    pub(super) fn may_begin(&self, total: usize, cut: Cut) -> bool {
        self.waiting.is_empty() && self.fits(total, cut)
    }

    fn fits(&self, total: usize, cut: Cut) -> bool {
        total <= cut.reassembly_bytes.saturating_sub(self.begun_bytes)
    }

    /// Streaming requests of which a part waits to be sent.
    pub(super) const fn openings(&self) -> usize {
        self.openings
    }

    /// Begins a cut request, whose head has been appended: the first `first_bytes` follow at once.
    pub(super) fn begin_request(
        &mut self,
        id: CallId,
        part: Part,
        total: u32,
        payload: Payload,
        first_bytes: usize,
    ) {
        let mut slices = VecDeque::from(payload.into_slices());
        self.batch.push_front_of(&mut slices, first_bytes);
        let left = (total as usize).saturating_sub(first_bytes);
        self.openings += usize::from(matches!(part, Part::Opening { .. }));
        self.begun_bytes += total as usize;
        self.queued_bytes += left;
        self.turns.push_back(Sending { id, part, total, left, slices });
    }

    /// Queues a result that must be cut.
    pub(super) fn queue_result(&mut self, id: CallId, total: u32, payload: Payload, words: Words) {
        self.queued_bytes += total as usize;
        self.waiting.push_back(Sending {
            id,
            part: Part::Result(words),
            total,
            left: total as usize,
            slices: payload.into_slices().into(),
        });
    }

    /// Begins an item of which at least the beginning is covered by credit.
    pub(super) fn begin_item(&mut self, id: CallId, total: u32, payload: Payload, last: bool) {
        self.queued_bytes += total as usize;
        self.turns.push_back(Sending {
            id,
            part: Part::Item { last, then: None },
            total,
            left: total as usize,
            slices: payload.into_slices().into(),
        });
    }

    /// END follows what is being sent of this call.
    pub(super) fn end_after(&mut self, id: CallId) {
        let mut sending = self.turns.iter_mut().chain(&mut self.parked);
        match sending.find(|message| message.id == id).map(|message| &mut message.part) {
            Some(Part::Opening { end }) => *end = true,
            Some(Part::Item { last, .. }) => *last = true,
            _ => debug_assert!(false, "nothing of call {id} is being sent"),
        }
    }

    /// A RESPONSE follows the item that is being sent of this call.
    pub(super) fn respond_after(&mut self, id: CallId, words: Words, payload: Option<Payload>) {
        let mut sending = self.turns.iter_mut().chain(&mut self.parked);
        match sending.find(|message| message.id == id).map(|message| &mut message.part) {
            Some(Part::Item { then, .. }) => *then = Some(Box::new((words, payload))),
            _ => debug_assert!(false, "no item of call {id} is being sent"),
        }
    }

    /// The item of this call goes on if its next frame is covered now.
    pub(super) fn unpark(&mut self, id: CallId, frame_bytes: usize, credit: u32) {
        let is_ready = |item: &Sending| item.id == id && item.is_covered(frame_bytes, credit);
        if let Some(at) = self.parked.iter().position(is_ready) {
            let item = self.parked.swap_remove(at);
            self.queued_bytes += item.left;
            self.turns.push_back(item);
        }
    }

    /// The calls whose items wait for credit.
    pub(super) fn parked(&self) -> Vec<CallId> {
        self.parked.iter().map(|item| item.id).collect()
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
                self.begun_bytes -= message.reassembly();
                self.queued_bytes -= message.left;
                self.openings -= usize::from(matches!(message.part, Part::Opening { .. }));
                message.discard_into(&mut self.batch);
            }
            return true;
        }
        let Some(at) = self.waiting.iter().position(|message| message.id == id) else {
            return false;
        };
        if let Some(message) = self.waiting.remove(at) {
            self.queued_bytes -= message.left;
            message.discard_into(&mut self.batch);
        }
        true
    }

    /// Sends no more of this streaming call, whatever it is.
    pub(super) fn drop_stream(&mut self, id: CallId) {
        if let Some(at) = self.parked.iter().position(|message| message.id == id) {
            self.parked.swap_remove(at).discard_into(&mut self.batch);
        } else {
            self.drop_message(id);
        }
    }

    /// A call whose message is being sent and that `is_wanted` names.
    pub(super) fn call_that(&self, is_wanted: impl Fn(CallId) -> bool) -> Option<CallId> {
        let mut ids = self.turns.iter().chain(&self.parked).map(|message| message.id);
        ids.find(|id| is_wanted(*id))
    }

    /// Sends no more of any large message.
    pub(super) fn drop_messages(&mut self) {
        let begun = self.turns.drain(..).chain(self.waiting.drain(..));
        for message in begun.chain(self.parked.drain(..)) {
            message.discard_into(&mut self.batch);
        }
        (self.begun_bytes, self.queued_bytes, self.openings) = (0, 0, 0);
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

    /// Hands out one batch. Returns the large messages that are now wholly handed out.
    pub(super) fn transmit(
        &mut self,
        cut: Cut,
        flows: &mut Flows,
        out: &mut Transmit,
    ) -> [Option<Left>; TURNS] {
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
        std::array::from_fn(|_| self.turn(cut, flows, &mut out.batch))
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

    /// Nothing waits: gives back what only large messages need, here and in `out`.
    pub(super) fn rest(&mut self, out: &mut Transmit) {
        for queue in [&mut self.turns, &mut self.waiting] {
            queue.shrink_to_fit();
        }
        self.parked.shrink_to_fit();
        self.batch.rest();
        out.batch.rest();
    }

    /// As [`rest`](Self::rest), and gives back what small frames do not need at once.
    pub(super) fn shrink(&mut self, out: &mut Transmit) {
        self.rest(out);
        self.batch.bytes.shrink_to(IDLE_BYTES);
        out.batch.bytes.shrink_to(IDLE_BYTES);
    }

    fn turn(&mut self, cut: Cut, flows: &mut Flows, out: &mut Batch) -> Option<Left> {
        let mut message = self.turns.pop_front()?;
        let before = message.left;
        let is_item = matches!(message.part, Part::Item { .. });
        let mut flow = if is_item { flows.get_mut(message.id) } else { None };
        if is_item && flow.is_none() {
            debug_assert!(false, "an item of a call that has ended");
            self.queued_bytes -= message.left;
            message.discard_into(out);
            return None;
        }
        message.turn(cut.frame_bytes, flow.as_deref_mut(), out);
        self.queued_bytes -= before - message.left;
        if message.left > 0 {
            let credit = flow.map_or(u32::MAX, |flow| flow.out.credit());
            if is_item && !message.is_covered(cut.frame_bytes, credit) {
                self.queued_bytes -= message.left;
                self.parked.push(message);
            } else {
                self.turns.push_back(message);
            }
            return None;
        }
        self.begun_bytes -= message.reassembly();
        Some(match message.part {
            Part::Request => Left::Request,
            Part::Opening { .. } => {
                self.openings -= 1;
                Left::Opening(message.id)
            }
            Part::Result(_) | Part::Item { then: Some(_), .. } => Left::Reply(message.id),
            Part::Item { then: None, .. } => Left::Item(message.id),
        })
    }
}
