//! What may cross the wire: one file per frame, `encode` and `decode` face to face.
//!
//! A frame is decoded whole or not at all, and everything about its lengths is judged from its head
//! before anything else is looked at. Knows no call, no limit but the frame's, and no order of frames.

mod body;
mod control;
mod data;
mod fault;
mod head;
mod hello;
pub mod metadata;
mod request;
mod response;

pub use control::{
    CancelReason, GOAWAY_REASON_BYTES_MAX, GoAway, encode_cancel, encode_credit, encode_limits,
    encode_ping, encode_pong,
};
pub use data::{Data, split_judged};
pub use fault::{Fault, FaultPlace};
pub use head::{Flags, HEAD_BYTES, HTON, Head, kind};
pub(crate) use hello::common_version;
pub use hello::{AuthToken, Hello, VERSION, judge_first};
pub use request::Request;
pub use response::Response;

use crate::{CallId, CloseCode, ProtocolError};

/// A frame, as it was cut out of the bytes; large parts borrow from them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame<'a> {
    /// What a side says about itself.
    Hello(Box<Hello>),
    /// Opens a call.
    Request(Request<'a>),
    /// Ends a call.
    Response(Response<'a>),
    /// A stream item or a fragment.
    Data(Data<'a>),
    /// Gives credit, in bytes; id 0 = for one-way calls.
    Credit {
        /// The call, or 0.
        id: CallId,
        /// At least 1.
        bytes: u32,
    },
    /// Asks that a call end.
    Cancel {
        /// The call.
        id: CallId,
        /// Why.
        reason: CancelReason,
    },
    /// Asks for a sign of life.
    Ping(u32),
    /// Gives it, with the token of the newest PING.
    Pong(u32),
    /// Announces the end of the connection.
    GoAway(GoAway),
    /// Changes how many calls may be open.
    Limits(u32),
    /// A frame of an unknown type that may be skipped.
    Skipped,
}

impl Frame<'_> {
    /// Appends the frame as it travels; [`Frame::Skipped`] is nothing and appends nothing.
    ///
    /// The caller keeps the peer's limits: nothing is checked here.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello(hello) => hello.encode(out),
            Self::Request(request) => request.encode(out),
            Self::Response(response) => response.encode(out),
            Self::Data(data) => data.encode(out),
            Self::Credit { id, bytes } => encode_credit(*id, *bytes, out),
            Self::Cancel { id, reason } => encode_cancel(*id, *reason, out),
            Self::Ping(token) => encode_ping(*token, out),
            Self::Pong(token) => encode_pong(*token, out),
            Self::GoAway(goaway) => goaway.encode(out),
            Self::Limits(calls) => encode_limits(*calls, out),
            Self::Skipped => {}
        }
    }
}

/// Cuts the first frame out of `input`: the frame and its length with head. `None` = it is not whole
/// yet, which costs no more than a look at the head however often it is asked.
///
/// # Errors
///
/// The breach of the wire's rules that the head or the body shows. A breach in the head shows as soon as
/// the head is whole.
///
/// Never panics, and allocates only for a HELLO and a GOAWAY, within their bodies.
///
/// Spec: `frame.length.limit`, `frame.flags.allowed`.
#[inline]
pub fn decode(
    input: &[u8],
    frame_bytes_max: u32,
) -> Result<Option<(Frame<'_>, usize)>, ProtocolError> {
    let Some((head, body)) = cut(input, frame_bytes_max)? else {
        return Ok(None);
    };
    Ok(Some((decode_body(&head, body)?, HEAD_BYTES + body.len())))
}

/// Cuts head and body of the first frame out of `input`, the head judged; `None` = not whole yet.
#[inline]
pub(crate) fn cut(
    input: &[u8],
    frame_bytes_max: u32,
) -> Result<Option<(Head, &[u8])>, ProtocolError> {
    let Some((head, rest)) = input.split_first_chunk() else {
        return Ok(None);
    };
    let head = Head::decode(head);
    head.check(frame_bytes_max)?;
    Ok(rest.get(..head.length as usize).map(|body| (head, body)))
}

/// Reads the body of a frame whose head has been judged.
pub(crate) fn decode_body<'a>(head: &Head, body: &'a [u8]) -> Result<Frame<'a>, ProtocolError> {
    Ok(match head.kind {
        kind::REQUEST => Frame::Request(Request::decode(head, body)?),
        kind::RESPONSE => Frame::Response(Response::decode(head, body)?),
        kind::DATA => Frame::Data(Data::decode(head, body)),
        _ => decode_control(head, body)?,
    })
}

fn decode_control(head: &Head, body: &[u8]) -> Result<Frame<'static>, ProtocolError> {
    Ok(match head.kind {
        kind::HELLO => decode_hello(head, body)?,
        kind::CREDIT => Frame::Credit { id: head.id, bytes: head.arg },
        kind::CANCEL => Frame::Cancel { id: head.id, reason: CancelReason::from_number(head.arg) },
        kind::PING => Frame::Ping(head.arg),
        kind::PONG => Frame::Pong(head.arg),
        kind::GOAWAY => Frame::GoAway(GoAway::decode(head, body)?),
        kind::LIMITS => Frame::Limits(head.arg),
        _ => Frame::Skipped,
    })
}

fn decode_hello(head: &Head, body: &[u8]) -> Result<Frame<'static>, ProtocolError> {
    if head.arg != HTON {
        return Err(ProtocolError::new(
            CloseCode::HELLO,
            format!("a HELLO says {:#010x} instead of HTON", head.arg),
        ));
    }
    Ok(Frame::Hello(Box::new(Hello::decode(body)?)))
}

/// `text`, or as much of its beginning as fits `bytes_max` without cutting a character.
fn cut_text(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A body's length for the head. Callers have kept the peer's frame limit, which is far below the maximum.
#[inline]
fn wire_length(body_len: usize) -> u32 {
    debug_assert!(u32::try_from(body_len).is_ok(), "a body beyond every limit");
    u32::try_from(body_len).unwrap_or(u32::MAX)
}

/// Metadata's length for the head. Callers have kept the peer's metadata limit.
fn metadata_length(metadata: &[u8]) -> u16 {
    debug_assert!(u16::try_from(metadata.len()).is_ok(), "metadata too long");
    u16::try_from(metadata.len()).unwrap_or(u16::MAX)
}
