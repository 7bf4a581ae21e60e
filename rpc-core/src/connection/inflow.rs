//! The items that come on one streaming call: how much may still come, what was consumed, what goes back.
//!
//! Numbers and the item that is not whole; what is sent in return is decided by others. Knows no table.
//!
//! Invariant: `credit + held + unreturned` and the cost of an unfinished item are the window, as long as
//! the application consumes what it was given and nothing else.

use super::Inbound;
use super::flow::{FRAME_COST, breach};
use crate::frame::{Data, Flags};
use crate::{CallId, CloseCode, ProtocolError};

/// Space that is reserved for an item ahead of its bytes.
const RESERVED_BYTES_MAX: usize = 64 * 1024;

/// What becomes of items that come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ear {
    /// They are told.
    Open,
    /// The application wants no more: they are dropped and their credit is given back.
    Dropping,
    /// This side has ended the call: what was on its way is dropped.
    Deaf,
    /// None are expected: DATA are fragments of the result.
    Result,
}

/// An item that is not whole.
#[derive(Debug)]
struct Partial {
    total: u32,
    cost: u32,
    bytes: Vec<u8>,
}

/// The items that come on one call.
#[derive(Debug)]
pub(super) struct Incoming {
    window: u32,
    /// What the peer may still send.
    credit: u32,
    /// Cost of the whole items that the application has not consumed.
    held: u32,
    /// Consumed and not given back yet.
    unreturned: u32,
    pub(super) ended: bool,
    pub(super) ear: Ear,
    /// The application waits and has nothing.
    starving: bool,
    partial: Option<Partial>,
}

/// What a DATA frame brought.
#[derive(Debug)]
pub(super) enum Came<'i> {
    /// Nothing to tell.
    Nothing,
    /// A whole item.
    Item { message: Inbound<'i>, cost: u32, last: bool },
    /// END without an item.
    End,
    /// An item of so many bytes, which are more than are accepted.
    TooLarge(usize),
}

impl Incoming {
    /// What comes on a call that begins.
    pub(super) const fn new(window: u32, ear: Ear) -> Self {
        Self {
            window,
            credit: window,
            held: 0,
            unreturned: 0,
            ended: false,
            ear,
            starving: false,
            partial: None,
        }
    }

    /// Takes a DATA frame whose credit has been seen to.
    ///
    /// Spec: `stream.credit.bound`, `stream.end.once`, `stream.cut.form`.
    pub(super) fn take<'i>(
        &mut self,
        data: &Data<'i>,
        message_bytes: u32,
    ) -> Result<Came<'i>, ProtocolError> {
        let is_last = data.flags.has(Flags::END);
        let has_item = !data.flags.has(Flags::NOMSG);
        if self.ended && (has_item || is_last) {
            return Err(fragment(data.id, "goes on after its END"));
        }
        if has_item {
            let cost = FRAME_COST.saturating_add(length(data.rest));
            self.credit = self.credit.checked_sub(cost).ok_or_else(|| self.beyond(data.id))?;
            self.ended = is_last;
            return self.take_item(data, cost, message_bytes);
        }
        self.ended |= is_last;
        if !is_last {
            return Ok(Came::Nothing);
        }
        match (self.ear, self.partial.take()) {
            (Ear::Open, Some(_)) => Err(fragment(data.id, "ends inside an item")),
            (Ear::Open | Ear::Result, _) => Ok(Came::End),
            (Ear::Dropping | Ear::Deaf, _) => Ok(Came::Nothing),
        }
    }

    fn take_item<'i>(
        &mut self,
        data: &Data<'i>,
        cost: u32,
        message_bytes: u32,
    ) -> Result<Came<'i>, ProtocolError> {
        match self.ear {
            Ear::Open => {}
            Ear::Dropping => {
                self.unreturned = self.unreturned.saturating_add(cost);
                return Ok(Came::Nothing);
            }
            Ear::Deaf | Ear::Result => return Ok(Came::Nothing),
        }
        let has_more = data.flags.has(Flags::MORE);
        if let Some(partial) = &mut self.partial {
            partial.add(data.id, data.rest, has_more)?;
            partial.cost = partial.cost.saturating_add(cost);
            return match has_more {
                true => Ok(Came::Nothing),
                false => self.finish(data.id),
            };
        }
        if !has_more {
            if data.rest.len() > message_bytes as usize {
                return Ok(Came::TooLarge(data.rest.len()));
            }
            self.hold(cost);
            return Ok(Came::Item {
                message: Inbound::Borrowed(data.rest),
                cost,
                last: self.ended,
            });
        }
        let (total, rest) = data.split_total()?;
        if total > self.window {
            let text = format!(
                "an item of {total} bytes on call {} can never fit the window of {}",
                data.id, self.window
            );
            return Err(breach(CloseCode::CREDIT, text));
        }
        if total > message_bytes {
            return Ok(Came::TooLarge(total as usize));
        }
        let space = (total as usize).min(RESERVED_BYTES_MAX).max(rest.len());
        let mut partial = Partial { total, cost, bytes: Vec::with_capacity(space) };
        partial.add(data.id, rest, true)?;
        self.partial = Some(partial);
        Ok(Came::Nothing)
    }

    fn finish<'i>(&mut self, id: CallId) -> Result<Came<'i>, ProtocolError> {
        match self.partial.take() {
            Some(partial) if partial.bytes.len() == partial.total as usize => {
                self.hold(partial.cost);
                Ok(Came::Item {
                    message: Inbound::Gathered(partial.bytes),
                    cost: partial.cost,
                    last: self.ended,
                })
            }
            _ => Err(fragment(id, "has an item that is shorter than its total")),
        }
    }

    const fn hold(&mut self, cost: u32) {
        self.held = self.held.saturating_add(cost);
        self.starving = false;
    }

    /// Takes whole items of this cost, which the credit covers.
    pub(super) const fn take_run(&mut self, cost: u32) {
        if cost > 0 {
            debug_assert!(cost <= self.credit, "items are taken beyond the credit");
            self.credit = self.credit.saturating_sub(cost);
            self.hold(cost);
        }
    }

    /// Whether the beginning of an item waits for its rest.
    pub(super) const fn is_inside_item(&self) -> bool {
        self.partial.is_some()
    }

    /// What the peer may still send on this call, when this side ends it.
    pub(super) const fn unused(&self) -> u32 {
        if self.ended { 0 } else { self.credit }
    }

    /// The application has taken items of this cost.
    pub(super) fn consumed(&mut self, cost: u32) {
        let cost = cost.min(self.held);
        self.held = self.held.saturating_sub(cost);
        self.unreturned = self.unreturned.saturating_add(cost);
    }

    /// The application waits for an item and has none.
    pub(super) const fn starve(&mut self) {
        self.starving = true;
    }

    /// The application wants no more items: those that it holds are as good as consumed.
    pub(super) fn stop(&mut self) {
        self.ear = Ear::Dropping;
        let partial = self.partial.take().map_or(0, |partial| partial.cost);
        self.unreturned = self.unreturned.saturating_add(self.held).saturating_add(partial);
        self.held = 0;
    }

    /// The call is over on this side.
    pub(super) fn deafen(&mut self) {
        self.partial = None;
        if self.ear != Ear::Result {
            self.ear = Ear::Deaf;
        }
    }

    /// Credit that is to be given back at once, if any: half a window, or whatever there is when the
    /// application waits for the rest of an item.
    ///
    /// Spec: `stream.credit.return`.
    pub(super) fn give_back(&mut self) -> Option<u32> {
        let hungry = self.starving && self.partial.is_some();
        let is_due = self.unreturned >= self.window / 2 || (hungry && self.unreturned > 0);
        if !is_due {
            return None;
        }
        Some(self.give_all_back()).filter(|bytes| *bytes > 0)
    }

    /// All credit that can be given back now; 0 = none.
    pub(super) fn give_all_back(&mut self) -> u32 {
        if self.ended || !matches!(self.ear, Ear::Open | Ear::Dropping) {
            return 0;
        }
        let bytes = std::mem::take(&mut self.unreturned);
        self.credit = self.credit.saturating_add(bytes);
        bytes
    }

    #[cold]
    fn beyond(&self, id: CallId) -> ProtocolError {
        breach(
            CloseCode::CREDIT,
            format!("an item on call {id} goes beyond {} of credit", self.credit),
        )
    }
}

impl Partial {
    fn add(&mut self, id: CallId, bytes: &[u8], has_more: bool) -> Result<(), ProtocolError> {
        if bytes.is_empty() && has_more {
            return Err(fragment(id, "has an empty fragment"));
        }
        if bytes.len() > (self.total as usize).saturating_sub(self.bytes.len()) {
            return Err(fragment(id, "has an item that is longer than its total"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cold]
fn fragment(id: CallId, what: &str) -> ProtocolError {
    breach(CloseCode::FRAGMENT, format!("the stream of call {id} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_is_given_back_by_halves_or_to_who_waits_inside_an_item() {
        let mut incoming = Incoming::new(1_000, Ear::Open);
        let item = |flags, rest| Data { id: CallId::new(1), flags, credit: 0, rest };
        for _ in 0..5 {
            incoming.take(&item(Flags::NONE, &[0; 84]), 1_000).unwrap();
        }
        incoming.consumed(400);
        assert_eq!(incoming.give_back(), None);
        incoming.starve();
        assert_eq!(incoming.give_back(), None, "nothing is unfinished");
        incoming.consumed(999);
        assert_eq!(incoming.give_back(), Some(500), "no more than was held");
        incoming.take(&item(Flags::NONE, &[0; 84]), 1_000).unwrap();
        incoming.consumed(100);
        incoming.starve();
        let part = [0, 0, 1, 0, 7];
        incoming.take(&item(Flags::MORE, &part), 1_000).unwrap();
        assert_eq!(incoming.give_back(), Some(100));
        assert_eq!(incoming.credit, 1_000 - 21);
    }
}
