//! Credit and half-close of streaming calls: what may still be sent on each, and what may still come.
//!
//! One table for the calls of both sides; unary calls are not in it. Here is what is sent, `inflow` is what
//! comes. Knows no outbox and no table of calls.

use super::inflow::{Ear, Incoming};
use super::owed::IdHash;
use crate::frame::HEAD_BYTES;
use crate::{CallId, CloseCode, ProtocolError};
use std::collections::{HashMap, VecDeque};

/// What a DATA frame with an item costs beside its body.
pub(super) const FRAME_COST: u32 = 16;
const _: () = assert!(FRAME_COST as usize == HEAD_BYTES, "a frame costs its head and its body");

/// Bytes of the total in the first fragment of an item.
pub(super) const TOTAL_BYTES: u32 = 4;

/// What of a streaming call the outbox holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cargo {
    /// The rest of its cut REQUEST.
    Request,
    /// An item that does not fit one frame, or was not covered by the credit.
    Item,
}

/// The items that this side sends on one call.
#[derive(Debug)]
pub(super) struct Outgoing {
    credit: u32,
    /// The peer's window, which the credit never exceeds.
    window: u32,
    /// END has been appended, or will be behind what is being sent, or nothing more may be sent.
    pub(super) ended: bool,
    /// An item has been sent: DATA of this call are not fragments of its result.
    pub(super) has_items: bool,
    pub(super) sending: Option<Cargo>,
    /// Who sends the items was told to wait.
    pub(super) waits: bool,
}

impl Outgoing {
    pub(super) const fn credit(&self) -> u32 {
        self.credit
    }

    /// A frame of this cost is sent.
    pub(super) const fn spend(&mut self, cost: u32) {
        debug_assert!(cost <= self.credit, "an item is sent without credit");
        self.credit = self.credit.saturating_sub(cost);
    }

    /// The peer gives credit back. Behind the end it has nothing to allow, and is not counted.
    ///
    /// Spec: `stream.credit.over`, `stream.credit.ended`.
    pub(super) fn grant(&mut self, id: CallId, bytes: u32) -> Result<(), ProtocolError> {
        if self.ended && self.sending.is_none() {
            return Ok(());
        }
        match self.credit.checked_add(bytes) {
            Some(credit) if credit <= self.window => {
                self.credit = credit;
                Ok(())
            }
            _ => Err(breach(
                CloseCode::CREDIT,
                format!(
                    "call {id} is given {bytes} bytes of credit beside {} of {}",
                    self.credit, self.window
                ),
            )),
        }
    }

    /// The longest item that the peer's window can carry in frames of this size. One more frame than it
    /// needs is left room for, because its first one may be cut short by the credit.
    pub(super) fn item_bytes_max(&self, frame_bytes: usize) -> usize {
        let (window, cost) = (self.window as usize, FRAME_COST as usize);
        let rest = window.saturating_sub(TOTAL_BYTES as usize + cost);
        let frames = rest.div_ceil(frame_bytes + cost);
        let whole = frames.saturating_sub(1) * frame_bytes;
        rest.saturating_sub(frames * cost).max(whole)
    }
}

/// Both directions of one streaming call.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) out: Outgoing,
    pub(super) incoming: Incoming,
    /// The peer's call is ended because an item of so many bytes came.
    pub(super) oversize: Option<usize>,
}

impl Flow {
    /// The flow of a call that begins. `window` is what this side accepts, `peer_window` the peer.
    pub(super) const fn new(window: u32, peer_window: u32, ear: Ear) -> Self {
        Self {
            out: Outgoing {
                credit: peer_window,
                window: peer_window,
                ended: false,
                has_items: false,
                sending: None,
                waits: false,
            },
            incoming: Incoming::new(window, ear),
            oversize: None,
        }
    }
}

/// The flows of all open streaming calls, and who may try again to send.
#[derive(Debug)]
pub(super) struct Flows {
    open: HashMap<CallId, Flow, IdHash>,
    /// Calls whose `Writable` is to be told.
    ready: VecDeque<CallId>,
    /// Calls that wait until less waits to be written.
    congested: Vec<CallId>,
}

impl Flows {
    pub(super) fn new() -> Self {
        Self {
            open: HashMap::with_hasher(IdHash::random()),
            ready: VecDeque::new(),
            congested: Vec::new(),
        }
    }

    /// Gives back what is not needed.
    pub(super) fn shrink(&mut self) {
        self.open.shrink_to_fit();
        self.ready.shrink_to_fit();
        self.congested.shrink_to_fit();
    }

    pub(super) fn insert(&mut self, id: CallId, flow: Flow) {
        let replaced = self.open.insert(id, flow);
        debug_assert!(replaced.is_none(), "a call began twice");
    }

    pub(super) fn get(&self, id: CallId) -> Option<&Flow> {
        self.open.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: CallId) -> Option<&mut Flow> {
        self.open.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: CallId) -> Option<Flow> {
        self.open.remove(&id)
    }

    /// Forgets the calls that `is_lost` names.
    pub(super) fn forget(&mut self, is_lost: impl Fn(CallId) -> bool) {
        self.open.retain(|id, _| !is_lost(*id));
    }

    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.ready.clear();
        self.congested.clear();
    }

    /// The peer's HELLO has come: calls that were opened before it count with its window.
    ///
    /// Spec: `stream.credit.hello`.
    pub(super) fn raise(&mut self, window: u32) {
        for (id, flow) in &mut self.open {
            let more = window.saturating_sub(flow.out.window);
            flow.out.window = flow.out.window.saturating_add(more);
            flow.out.credit = flow.out.credit.saturating_add(more);
            if more > 0 && flow.out.waits {
                flow.out.waits = false;
                self.ready.push_back(*id);
            }
        }
    }

    /// Who sends items on this call was told to wait, and also for what else is written when the send
    /// buffer is full.
    pub(super) fn wait(&mut self, id: CallId, is_congested: bool) {
        if let Some(flow) = self.open.get_mut(&id) {
            flow.out.waits = true;
            if is_congested && !self.congested.contains(&id) {
                self.congested.push(id);
            }
        }
    }

    /// Something of this call changed for the better: whoever waits may try again.
    pub(super) fn tell(&mut self, id: CallId) {
        if let Some(flow) = self.open.get_mut(&id) {
            if std::mem::take(&mut flow.out.waits) {
                self.ready.push_back(id);
            }
        }
    }

    pub(super) fn is_congested(&self) -> bool {
        !self.congested.is_empty()
    }

    /// Less waits to be written: whoever waited for that may try again.
    pub(super) fn drained(&mut self) {
        for id in std::mem::take(&mut self.congested) {
            self.tell(id);
        }
    }

    /// The next call whose `Writable` is to be told.
    pub(super) fn next_ready(&mut self) -> Option<CallId> {
        while let Some(id) = self.ready.pop_front() {
            if self.open.contains_key(&id) {
                return Some(id);
            }
        }
        None
    }
}

#[cold]
pub(super) fn breach(code: CloseCode, reason: String) -> ProtocolError {
    ProtocolError::new(code, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(window: u32) -> Flow {
        Flow::new(window, window, Ear::Open)
    }

    fn frames(len: usize, first: usize, frame_bytes: usize) -> usize {
        1 + (len - first).div_ceil(frame_bytes)
    }

    /// Verifies: stream.item.window
    #[test]
    fn the_longest_item_fits_the_window_however_short_its_first_fragment_is() {
        for (window, frame_bytes) in [
            (262_144, 65_536),
            (262_144, 65_537),
            (262_144, 262_144 - 36),
            (262_144, 1 << 24),
            (300_000, 70_000),
            (1 << 20, 65_536),
        ] {
            let max = flow(window).out.item_bytes_max(frame_bytes);
            let cost = |len: usize, first| len + 4 + 16 * frames(len, first, frame_bytes);
            for first in [1, 2, 100, frame_bytes.min(max) - 4] {
                assert!(cost(max, first) <= window as usize, "{window} {frame_bytes} {first}");
            }
            assert!(cost(max + 1, 1) > window as usize, "{window} {frame_bytes}");
        }
        assert_eq!(flow(262_144).out.item_bytes_max(65_536), 262_060);
    }
}
