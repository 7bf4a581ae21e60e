//! RESPONSE: the frame that ends a call in both directions.
//!
//! `[metadata] [payload]`; the head's `arg` is `code u8, retry u8, app u16`.

use super::body::Body;
use super::head::{Flags, Head, kind};
use super::{metadata_length, wire_length};
use crate::{CallId, Code, ProtocolError, Retry};

/// The body of a RESPONSE, with what its head says.
///
/// Spec: `frame.response.layout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The call that it ends.
    pub id: CallId,
    /// How the call ended.
    pub code: Code,
    /// What the callee says about trying again.
    pub retry: Retry,
    /// A number of the application's; 0 unless it set one.
    pub app: u16,
    /// Metadata entries as they travel.
    pub metadata: &'a [u8],
    /// The result, its last fragment, an error's value or a fault; `None` = there is no message.
    pub payload: Option<&'a [u8]>,
}

impl<'a> Response<'a> {
    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.encode_before(self.payload.map(<[u8]>::len), out);
        out.extend_from_slice(self.payload.unwrap_or_default());
    }

    /// Appends all of the frame but its payload, whose `payload_len` bytes must follow.
    pub fn encode_before(&self, payload_len: Option<usize>, out: &mut Vec<u8>) {
        let [app_high, app_low] = self.app.to_be_bytes();
        let head = Head {
            length: wire_length(self.metadata.len() + payload_len.unwrap_or(0)),
            kind: kind::RESPONSE,
            flags: Flags::NONE.and_if(payload_len.is_none(), Flags::NOMSG),
            metadata_len: metadata_length(self.metadata),
            id: self.id,
            arg: u32::from_be_bytes([self.code.number(), self.retry.number(), app_high, app_low]),
        };
        out.extend_from_slice(&head.encode());
        out.extend_from_slice(self.metadata);
    }

    #[inline]
    pub(crate) fn decode(head: &Head, body: &'a [u8]) -> Result<Self, ProtocolError> {
        let [code, retry, app_high, app_low] = head.arg.to_be_bytes();
        let mut body = Body::new(body);
        let metadata = body.take(usize::from(head.metadata_len))?;
        Ok(Self {
            id: head.id,
            code: Code::from_number(code),
            retry: Retry::from_number(retry),
            app: u16::from_be_bytes([app_high, app_low]),
            metadata,
            payload: match head.flags.has(Flags::NOMSG) {
                true => None,
                false => Some(body.rest()),
            },
        })
    }
}
