//! One-way calls: their credit, which the whole connection shares, and what becomes of them.
//!
//! One frame each, no slot, no answer. What the peer may send before handlers end is bounded by the credit.

use super::caller::timeout_ms;
use super::incoming::Outcome;
use super::{Connection, DEADLINE_MS_MAX, Event, Inbound, NewCall, Refusal, Request, RequestShape};
use crate::frame::{self, Flags, HEAD_BYTES};
use crate::{CallId, CloseCode, Limits, ProtocolError, Time};

/// Credit of each direction at first, fixed in version 1.
const CREDIT: u32 = Limits::FLOOR_WINDOW_BYTES;

/// From this much on, credit is given back while other handlers run and the peer has enough.
const RETURN_BYTES: u32 = 64 * 1024;

/// What is known of one-way calls.
#[derive(Debug)]
pub(super) struct OneWays {
    /// What may still be sent.
    credit: u32,
    /// What came and is not done.
    running: u32,
    /// Done, and not given back.
    unreturned: u32,
    /// Calls of the peer that no handler was told of.
    dropped: u64,
}

impl Default for OneWays {
    fn default() -> Self {
        Self { credit: CREDIT, running: 0, unreturned: 0, dropped: 0 }
    }
}

impl<W> Connection<W> {
    /// Sends a one-way call, which nobody answers. Its message is copied when it is small, otherwise taken; a
    /// refused one is untouched. Returns a position for [`has_left`](Self::has_left).
    ///
    /// # Errors
    ///
    /// `Busy` when there is no credit now, until [`Event::MoreCalls`]; `TooLarge` when the call does not fit
    /// one frame or the credit; otherwise as for a call.
    ///
    /// Spec: `call.oneway.frame`, `call.oneway.credit`.
    pub fn oneway(&mut self, now: Time, call: NewCall<'_>) -> Result<u64, Refusal> {
        self.now = now;
        let deadline = call.deadline.map(|deadline| deadline.min(now.plus_millis(DEADLINE_MS_MAX)));
        let mut request = frame::Request {
            id: CallId::CONNECTION,
            flags: Flags::ONEWAY.and(Flags::END),
            method: call.method,
            signature: call.signature,
            timeout_ms: deadline.map(|deadline| timeout_ms(deadline, now)),
            metadata: call.metadata,
            total: None,
            payload: &[],
        };
        let len = call.payload.len();
        if let Some(reason) = self.no_call(call.metadata) {
            return Err(reason);
        }
        let overhead = request.overhead();
        let message_max = self.peer.message_bytes.min(self.limits.message_bytes) as usize;
        let frame_max = self.cut().frame_bytes.min(CREDIT as usize - HEAD_BYTES);
        let max = frame_max.saturating_sub(overhead).min(message_max);
        if len > max {
            return Err(Refusal::TooLarge { len, max });
        }
        let cost = u32::try_from(HEAD_BYTES + overhead + len).unwrap_or(u32::MAX);
        let Some(credit) = self.oneways.credit.checked_sub(cost) else {
            self.starved = true;
            return Err(Refusal::Busy);
        };
        if self.is_congested() {
            return Err(Refusal::SendBufferFull);
        }
        self.oneways.credit = credit;
        request.id = self.asked.pass();
        request.encode_before(len, self.outbox.frames());
        self.outbox.payload(call.payload);
        Ok(self.outbox.position())
    }

    /// Whether everything before this position was handed to [`transmit`](Self::transmit).
    #[must_use]
    pub const fn has_left(&self, position: u64) -> bool {
        self.outbox.is_taken(position)
    }

    /// The handler of a one-way call of this cost has ended, or the call was dropped: its credit goes back to
    /// the peer, at once when no other runs or when the peer has too little for another call of any size: it
    /// would otherwise wait for handlers that may never end.
    ///
    /// Spec: `call.oneway.return`.
    pub fn oneway_done(&mut self, cost: u32) {
        let oneways = &mut self.oneways;
        let cost = cost.min(oneways.running);
        oneways.running -= cost;
        oneways.unreturned += cost;
        let left = CREDIT.saturating_sub(oneways.running.saturating_add(oneways.unreturned));
        let is_short = (left as usize) < HEAD_BYTES + self.limits.frame_bytes as usize;
        if oneways.running == 0 || is_short || oneways.unreturned >= RETURN_BYTES {
            let bytes = std::mem::take(&mut oneways.unreturned);
            if !self.phase.closed && !self.phase.parted {
                self.outbox.give_oneway_credit(bytes);
            }
        }
    }

    /// One-way calls of the peer that were dropped here, beyond a limit or too late.
    #[must_use]
    pub const fn dropped_oneways(&self) -> u64 {
        self.oneways.dropped
    }

    /// Spec: `call.oneway.unserved`.
    pub(super) fn on_oneway<'i>(&mut self, now: Time, request: frame::Request<'i>) -> Outcome<'i> {
        let cost = HEAD_BYTES + request.overhead() + request.payload.len();
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        // What waits in the outbox to be given back is not the peer's yet.
        let used = self.oneways.running + self.oneways.unreturned + self.outbox.oneway_credit();
        if cost > CREDIT.saturating_sub(used) {
            let text = "one-way calls beyond their credit";
            return Err(ProtocolError::new(CloseCode::CREDIT, text));
        }
        self.oneways.running += cost;
        let admitted = match self.phase.leaving {
            None => self.admit(&request).ok(),
            Some(_) => None,
        };
        let Some(method) = admitted else {
            self.oneways.dropped = self.oneways.dropped.saturating_add(1);
            self.oneway_done(cost);
            return Ok(None);
        };
        let timeout = request.timeout_ms.map(|ms| u64::from(ms).min(DEADLINE_MS_MAX));
        let request = Request {
            id: request.id,
            method,
            signature: request.signature,
            deadline: timeout.map(|ms| now.plus_millis(ms)),
            metadata: request.metadata.into(),
            message: Inbound::Borrowed(request.payload),
            shape: RequestShape::Unary,
        };
        Ok(Some(Event::OneWay { request, cost }))
    }

    /// Spec: `call.oneway.credit`.
    pub(super) fn on_oneway_credit<'i>(&mut self, bytes: u32) -> Outcome<'i> {
        match self.oneways.credit.checked_add(bytes) {
            Some(credit) if credit <= CREDIT => self.oneways.credit = credit,
            _ => {
                return Err(ProtocolError::new(
                    CloseCode::CREDIT,
                    format!("{bytes} bytes of one-way credit are given back, fewer were taken"),
                ));
            }
        }
        Ok(std::mem::take(&mut self.starved).then_some(Event::MoreCalls))
    }
}
