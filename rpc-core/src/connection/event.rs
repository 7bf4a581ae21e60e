//! What the machine tells whoever drives it, and what it takes from there.
//!
//! Plain data. Messages borrow from the bytes that were read unless they came in fragments.

use crate::frame::Fault;
use crate::{CallId, CloseCode, Code, MethodId, Payload, ProtocolError, Retry, Time};
use std::borrow::Cow;

/// What one [`read`](super::Connection::read) did.
#[derive(Debug, PartialEq, Eq)]
pub struct Step<'i> {
    /// Bytes of the input that are done with. 0 without an event = the next frame is not whole.
    pub consumed: usize,
    /// What happened, if the application must know.
    pub event: Option<Event<'i>>,
}

/// What happened on the connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'i> {
    /// The peer's HELLO is in force; calls that were refused as `Busy` may try again.
    Opened,
    /// A call of the peer whose message is whole: run its handler, then `reply`.
    Request(Request<'i>),
    /// A one-way call of the peer: run its handler and then tell `oneway_done`. Nothing answers it.
    OneWay {
        /// The call; its id answers to nothing.
        request: Request<'i>,
        /// What it costs, for `oneway_done`.
        cost: u32,
    },
    /// An item of a streaming call has come. It is told once, in order; its bytes count against the window
    /// until `consumed`.
    Item {
        /// The call.
        id: CallId,
        /// The item.
        message: Inbound<'i>,
        /// What it costs, for `consumed`.
        cost: u32,
        /// No other item follows: END stood on it.
        last: bool,
    },
    /// The caller's items have ended, without another item. A caller is told by `Response` alone.
    End {
        /// The call.
        id: CallId,
    },
    /// Who was told to `Wait` with an item of this call may try again.
    Writable {
        /// The call.
        id: CallId,
    },
    /// The callee wants no more items of this call; the call goes on.
    Stopped {
        /// The call.
        id: CallId,
    },
    /// A call of this side has ended; its slot is answered and waits for `take`. There is room for
    /// another call.
    Response {
        /// The call.
        id: CallId,
        /// How it ended.
        response: Response<'i>,
    },
    /// The peer cancelled a call that runs here: drop its handler, then reply `CANCELLED`.
    Cancelled {
        /// The call.
        id: CallId,
    },
    /// The peer goes away. Call `fail_calls` now: with code 0 it tells only the calls that the peer will not
    /// take up, with any other code all of them.
    GoAway {
        /// Why.
        code: CloseCode,
        /// Why, in the peer's words.
        reason: String,
    },
    /// Calls that were refused as `Busy` may try again.
    MoreCalls,
}

/// A call of the peer.
#[derive(Debug, PartialEq, Eq)]
pub struct Request<'i> {
    /// The call, for `reply`.
    pub id: CallId,
    /// What it calls.
    pub method: MethodName<'i>,
    /// Signature of the types that the caller has in mind; 0 = it does not say.
    pub signature: u64,
    /// When the caller stops waiting. The machine reports it as [`Expiry::Served`].
    pub deadline: Option<Time>,
    /// Metadata entries as they travel, known to be well formed.
    pub metadata: Cow<'i, [u8]>,
    /// The arguments.
    pub message: Inbound<'i>,
    /// What kind of call its caller has opened. A callee whose method is of another kind refuses it.
    pub shape: RequestShape,
}

/// What kind of call a request opens.
///
/// Spec: `call.request.unary`, `stream.open.form`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestShape {
    /// One message, or a one-way call.
    Unary,
    /// Items may come, and items may be sent before the reply.
    Stream {
        /// The caller has said END already: no items will come.
        ended: bool,
    },
}

/// How a request names its method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MethodName<'i> {
    /// By its number.
    Id(MethodId),
    /// By its full name, such as `Service/method`; not yet known to be one.
    Name(Cow<'i, str>),
}

/// The end of a call of this side.
#[derive(Debug, PartialEq, Eq)]
pub struct Response<'i> {
    /// How it ended.
    pub code: Code,
    /// What the callee says about trying again.
    pub retry: Retry,
    /// A number of the application's.
    pub app: u16,
    /// Metadata entries as they travel, known to be well formed.
    pub metadata: &'i [u8],
    /// The result for `OK`, the error's value for `DECLARED`, otherwise a
    /// [`Fault`](crate::frame::Fault); `None` = nothing more is said.
    pub message: Option<Inbound<'i>>,
}

/// A message that has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Inbound<'i> {
    /// It came in one frame and lies in the bytes that were read.
    Borrowed(&'i [u8]),
    /// It came in fragments.
    Gathered(Vec<u8>),
}

impl Inbound<'_> {
    /// The bytes, wherever they lie.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Gathered(bytes) => bytes,
        }
    }
}

/// Something whose time has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Expiry {
    /// A call of this side outlived its deadline: its slot is answered and waits for `take`, the peer is
    /// told, and the peer's RESPONSE will be dropped. Its id stays taken until that comes.
    Call {
        /// The call.
        id: CallId,
    },
    /// A call that runs here outlived its deadline: drop its handler, then reply `DEADLINE_EXCEEDED`.
    Served {
        /// The call.
        id: CallId,
    },
    /// The peer was silent for too long: GOAWAY waits in the outbox and the connection is closed.
    Connection(ProtocolError),
}

/// A call to open.
#[derive(Debug)]
pub struct NewCall<'a> {
    /// What is called; [`MethodId::BY_NAME`] when metadata have a `:method` entry.
    pub method: MethodId,
    /// Signature of the method's types; 0 = unchecked.
    pub signature: u64,
    /// When its caller stops waiting; more than 24 hours ahead count as 24 hours.
    pub deadline: Option<Time>,
    /// Metadata entries as they travel, see [`metadata`](crate::frame::metadata).
    pub metadata: &'a [u8],
    /// The arguments. A message that fits one frame is copied and stays, so that its buffer can be used
    /// again; a larger one is taken when the call is accepted. Untouched when the call is refused.
    pub payload: &'a mut Payload,
    /// What kind of call it is; one-way calls ignore it.
    pub shape: Shape,
}

/// What kind of call is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// One message there, one back.
    #[default]
    Unary,
    /// A streaming call. The arguments are its first message; items follow.
    Stream {
        /// The caller sends items. Otherwise its side ends at once.
        items_out: bool,
        /// The callee sends items. Otherwise its DATA are fragments of a result.
        items_in: bool,
    },
}

/// Why an item was not taken. Its payload is untouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemRefusal {
    /// There is no credit, a large item of this call is still being sent, or the send buffer is full: try
    /// again after [`Event::Writable`].
    #[error("the stream has no room now")]
    Wait,
    /// The peer wants no more items, or this direction or the call has ended.
    #[error("the stream has ended")]
    Stopped,
    /// The item is longer than this side sends, the peer accepts or its window holds.
    #[error("the item has {len} bytes, at most {max} can be sent")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The longest that could be sent.
        max: usize,
    },
}

/// A call that was not opened: no byte of it has been or will be sent.
#[derive(Debug)]
pub struct Refused<W> {
    /// Why.
    pub reason: Refusal,
    /// The caller's waiter, given back.
    pub waiter: W,
}

/// Why a call was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The peer's limit of open calls of this kind, of messages that are being sent, or of one-way calls
    /// that are not done is reached: try again after [`Event::Opened`], [`Event::Response`] or
    /// [`Event::MoreCalls`].
    #[error("the peer's limit of open calls is reached")]
    Busy,
    /// More bytes wait to be written than `send_buffer_bytes` allows: try again when some are.
    #[error("the send buffer is full")]
    SendBufferFull,
    /// The message is longer than this side sends or the peer accepts.
    #[error("the arguments have {len} bytes, at most {max} can be sent")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The longest that could be sent.
        max: usize,
    },
    /// The metadata are longer than the peer accepts.
    #[error("the metadata have {len} bytes, at most {max} can be sent")]
    MetadataTooLarge {
        /// Their length in bytes.
        len: usize,
        /// The longest that could be sent.
        max: usize,
    },
    /// The peer goes away and takes up no new calls.
    #[error("the peer is going away")]
    Closing,
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
}

/// The answer to a call of the peer.
#[derive(Debug)]
pub struct Reply {
    /// How the call ended.
    pub code: Code,
    /// What the caller may know about trying again.
    pub retry: Retry,
    /// A number of the application's; 0 unless it set one.
    pub app: u16,
    /// Metadata entries as they travel.
    pub metadata: Vec<u8>,
    /// The message; `None` = there is none.
    pub payload: Option<Payload>,
}

impl Reply {
    /// The call succeeded with this result.
    #[must_use]
    pub const fn ok(payload: Payload) -> Self {
        Self {
            code: Code::OK,
            retry: Retry::Unknown,
            app: 0,
            metadata: Vec::new(),
            payload: Some(payload),
        }
    }

    /// The call ended with this code and nothing more is said.
    #[must_use]
    pub const fn empty(code: Code, retry: Retry) -> Self {
        Self { code, retry, app: 0, metadata: Vec::new(), payload: None }
    }

    /// The call failed; texts are cut to `text_bytes_max` each.
    #[must_use]
    pub fn fault(code: Code, retry: Retry, fault: &Fault, text_bytes_max: usize) -> Self {
        let mut bytes = Vec::new();
        fault.encode(text_bytes_max, &mut bytes);
        Self { payload: Some(bytes.into()), ..Self::empty(code, retry) }
    }
}

/// How far the life of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The peer's HELLO has not come; calls may be opened within the floors.
    Opening,
    /// Both may call.
    Open,
    /// A GOAWAY has been sent or received; calls are being finished.
    Draining,
    /// This side sent a GOAWAY, every RESPONSE it owes is in the outbox and its own calls have ended:
    /// write what waits and close.
    Drained,
    /// Nothing more is read. What waits, a GOAWAY at most behind earlier frames, may still be written.
    Closed,
}
