//! Small items of one call on their way out, as the frames that carry them: what is ready together leaves
//! together.
//!
//! Filled beside the machine, within the room that it gave before, so that the code that makes the items needs
//! no lock.

use super::{Connection, ItemRefusal};
use crate::frame::{Data, Flags, HEAD_BYTES, Head};
use crate::{CallId, Payload};

/// Items of one call that are sent together, see [`Connection::items`].
///
/// It has no room until the machine was asked for some.
///
/// ```
/// use rpc_core::connection::Portion;
/// use rpc_core::{CallId, Payload};
///
/// let mut portion = Portion::new(CallId::new(1), Vec::new());
/// assert!(!portion.push(&Payload::from(vec![7])), "no machine has given it room");
/// assert!(portion.is_empty());
/// ```
#[derive(Debug)]
pub struct Portion {
    id: CallId,
    frames: Vec<u8>,
    /// Bytes of frames that credit is known to cover.
    room: usize,
    /// The longest item.
    item_bytes: usize,
}

impl Portion {
    /// Bytes of frames in one portion, at most. So much may wait here while the send buffer is full.
    pub const BYTES_MAX: usize = 16 * 1024;

    /// An empty one of this call, which collects in `buffer`, whose content is dropped.
    #[must_use]
    pub fn new(id: CallId, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { id, frames: buffer, room: 0, item_bytes: 0 }
    }

    /// Puts a copy of an item behind the others. `false` = it has no place here, or no room now: it can only be
    /// sent [alone](Connection::item).
    #[inline]
    pub fn push(&mut self, item: &Payload) -> bool {
        let Some(bytes) = item.as_slice() else {
            return false;
        };
        let cost = HEAD_BYTES.saturating_add(bytes.len());
        if bytes.len() > self.item_bytes || cost > self.room.saturating_sub(self.frames.len()) {
            return false;
        }
        let head = Data { id: self.id, flags: Flags::NONE, credit: 0, rest: &[] };
        head.encode_before(bytes.len(), &mut self.frames);
        self.frames.extend_from_slice(bytes);
        true
    }

    /// Whether nothing waits in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The buffer, emptied.
    #[must_use]
    pub fn into_buffer(mut self) -> Vec<u8> {
        self.frames.clear();
        self.frames
    }
}

impl<W> Connection<W> {
    /// Sends the items of a portion in one go, as if each was given to [`item`](Self::item), and gives the
    /// emptied portion room for as many more as credit covers now. An empty portion is only given room, which
    /// may be none.
    ///
    /// # Errors
    ///
    /// [`ItemRefusal::Wait`], after which an [`Event::Writable`](super::Event::Writable) follows unless the call
    /// ends first, or [`ItemRefusal::Stopped`]. The items are then still in the portion, which has no more room.
    ///
    /// Spec: `stream.item.data`, `stream.credit.cost`.
    pub fn items(&mut self, portion: &mut Portion) -> Result<(), ItemRefusal> {
        portion.room = 0;
        let frame_bytes = self.cut().frame_bytes;
        let message_max = self.peer.message_bytes.min(self.limits.message_bytes) as usize;
        let is_congested = self.is_congested();
        let Some(flow) = self.sender(portion.id) else {
            return Err(ItemRefusal::Stopped);
        };
        let is_busy = flow.out.sending.is_some() || is_congested;
        if !portion.is_empty() {
            // A frame costs its bytes.
            let cost = u32::try_from(portion.frames.len()).unwrap_or(u32::MAX);
            if is_busy || cost > flow.out.credit() {
                self.flows.wait(portion.id, is_congested);
                return Err(ItemRefusal::Wait);
            }
            flow.out.has_items = true;
            flow.out.spend(cost);
            let credit = flow.incoming.give_all_back();
            if let Some(first) = portion.frames.first_chunk_mut() {
                *first = Head { arg: credit, ..Head::decode(first) }.encode();
            }
        }
        if !is_busy {
            portion.room = (flow.out.credit() as usize).min(Portion::BYTES_MAX);
            let max = flow.out.item_bytes_max(frame_bytes).min(message_max);
            portion.item_bytes = max.min(frame_bytes);
        }
        self.outbox.frames().extend_from_slice(&portion.frames);
        portion.frames.clear();
        Ok(())
    }
}
