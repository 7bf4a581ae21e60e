//! The verbs of a caller: open a call, be answered, give up.
//!
//! Decides what may be sent and what a call that ends without its RESPONSE means for its caller.

use super::asked::Status;
use super::clock::NEVER;
use super::flow::{Cargo, Flow};
use super::inflow::Ear;
use super::sending::{Part, half_close};
use super::{Connection, DEADLINE_MS_MAX, NewCall, Refusal, Refused, Shape};
use crate::frame::{self, CancelReason, Flags, Request};
use crate::{CallId, Executed, Time};

impl<W> Connection<W> {
    /// Opens a call and appends its REQUEST. A message beyond one frame is cut; its first frame leaves in
    /// order and the rest takes turns with other large messages.
    ///
    /// # Errors
    ///
    /// [`Refused`] says why and gives the waiter back. No byte of a refused call is ever sent.
    ///
    /// Spec: `call.id.order`, `frame.fragment.sum`.
    #[inline]
    pub fn call(&mut self, now: Time, call: NewCall<'_>, waiter: W) -> Result<CallId, Refused<W>> {
        self.now = now;
        let deadline = call.deadline.map(|deadline| deadline.min(now.plus_millis(DEADLINE_MS_MAX)));
        let len = call.payload.len();
        let streams = call.shape != Shape::Unary;
        let mut request = Request {
            id: CallId::CONNECTION,
            flags: if streams { Flags::NONE } else { Flags::END },
            method: call.method,
            signature: call.signature,
            timeout_ms: deadline.map(|deadline| timeout_ms(deadline, now)),
            metadata: call.metadata,
            total: None,
            payload: &[],
        };
        let is_cut = request.overhead() + len > self.cut().frame_bytes;
        if let Some(reason) = self.refusal(&request, len, is_cut, streams) {
            self.starved |= reason == Refusal::Busy;
            return Err(Refused { reason, waiter });
        }
        let position = self.outbox.position();
        request.id = self.asked.open(waiter, deadline, position, streams);
        let id = request.id;
        let half_closes = match call.shape {
            Shape::Unary => false,
            Shape::Stream { items_out, items_in } => {
                self.begin_stream(id, items_out, items_in, is_cut);
                !items_out
            }
        };
        if is_cut {
            let total = u32::try_from(len).unwrap_or(u32::MAX);
            (request.flags, request.total) = (Flags::NONE, Some(total));
            let first = self.cut().frame_bytes.saturating_sub(request.overhead());
            request.encode_before(first, self.outbox.frames());
            let payload = std::mem::take(call.payload);
            let part = if streams { Part::Opening { end: half_closes } } else { Part::Request };
            self.outbox.begin_request(id, part, total, payload, first);
        } else if half_closes && len == 0 {
            request.flags = Flags::END.and(Flags::NOMSG);
            request.encode_before(0, self.outbox.frames());
        } else {
            request.encode_before(len, self.outbox.frames());
            self.outbox.payload(call.payload);
            if half_closes {
                half_close(id, 0, self.outbox.frames());
            }
        }
        Ok(id)
    }

    fn begin_stream(&mut self, id: CallId, items_out: bool, items_in: bool, is_cut: bool) {
        let ear = if items_in { Ear::Open } else { Ear::Result };
        let mut flow = Flow::new(self.limits.window_bytes, self.peer.window_bytes, ear);
        flow.out.ended = !items_out;
        flow.out.sending = is_cut.then_some(Cargo::Request);
        self.flows.insert(id, flow);
    }

    fn refusal(
        &self,
        request: &Request<'_>,
        len: usize,
        is_cut: bool,
        streams: bool,
    ) -> Option<Refusal> {
        if let Some(reason) = self.no_call(request.metadata) {
            return Some(reason);
        }
        let max = self.message_max(request.overhead(), len);
        if len > max {
            return Some(Refusal::TooLarge { len, max });
        }
        // Until the last frame of a cut request has come, its callee takes it for a unary call.
        let unary = self.asked.due() - self.asked.due_streams() + self.outbox.openings();
        let is_unary = !streams || is_cut;
        if (is_unary && unary >= self.peer_calls as usize)
            || (streams && self.asked.due_streams() >= self.peer.streams as usize)
        {
            return Some(Refusal::Busy);
        }
        if self.is_congested() {
            return Some(Refusal::SendBufferFull);
        }
        (is_cut && !self.outbox.may_begin(len, self.cut())).then_some(Refusal::Busy)
    }

    /// Why no call with these metadata may be opened, of whatever kind.
    pub(super) fn no_call(&self, metadata: &[u8]) -> Option<Refusal> {
        if self.phase.closed {
            return Some(Refusal::Closed);
        }
        if self.phase.peer_leaving.is_some() {
            return Some(Refusal::Closing);
        }
        let (len, max) = (metadata.len(), self.metadata_max());
        (len > max).then_some(Refusal::MetadataTooLarge { len, max })
    }

    /// Whoever waits for this call, answered or not.
    pub fn waiter(&mut self, id: CallId) -> Option<&mut W> {
        self.asked.waiter(id)
    }

    /// The waiter of an answered call, whose slot becomes free; `None` while the call is not answered.
    #[inline]
    pub fn take(&mut self, id: CallId) -> Option<W> {
        self.asked.take(id)
    }

    /// Gives a call up and returns its waiter. If it was not answered, a CANCEL leaves and the slot is held
    /// until the RESPONSE comes; so many CANCELs in a short time that the peer would object wait a little.
    ///
    /// Spec: `call.cancel.caller`.
    pub fn cancel(&mut self, id: CallId, reason: CancelReason) -> Option<W> {
        if self.asked.status(id) != Status::Waiting {
            return self.take(id);
        }
        let waiter = self.asked.give_up(id);
        self.send_cancel(id, reason);
        waiter
    }

    /// Answers the calls for which no RESPONSE will come and tells `f` of each that still waited, once:
    /// all of them after [`fail`](Self::fail) and at the end of the connection, and after a GOAWAY those that
    /// the peer does not take up.
    pub fn fail_calls(&mut self, mut f: impl FnMut(CallId, &mut W, Executed)) {
        let Self { phase, asked, outbox, flows, side, .. } = self;
        let not_taken_up = |id: CallId| {
            phase.peer_leaving.is_some_and(|last| last == CallId::CONNECTION || id.is_after(last))
        };
        let side = *side;
        let mut dropped = false;
        asked.fail(
            |id| phase.closed || not_taken_up(id),
            |id, told| {
                if let Some((waiter, position)) = told {
                    // What still waits in the outbox leaves before the GOAWAY.
                    let may_leave = outbox.has_left(position) || outbox.has_output();
                    let executed = match not_taken_up(id) || !may_leave {
                        true => Executed::No,
                        false => Executed::Maybe,
                    };
                    f(id, waiter, executed);
                }
            },
        );
        if phase.closed {
            return;
        }
        let is_lost = |id: CallId| side.owns(id) && asked.status(id) == Status::Gone;
        while let Some(id) = outbox.call_that(is_lost) {
            dropped = true;
            outbox.drop_stream(id);
        }
        flows.forget(is_lost);
        if dropped {
            self.message_left();
        }
    }

    pub(super) fn expire_asked(&mut self, now: Time) -> Option<CallId> {
        let id = self.asked.expire(now)?;
        self.asked.answer_early(id);
        self.send_cancel(id, CancelReason::DEADLINE);
        Some(id)
    }

    /// Tells the peer that nobody waits any more, as soon as the peer can bear it. What has come of the
    /// result is dropped at once; what remains of the request is dropped with the CANCEL, because until
    /// then the peer counts it.
    pub(super) fn send_cancel(&mut self, id: CallId, reason: CancelReason) {
        self.gather.discard(id);
        if self.phase.closed {
            return;
        }
        if self.asked.streams(id) {
            self.silence(id);
        }
        if !self.budgets.own_cancels.take(self.now) {
            return self.asked.defer_cancel(id, reason);
        }
        if self.outbox.drop_message(id) {
            self.message_left();
        }
        frame::encode_cancel(id, reason, self.outbox.frames());
    }

    pub(super) fn send_deferred_cancels(&mut self) {
        while self.asked.has_deferred() && self.budgets.own_cancels.next() <= self.now {
            if let Some((id, reason)) = self.asked.take_deferred() {
                self.send_cancel(id, reason);
            }
        }
    }
}

/// What remains until `deadline`, as it travels.
pub(super) fn timeout_ms(deadline: Time, now: Time) -> u32 {
    debug_assert!(deadline != NEVER, "a deadline is clamped first");
    u32::try_from(deadline.millis_since(now)).unwrap_or(u32::MAX)
}
