//! REQUEST: the frame that opens a call.
//!
//! `[signature u64] [timeout_ms u32] [metadata] [total u32] [payload]`; the head says which of them stand.

use super::body::Body;
use super::head::{Flags, Head, kind};
use super::{metadata_length, wire_length};
use crate::{CallId, MethodId, ProtocolError};

/// The body of a REQUEST, with what its head says.
///
/// Spec: `frame.request.layout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The call that it opens.
    pub id: CallId,
    /// END, NOMSG and ONEWAY as they stand; MORE and TIMEOUT follow from `total` and `timeout_ms`.
    pub flags: Flags,
    /// The method; [`MethodId::BY_NAME`] when it is named in metadata.
    pub method: MethodId,
    /// Signature of the method's types; 0 = unchecked.
    pub signature: u64,
    /// Milliseconds that remain until the deadline; 0 = it has passed.
    pub timeout_ms: Option<u32>,
    /// Metadata entries as they travel.
    pub metadata: &'a [u8],
    /// Length of the whole message when this is only its first fragment.
    pub total: Option<u32>,
    /// The message, or its first fragment.
    pub payload: &'a [u8],
}

impl<'a> Request<'a> {
    /// Bytes of the body before the payload.
    #[must_use]
    pub const fn overhead(&self) -> usize {
        let timeout = if self.timeout_ms.is_some() { 4 } else { 0 };
        let total = if self.total.is_some() { 4 } else { 0 };
        8 + timeout + self.metadata.len() + total
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.encode_before(self.payload.len(), out);
        out.extend_from_slice(self.payload);
    }

    /// Appends all of the frame but its payload, whose `payload_len` bytes must follow.
    pub fn encode_before(&self, payload_len: usize, out: &mut Vec<u8>) {
        let head = Head {
            length: wire_length(self.overhead() + payload_len),
            kind: kind::REQUEST,
            flags: self
                .flags
                .and_if(self.timeout_ms.is_some(), Flags::TIMEOUT)
                .and_if(self.total.is_some(), Flags::MORE),
            metadata_len: metadata_length(self.metadata),
            id: self.id,
            arg: self.method.get(),
        };
        out.extend_from_slice(&head.encode());
        out.extend_from_slice(&self.signature.to_be_bytes());
        if let Some(timeout_ms) = self.timeout_ms {
            out.extend_from_slice(&timeout_ms.to_be_bytes());
        }
        out.extend_from_slice(self.metadata);
        if let Some(total) = self.total {
            out.extend_from_slice(&total.to_be_bytes());
        }
    }

    #[inline]
    pub(crate) fn decode(head: &Head, body: &'a [u8]) -> Result<Self, ProtocolError> {
        let mut body = Body::new(body);
        let signature = body.u64()?;
        let timeout_ms = match head.flags.has(Flags::TIMEOUT) {
            true => Some(body.u32()?),
            false => None,
        };
        let metadata = body.take(usize::from(head.metadata_len))?;
        let total = match head.flags.has(Flags::MORE) {
            true => Some(body.u32()?),
            false => None,
        };
        Ok(Self {
            id: head.id,
            flags: head.flags,
            method: MethodId::new(head.arg),
            signature,
            timeout_ms,
            metadata,
            total,
            payload: body.rest(),
        })
    }
}
