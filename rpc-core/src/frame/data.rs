//! DATA: a stream item, or a fragment of a message that did not fit one frame.
//!
//! Whether the first fragment's `total u32` stands in the body depends on what came before it, so
//! this file leaves the body whole: [`Data::split_total`] is for those who keep the state.

use super::body::Body;
use super::head::{Flags, HEAD_BYTES, Head, kind};
use super::wire_length;
use crate::{CallId, ProtocolError};

/// The body of a DATA frame, with what its head says.
///
/// Spec: `frame.data.layout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a> {
    /// The call that it belongs to.
    pub id: CallId,
    /// END, MORE and NOMSG.
    pub flags: Flags,
    /// Credit given back for items of the other direction, in bytes; 0 in unary calls.
    pub credit: u32,
    /// The whole body.
    pub rest: &'a [u8],
}

impl<'a> Data<'a> {
    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.encode_before(self.rest.len(), out);
        out.extend_from_slice(self.rest);
    }

    /// Appends the head of the frame, whose `body_len` bytes of body must follow.
    #[inline]
    pub fn encode_before(&self, body_len: usize, out: &mut Vec<u8>) {
        let head = Head {
            length: wire_length(body_len),
            kind: kind::DATA,
            flags: self.flags,
            metadata_len: 0,
            id: self.id,
            arg: self.credit,
        };
        out.extend_from_slice(&head.encode());
    }

    pub(super) const fn decode(head: &Head, body: &'a [u8]) -> Self {
        Self { id: head.id, flags: head.flags, credit: head.arg, rest: body }
    }

    /// The total and the fragment, for the first of several fragments.
    ///
    /// # Errors
    ///
    /// `LENGTH` when the body is too short for a total.
    pub fn split_total(&self) -> Result<(u32, &'a [u8]), ProtocolError> {
        let mut body = Body::new(self.rest);
        Ok((body.u32()?, body.rest()))
    }
}

/// The body of the first of several frames that were judged before, and the frames behind it. `None` = there is
/// no whole frame.
#[inline]
#[must_use]
pub fn split_judged(frames: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = frames.split_first_chunk::<HEAD_BYTES>()?;
    rest.split_at_checked(Head::decode(head).length as usize)
}
