//! Messages that come in fragments, until they are whole.
//!
//! Space for a message is reserved when its total is announced, because it counts against the limit
//! from then on; nothing is announced beyond the limit. Knows no flags and no outcome.
//!
//! Invariant: `announced` is the sum of the totals of `open`, at most the limit.

use super::owed::IdHash;
use crate::{CallId, CloseCode, MethodId, ProtocolError};
use std::collections::HashMap;

/// What the first frame of a cut request said beside the fragment.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) method: MethodId,
    pub(super) signature: u64,
    pub(super) metadata: Vec<u8>,
}

#[derive(Debug)]
struct Message {
    opening: Option<Opening>,
    total: u32,
    bytes: Vec<u8>,
}

/// The unfinished messages of both directions; the parity of ids keeps them apart.
#[derive(Debug)]
pub(super) struct Gather {
    open: HashMap<CallId, Message, IdHash>,
    announced: u64,
    limit: u64,
    /// Where the space for a message comes from.
    space: fn(usize) -> Vec<u8>,
}

impl Gather {
    pub(super) fn new(reassembly_bytes: u32) -> Self {
        Self {
            open: HashMap::with_hasher(IdHash::random()),
            announced: 0,
            limit: u64::from(reassembly_bytes),
            space: Vec::with_capacity,
        }
    }

    /// Takes the space for messages from here.
    pub(super) fn take_space_from(&mut self, space: fn(usize) -> Vec<u8>) {
        self.space = space;
    }

    pub(super) fn has(&self, id: CallId) -> bool {
        self.open.contains_key(&id)
    }

    /// Begins a message with its first fragment.
    ///
    /// Spec: `frame.fragment.reassembly`.
    pub(super) fn begin(
        &mut self,
        id: CallId,
        total: u32,
        opening: Option<Opening>,
        fragment: &[u8],
    ) -> Result<(), ProtocolError> {
        let announced = self.announced + u64::from(total);
        if announced > self.limit {
            return Err(breach(format!(
                "unfinished messages of {announced} bytes, {} are accepted",
                self.limit
            )));
        }
        if fragment.len() > total as usize {
            return Err(overflow(id, total));
        }
        self.announced = announced;
        let mut bytes = (self.space)(total as usize);
        bytes.extend_from_slice(fragment);
        let message = Message { opening, total, bytes };
        let replaced = self.open.insert(id, message);
        debug_assert!(replaced.is_none(), "a message began twice");
        Ok(())
    }

    /// Adds a fragment to a message that has begun.
    pub(super) fn add(&mut self, id: CallId, fragment: &[u8]) -> Result<(), ProtocolError> {
        let Some(message) = self.open.get_mut(&id) else {
            return Err(breach(format!("call {id} has no message that goes on")));
        };
        if fragment.len() > (message.total as usize).saturating_sub(message.bytes.len()) {
            return Err(overflow(id, message.total));
        }
        message.bytes.extend_from_slice(fragment);
        Ok(())
    }

    /// Adds the last fragment: the message must now be whole.
    pub(super) fn finish(
        &mut self,
        id: CallId,
        fragment: &[u8],
    ) -> Result<(Option<Opening>, Vec<u8>), ProtocolError> {
        self.add(id, fragment)?;
        let Some(message) = self.remove(id) else {
            return Err(breach(format!("call {id} has no message that goes on")));
        };
        if message.bytes.len() != message.total as usize {
            return Err(breach(format!(
                "the message of call {id} ends after {} of {} bytes",
                message.bytes.len(),
                message.total
            )));
        }
        Ok((message.opening, message.bytes))
    }

    /// Drops what has come of a message, if it has begun.
    pub(super) fn discard(&mut self, id: CallId) {
        self.remove(id);
    }

    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.announced = 0;
    }

    fn remove(&mut self, id: CallId) -> Option<Message> {
        let message = self.open.remove(&id)?;
        self.announced -= u64::from(message.total);
        if self.open.is_empty() {
            // Most connections are idle most of the time, and few of them get large messages.
            self.open.shrink_to_fit();
        }
        Some(message)
    }
}

fn overflow(id: CallId, total: u32) -> ProtocolError {
    breach(format!("the message of call {id} is longer than its total of {total} bytes"))
}

fn breach(reason: String) -> ProtocolError {
    ProtocolError::new(CloseCode::FRAGMENT, reason)
}
