//! The verbs and frames of streaming calls: items, half-closing, credit, and "no more, please".
//!
//! The same for both ends of a call; only `stop` is the callee's. What may be sent is decided here, what
//! the numbers allow in `flow`.

use super::asked::Status;
use super::flow::{Cargo, FRAME_COST, Flow, TOTAL_BYTES};
use super::incoming::{Outcome, failed};
use super::inflow::{Came, Ear};
use super::sending::half_close;
use super::{Connection, Event, ItemRefusal, Reply, Stage};
use crate::frame::{self, CancelReason, Data, Flags};
use crate::{CallId, CloseCode, Code, Payload, ProtocolError, Time};

impl<W> Connection<W> {
    /// Sends an item of a streaming call; `last` says that no other follows. An item that fits one frame and
    /// is covered by credit is copied and its buffer stays; another is taken, and sent in turns with other
    /// large messages as far as the peer gives credit. One such item of a call is taken at a time, so what
    /// waits for a reader who stopped is one item.
    ///
    /// # Errors
    ///
    /// [`ItemRefusal`]; the payload is then untouched. After `Wait` an [`Event::Writable`] follows, unless the
    /// call ends first.
    ///
    /// Spec: `stream.item.data`, `stream.credit.cost`, `stream.credit.partial`.
    pub fn item(
        &mut self,
        id: CallId,
        payload: &mut Payload,
        last: bool,
    ) -> Result<(), ItemRefusal> {
        let cut = self.cut();
        let message_max = self.peer.message_bytes.min(self.limits.message_bytes) as usize;
        let is_congested = self.is_congested();
        let Some(flow) = self.sender(id) else {
            return Err(ItemRefusal::Stopped);
        };
        let len = payload.len();
        let max = flow.out.item_bytes_max(cut.frame_bytes).min(message_max);
        if len > max {
            return Err(ItemRefusal::TooLarge { len, max });
        }
        let credit = flow.out.credit() as usize;
        let cost = FRAME_COST as usize + len;
        let is_whole = len <= cut.frame_bytes && cost <= credit;
        let first_cost = (FRAME_COST + TOTAL_BYTES) as usize;
        let is_busy = flow.out.sending.is_some() || is_congested;
        if is_busy || (!is_whole && credit <= first_cost) {
            self.flows.wait(id, is_congested);
            return Err(ItemRefusal::Wait);
        }
        flow.out.ended = last;
        flow.out.has_items = true;
        let total = u32::try_from(len).unwrap_or(u32::MAX);
        if is_whole {
            flow.out.spend(FRAME_COST.saturating_add(total));
            let credit = flow.incoming.give_all_back();
            let flags = Flags::NONE.and_if(last, Flags::END);
            let head = Data { id, flags, credit, rest: &[] };
            head.encode_before(len, self.outbox.frames());
            self.outbox.payload(payload);
        } else {
            flow.out.sending = Some(Cargo::Item);
            self.outbox.begin_item(id, total, std::mem::take(payload), last);
        }
        Ok(())
    }

    /// No other item of this call follows. Ignored when that was said, or the call has ended.
    ///
    /// Spec: `stream.end.flag`.
    pub fn finish(&mut self, id: CallId) {
        if let Some(flow) = self.sender(id) {
            flow.out.ended = true;
            self.say_end(id);
        }
    }

    /// Whether no item of this call is still being sent. If one is, an [`Event::Writable`] follows, unless the
    /// call ends first: for who wants to end it with an error, which overtakes such an item.
    pub fn items_left(&mut self, id: CallId) -> bool {
        let is_sending = self.flows.get(id).is_some_and(|flow| flow.out.sending.is_some());
        if is_sending && !self.phase.closed {
            self.flows.wait(id, false);
        }
        !is_sending || self.phase.closed
    }

    /// The callee wants no more items of its caller: those that come are dropped and their credit is given
    /// back. Returns whether the caller is told: it is a hint, and not given when so many calls were cancelled
    /// or stopped in a short time that the peer would object.
    ///
    /// Spec: `stream.stop.answer`.
    pub fn stop(&mut self, id: CallId) -> bool {
        if self.phase.closed || self.owed.find(id) != Some((Stage::Running, true)) {
            return false;
        }
        let Some(flow) = self.flows.get_mut(id) else {
            return false;
        };
        if flow.incoming.ended || flow.incoming.ear != Ear::Open {
            return false;
        }
        flow.incoming.stop();
        self.give_back(id);
        let is_told = self.budgets.own_cancels.take(self.now);
        if is_told {
            frame::encode_cancel(id, CancelReason::NO_MORE_ITEMS, self.outbox.frames());
        }
        is_told
    }

    /// The application has taken an item of this cost, as [`Event::Item`] told it. More than it was given
    /// counts as all; ignored when the call has ended.
    ///
    /// Spec: `stream.credit.return`.
    pub fn consumed(&mut self, id: CallId, cost: u32) {
        if let Some(flow) = self.flows.get_mut(id) {
            flow.incoming.consumed(cost);
            self.give_back(id);
        }
    }

    /// The application waits for an item of this call and has none: until the next one comes, credit is given
    /// back as soon as the beginning of one is there.
    ///
    /// Spec: `stream.credit.starving`.
    pub fn starving(&mut self, id: CallId) {
        if let Some(flow) = self.flows.get_mut(id) {
            flow.incoming.starve();
            self.give_back(id);
        }
    }

    /// The flow of a call on which this side may send items.
    pub(super) fn sender(&mut self, id: CallId) -> Option<&mut Flow> {
        let is_open = match self.side.owns(id) {
            true => self.asked.status(id) == Status::Waiting,
            false => self.owed.stage(id) == Some(Stage::Running),
        };
        if self.phase.closed || !is_open {
            return None;
        }
        self.flows.get_mut(id).filter(|flow| !flow.out.ended)
    }

    /// A streaming call of the peer begins.
    pub(super) fn serve_stream(&mut self, id: CallId, ended: bool) {
        let mut flow = Flow::new(self.limits.window_bytes, self.peer.window_bytes, Ear::Open);
        flow.incoming.ended = ended;
        self.owed.stream(id);
        self.flows.insert(id, flow);
    }

    fn say_end(&mut self, id: CallId) {
        let Some(flow) = self.flows.get_mut(id) else {
            return;
        };
        if flow.out.sending.is_some() {
            return self.outbox.end_after(id);
        }
        let credit = flow.incoming.give_all_back();
        half_close(id, credit, self.outbox.frames());
    }

    fn give_back(&mut self, id: CallId) {
        if let Some(bytes) = self.flows.get_mut(id).and_then(|flow| flow.incoming.give_back()) {
            frame::encode_credit(id, bytes, self.outbox.frames());
        }
    }

    /// Nothing more of this call is sent by this side but what ends it, and nothing is told.
    pub(super) fn silence(&mut self, id: CallId) {
        self.drop_item(id);
        if let Some(flow) = self.flows.get_mut(id) {
            flow.out.ended = true;
            flow.incoming.deafen();
        }
    }

    /// Sends no more of an item.
    pub(super) fn drop_item(&mut self, id: CallId) {
        if let Some(flow) = self.flows.get_mut(id) {
            if flow.out.sending == Some(Cargo::Item) {
                flow.out.sending = None;
                self.outbox.drop_stream(id);
            }
        }
    }

    /// Whether the RESPONSE of a streaming call follows an item that is still being sent. An error does not
    /// wait: what remains of the item is dropped.
    pub(super) fn replies_after_item(&mut self, id: CallId, code: Code) -> bool {
        if code != Code::OK {
            self.drop_item(id);
        }
        let Some(flow) = self.flows.get_mut(id) else {
            return false;
        };
        flow.incoming.deafen();
        flow.out.sending == Some(Cargo::Item)
    }

    /// Why the reply to a streaming call cannot travel, beside `excess`.
    pub(super) fn stream_excess(
        &self,
        id: CallId,
        reply: &Reply,
        excess: Option<String>,
    ) -> Option<String> {
        let Some(flow) = self.flows.get(id) else {
            return excess;
        };
        if let Some(len) = flow.oversize {
            return Some(self.item_too_large(len));
        }
        let len = reply.payload.as_ref().map_or(0, Payload::len);
        let max = self.cut().frame_bytes.saturating_sub(reply.metadata.len());
        if len > max && (flow.out.has_items || flow.out.ended) {
            return Some(format!("the last word has {len} bytes, one frame carries {max}"));
        }
        excess
    }

    fn item_too_large(&self, len: usize) -> String {
        format!("an item has {len} bytes, {} are accepted", self.limits.message_bytes)
    }

    /// A DATA of the callee.
    pub(super) fn on_callee_data<'i>(&mut self, now: Time, data: &Data<'i>) -> Outcome<'i> {
        let id = data.id;
        let Some(flow) = self.flows.get(id) else {
            return self.late(now, id);
        };
        let is_result = flow.incoming.ear == Ear::Result && !data.flags.has(Flags::NOMSG);
        if is_result && !flow.incoming.ended {
            self.on_stream_credit(id, data.credit)?;
            return match self.asked.status(id) {
                Status::Waiting => self.on_result_fragment(data),
                Status::GivenUp | Status::Gone => self.spill(now, data),
            };
        }
        match self.take_data(data)? {
            Came::Nothing | Came::End => Ok(None),
            Came::Item { message, cost, last } => Ok(Some(Event::Item { id, message, cost, last })),
            Came::TooLarge(len) => {
                self.asked.answer_early(id);
                self.send_cancel(id, CancelReason::LIMIT);
                let response = failed(Code::RESOURCE_EXHAUSTED, &self.item_too_large(len));
                Ok(Some(Event::Response { id, response }))
            }
        }
    }

    /// A DATA of the caller.
    pub(super) fn on_caller_data<'i>(&mut self, data: &Data<'i>, stage: Stage) -> Outcome<'i> {
        let id = data.id;
        let is_cancelled = stage == Stage::Cancelled
            && self.flows.get(id).is_none_or(|flow| flow.oversize.is_none());
        if is_cancelled {
            return Err(ProtocolError::new(
                CloseCode::FRAGMENT,
                format!("the stream of call {id} goes on after its CANCEL"),
            ));
        }
        match self.take_data(data)? {
            Came::Nothing => Ok(None),
            Came::Item { message, cost, last } => Ok(Some(Event::Item { id, message, cost, last })),
            Came::End => Ok(Some(Event::End { id })),
            Came::TooLarge(len) => {
                self.owed.enter(id, Stage::Cancelled);
                self.silence(id);
                if let Some(flow) = self.flows.get_mut(id) {
                    flow.oversize = Some(len);
                }
                Ok(Some(Event::Cancelled { id }))
            }
        }
    }

    fn take_data<'i>(&mut self, data: &Data<'i>) -> Result<Came<'i>, ProtocolError> {
        self.on_stream_credit(data.id, data.credit)?;
        let message_bytes = self.limits.message_bytes;
        let Some(flow) = self.flows.get_mut(data.id) else {
            return Ok(Came::Nothing);
        };
        let came = flow.incoming.take(data, message_bytes)?;
        self.give_back(data.id);
        Ok(came)
    }

    /// Spec: `frame.credit.unary`.
    pub(super) fn on_credit<'i>(&mut self, now: Time, id: CallId, bytes: u32) -> Outcome<'i> {
        if id == CallId::CONNECTION {
            return self.on_oneway_credit(bytes);
        }
        let is_open = match self.side.owns(id) {
            true => self.asked.status(id) != Status::Gone,
            false => self.owed.stage(id).is_some(),
        };
        if !is_open {
            return self.late(now, id);
        }
        self.on_stream_credit(id, bytes)?;
        Ok(None)
    }

    /// The peer gives credit on an open call: an item goes on, or whoever waits may try again.
    fn on_stream_credit(&mut self, id: CallId, bytes: u32) -> Result<(), ProtocolError> {
        if bytes == 0 {
            return Ok(());
        }
        let frame_bytes = self.cut().frame_bytes;
        if let Some(flow) = self.flows.get_mut(id) {
            flow.out.grant(id, bytes)?;
            match flow.out.sending {
                None => self.flows.tell(id),
                Some(_) => self.outbox.unpark(id, frame_bytes, flow.out.credit()),
            }
        }
        Ok(())
    }

    /// The peer's HELLO has come: its window holds for the calls that were opened before.
    pub(super) fn raise_windows(&mut self) {
        let frame_bytes = self.cut().frame_bytes;
        self.flows.raise(self.peer.window_bytes);
        for id in self.outbox.parked() {
            if let Some(flow) = self.flows.get(id) {
                self.outbox.unpark(id, frame_bytes, flow.out.credit());
            }
        }
    }

    /// The callee wants no more items.
    ///
    /// Spec: `stream.stop.answer`.
    pub(super) fn on_stop<'i>(&mut self, id: CallId) -> Option<Event<'i>> {
        self.sender(id)?;
        self.drop_item(id);
        self.finish(id);
        Some(Event::Stopped { id })
    }

    /// A result that says OK may not come inside an item.
    ///
    /// Spec: `stream.cut.whole`.
    pub(super) fn ends_between_items(&self, id: CallId) -> Result<(), ProtocolError> {
        match self.flows.get(id).is_some_and(|flow| flow.incoming.is_inside_item()) {
            false => Ok(()),
            true => Err(ProtocolError::new(
                CloseCode::FRAGMENT,
                format!("the stream of call {id} ends well inside an item"),
            )),
        }
    }
}
