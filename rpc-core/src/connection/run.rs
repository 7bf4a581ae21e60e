//! Small items that come one behind the other: taken in one go, as the frames that carry them.

use super::Connection;
use super::inflow::Ear;
use crate::frame::{Flags, HEAD_BYTES, Head, kind};
use crate::{CallId, Payload};

impl<W> Connection<W> {
    /// Takes the items that stand at the beginning of `input`, which follows what [`read`](Self::read) has
    /// consumed: those of this call that are whole, small, within its credit and nothing but an item. Returns their
    /// frames, as [`frame::split_judged`](crate::frame::split_judged) takes them apart. They are consumed, and each costs as
    /// many bytes as its frame has; [`consumed`](Self::consumed) gives them back. Empty when something else
    /// comes: read on.
    ///
    /// It is for those who have just been told [`Event::Item`](super::Event::Item), and saves them a step for
    /// each of those that follow.
    ///
    /// Spec: `stream.item.data`, `stream.credit.cost`.
    pub fn more_items<'i>(&mut self, id: CallId, input: &'i [u8]) -> &'i [u8] {
        let item_bytes = self.limits.frame_bytes.min(self.limits.message_bytes) as usize;
        let item_bytes = item_bytes.min(Payload::SHARE_FROM_BYTES.saturating_sub(1));
        if self.phase.closed || self.phase.peer_parted {
            return &[];
        }
        let Some(flow) = self.flows.get_mut(id) else {
            return &[];
        };
        let incoming = &mut flow.incoming;
        if incoming.ear != Ear::Open || incoming.ended || incoming.is_inside_item() {
            return &[];
        }
        let within = input.len().min(incoming.unused() as usize);
        let run = input.get(..run_bytes(id, input.get(..within).unwrap_or_default(), item_bytes));
        let run = run.unwrap_or_default();
        incoming.take_run(u32::try_from(run.len()).unwrap_or(u32::MAX));
        run
    }
}

/// Bytes of the whole frames at the beginning of `input` that are items of this call and nothing else.
fn run_bytes(id: CallId, input: &[u8], item_bytes: usize) -> usize {
    let flags = Flags::NONE;
    let plain = Head { length: 0, kind: kind::DATA, flags, metadata_len: 0, id, arg: 0 };
    let mut rest = input;
    while let Some((head, behind)) = rest.split_first_chunk::<HEAD_BYTES>() {
        let head = Head::decode(head);
        let len = head.length as usize;
        if len > item_bytes || (Head { length: 0, ..head }) != plain {
            break;
        }
        match behind.get(len..) {
            Some(behind) => rest = behind,
            None => break,
        }
    }
    input.len().saturating_sub(rest.len())
}
