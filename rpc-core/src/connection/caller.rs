//! The verbs of a caller: open a call, be answered, give up.
//!
//! Decides what may be sent and what a call that ends without its RESPONSE means for its caller.

use super::asked::Status;
use super::clock::NEVER;
use super::{Connection, DEADLINE_MS_MAX, NewCall, Refusal, Refused};
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
        let mut request = Request {
            id: CallId::CONNECTION,
            flags: Flags::END,
            method: call.method,
            signature: call.signature,
            timeout_ms: deadline.map(|deadline| timeout_ms(deadline, now)),
            metadata: call.metadata,
            total: None,
            payload: &[],
        };
        let is_cut = request.overhead() + len > self.cut().frame_bytes;
        if let Some(reason) = self.refusal(&request, len, is_cut) {
            self.starved |= reason == Refusal::Busy;
            return Err(Refused { reason, waiter });
        }
        let position = self.outbox.position();
        if is_cut {
            let total = u32::try_from(len).unwrap_or(u32::MAX);
            (request.flags, request.total) = (Flags::NONE, Some(total));
            request.id = self.asked.open(waiter, deadline, position);
            let first = self.cut().frame_bytes.saturating_sub(request.overhead());
            request.encode_before(first, self.outbox.frames());
            let payload = std::mem::take(call.payload);
            self.outbox.begin_request(request.id, total, payload, first);
        } else {
            request.id = self.asked.open(waiter, deadline, position);
            request.encode_before(len, self.outbox.frames());
            self.outbox.payload(call.payload);
        }
        Ok(request.id)
    }

    fn refusal(&self, request: &Request<'_>, len: usize, is_cut: bool) -> Option<Refusal> {
        if self.phase.closed {
            return Some(Refusal::Closed);
        }
        if self.phase.peer_leaving.is_some() {
            return Some(Refusal::Closing);
        }
        let max = self.metadata_max();
        if request.metadata.len() > max {
            return Some(Refusal::MetadataTooLarge { len: request.metadata.len(), max });
        }
        let max = self.message_max(request.overhead(), len);
        if len > max {
            return Some(Refusal::TooLarge { len, max });
        }
        if self.asked.due() >= self.peer_calls as usize {
            return Some(Refusal::Busy);
        }
        if self.outbox.unsent_bytes() >= self.limits.send_buffer_bytes {
            return Some(Refusal::SendBufferFull);
        }
        (is_cut && !self.outbox.may_begin(len, self.cut())).then_some(Refusal::Busy)
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
        let Self { phase, asked, outbox, .. } = self;
        let not_taken_up = |id: CallId| {
            phase.peer_leaving.is_some_and(|last| last == CallId::CONNECTION || id.is_after(last))
        };
        let mut dropped = false;
        asked.fail(
            |id| phase.closed || not_taken_up(id),
            |id, told| {
                if let Some((waiter, position)) = told {
                    let executed = match not_taken_up(id) || !outbox.has_left(position) {
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
        while let Some(id) = outbox.request_that(|id| asked.status(id) == Status::Gone) {
            dropped |= outbox.drop_message(id);
        }
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
fn timeout_ms(deadline: Time, now: Time) -> u32 {
    debug_assert!(deadline != NEVER, "a deadline is clamped first");
    u32::try_from(deadline.millis_since(now)).unwrap_or(u32::MAX)
}
