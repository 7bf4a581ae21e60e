//! The machine in the middle: one connection, both of its directions, and no socket.
//!
//! Bytes, moments and wishes go in; events and bytes come out. Knows no clock, task or waker. This file
//! is its face; `incoming` is what frames do; `caller`, `callee`, `items` and `oneway` are the verbs; `life`
//! is its end.

mod asked;
mod budget;
mod callee;
mod caller;
mod clock;
mod deadlines;
mod event;
mod flow;
mod fragments;
mod gather;
mod incoming;
mod inflow;
mod items;
mod life;
mod oneway;
mod outbox;
mod owed;
mod portion;
mod returning;
mod run;
mod sending;
mod transmit;

pub use event::{
    Event, Expiry, Inbound, ItemRefusal, MethodName, NewCall, Refusal, Refused, Reply, Request,
    RequestShape, Response, Shape, State, Step,
};
pub use portion::Portion;
pub use transmit::Transmit;

use crate::frame::{self, AuthToken, Hello};
use crate::{Limits, ProtocolError, Side, Time};
use asked::Asked;
use budget::Budgets;
use clock::{Clock, NEVER, Silence};
use flow::Flows;
use gather::Gather;
use life::Phase;
use oneway::OneWays;
use outbox::{Left, Outbox};
use owed::{Owed, Stage};
use sending::Cut;

/// Longest time that a deadline may lie ahead.
const DEADLINE_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// Above this many replies that the peer caused without a handler, reading must wait for writing.
const CONTROL_REPLIES_MAX: u32 = 100;

/// One connection, as a machine without a socket. Both sides are the same machine.
///
/// `W` is whatever waits for a call: it is kept in the call's slot and handed back through
/// [`waiter`](Self::waiter) and [`take`](Self::take), so that nobody needs a second table.
///
/// # What goes in
///
/// - [`read`](Self::read) takes one frame from the bytes that have come and returns at most one event,
///   which borrows from those bytes.
/// - [`expire`](Self::expire), when the moment that [`timeout`](Self::timeout) names has come.
/// - The verbs of a caller: [`call`](Self::call), [`take`](Self::take), [`cancel`](Self::cancel).
/// - The verb of a callee: [`reply`](Self::reply), once for each [`Event::Request`].
/// - Of either end of a streaming call: [`item`](Self::item) and [`items`](Self::items),
///   [`finish`](Self::finish), [`consumed`](Self::consumed), [`starving`](Self::starving), and
///   [`stop`](Self::stop) of its callee.
/// - Of one-way calls: [`oneway`](Self::oneway), and [`oneway_done`](Self::oneway_done) once for each
///   [`Event::OneWay`].
/// - Of the connection: [`close`](Self::close), [`fail`](Self::fail) and then [`fail_calls`](Self::fail_calls),
///   [`allow_calls`](Self::allow_calls).
///
/// # What comes out
///
/// After any of these: [`transmit`](Self::transmit) until it returns `false`. Before reading on:
/// [`wants_read`](Self::wants_read). Then [`timeout`](Self::timeout), and [`state`](Self::state) to learn whether
/// to close.
///
/// # What it promises
///
/// Every opened call is answered exactly once: by [`Event::Response`], [`Expiry::Call`] or
/// [`fail_calls`](Self::fail_calls), unless it is cancelled first. Items are told once and in order. No input
/// panics, and none grows the machine beyond its limits: open calls, one message for each of them within the
/// reassembly limit, one item for each stream within its window, and what [`reply`](Self::reply),
/// [`call`](Self::call) and [`item`](Self::item) were given to send. Once warm, a small call allocates nothing.
/// After a breach a GOAWAY is in the outbox and nothing more is read.
///
/// # Example
///
/// ```
/// use rpc_core::connection::{Connection, Event, NewCall, Reply, Shape, Transmit};
/// use rpc_core::{Limits, MethodId, Payload, Side, Time};
///
/// fn written(from: &mut Connection<&str>) -> Vec<u8> {
///     let (mut out, mut bytes) = (Transmit::new(), Vec::new());
///     while from.transmit(&mut out) {
///         bytes.extend_from_slice(out.chunk());
///         out.advance(out.chunk().len());
///     }
///     bytes
/// }
///
/// let now = Time::ZERO;
/// let mut dialer = Connection::new(Side::Dialer, Limits::default(), now);
/// let mut acceptor = Connection::new(Side::Acceptor, Limits::default(), now);
///
/// let call = NewCall {
///     method: MethodId::of("Echo/echo"),
///     signature: 0,
///     deadline: None,
///     metadata: &[],
///     payload: &mut Payload::from(b"hello".to_vec()),
///     shape: Shape::Unary,
/// };
/// let id = dialer.call(now, call, "whoever waits").unwrap();
///
/// let bytes = written(&mut dialer);
/// let hello = acceptor.read(now, &bytes).unwrap();
/// assert_eq!(hello.event, Some(Event::Opened));
/// let Some(Event::Request(request)) = acceptor.read(now, &bytes[hello.consumed..]).unwrap().event else {
///     panic!("the call follows the HELLO");
/// };
/// let echo = request.message.as_slice().to_vec();
/// acceptor.reply(request.id, Reply::ok(Payload::from(echo)));
///
/// let bytes = written(&mut acceptor);
/// let hello = dialer.read(now, &bytes).unwrap();
/// let Some(Event::Response { response, .. }) = dialer.read(now, &bytes[hello.consumed..]).unwrap().event else {
///     panic!("the result follows the HELLO");
/// };
/// assert_eq!(response.message.unwrap().as_slice(), b"hello");
/// assert_eq!(dialer.take(id), Some("whoever waits"));
/// ```
#[derive(Debug)]
pub struct Connection<W> {
    side: Side,
    limits: Limits,
    /// The latest moment that was passed in, for verbs that are not given one.
    now: Time,
    phase: Phase,
    /// What the peer has said, or the floors until then.
    peer: Box<Hello>,
    /// Calls that the peer allows: its HELLO says, its LIMITS change it.
    peer_calls: u32,
    asked: Asked<W>,
    owed: Owed,
    gather: Gather,
    /// Streaming calls only.
    flows: Flows,
    oneways: OneWays,
    outbox: Outbox,
    budgets: Budgets,
    clock: Clock,
    /// Bytes of the frame that is not whole, at the last look.
    partial: usize,
    /// A call was refused as `Busy` since the last event that says to try again.
    starved: bool,
    /// `MoreCalls` is to be told.
    more_calls: bool,
    /// Nothing had come for so long that one side asked for a sign of life.
    silent: bool,
}

/// What a HELLO says beside the limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HelloExtras {
    /// What this side calls itself; empty = it does not say. Cut to 256 bytes.
    pub peer_name: String,
    /// Who this side is; empty = it does not say.
    pub auth_token: AuthToken,
}

impl<W> Connection<W> {
    /// A connection that begins `now`. Its HELLO is in the outbox at once.
    ///
    /// Limits below the floors of the spec are raised to them, for no peer could keep them.
    #[must_use]
    pub fn new(side: Side, limits: Limits, now: Time) -> Self {
        Self::with_hello(side, limits, HelloExtras::default(), now)
    }

    /// As [`new`](Self::new), with a HELLO that says more about this side.
    #[must_use]
    pub fn with_hello(side: Side, limits: Limits, extras: HelloExtras, now: Time) -> Self {
        let limits = within_floors(limits);
        let mut outbox = Outbox::default();
        let HelloExtras { peer_name, auth_token } = extras;
        let hello = Hello { name: peer_name, auth_token, ..Hello::of(&limits) };
        hello.encode(outbox.frames());
        Self {
            side,
            now,
            phase: Phase::default(),
            peer: Box::new(Hello::FLOORS),
            peer_calls: Hello::FLOORS.calls,
            asked: Asked::new(side),
            owed: Owed::new(),
            gather: Gather::new(limits.reassembly_bytes),
            flows: Flows::new(),
            oneways: OneWays::default(),
            outbox,
            budgets: Budgets::new(),
            clock: Clock::new(&limits, now),
            partial: 0,
            starved: false,
            more_calls: false,
            silent: false,
            limits,
        }
    }

    /// Takes the space for messages that come in fragments from `space`, which gives an empty buffer with room
    /// for so many bytes. Without it each message has a new one.
    pub fn take_space_from(&mut self, space: fn(usize) -> Vec<u8>) {
        self.gather.take_space_from(space);
    }

    /// Takes at most one frame from the beginning of `input` and says what it means.
    ///
    /// `input` is everything that has come and is not consumed. A step that consumed nothing and has no event
    /// needs more bytes; asking again costs no more than a look at the head. A step may have an event and
    /// have consumed nothing: read on. After `transmit` has returned `true` read even without input until
    /// there is no event, because room for a large call or for items may have come up.
    ///
    /// # Errors
    ///
    /// The peer broke a rule of the wire. A GOAWAY that says so is in the outbox, the connection is closed;
    /// call [`fail_calls`](Self::fail_calls). Afterwards nothing is consumed.
    #[inline]
    pub fn read<'i>(&mut self, now: Time, input: &'i [u8]) -> Result<Step<'i>, ProtocolError> {
        if self.more_calls && !self.phase.closed {
            (self.more_calls, self.starved) = (false, false);
            return Ok(Step { consumed: 0, event: Some(Event::MoreCalls) });
        }
        if self.flows.is_congested() && !self.is_congested() {
            self.flows.drained();
        }
        if let Some(id) = self.flows.next_ready() {
            return Ok(Step { consumed: 0, event: Some(Event::Writable { id }) });
        }
        if input.is_empty() || self.phase.closed || self.phase.peer_parted {
            return Ok(Step { consumed: 0, event: None });
        }
        self.now = now;
        let step = self.next_frame(now, input);
        if let Err(error) = &step {
            self.shut(error.code(), error.reason());
        }
        step
    }

    fn next_frame<'i>(&mut self, now: Time, input: &'i [u8]) -> Result<Step<'i>, ProtocolError> {
        if !self.phase.opened {
            frame::judge_first(input)?;
        }
        let Some((head, body)) = frame::cut(input, self.limits.frame_bytes)? else {
            if input.len() > self.partial {
                self.clock.heard(now);
            }
            self.partial = input.len();
            return Ok(Step { consumed: 0, event: None });
        };
        self.partial = 0;
        self.clock.heard(now);
        let consumed = frame::HEAD_BYTES + body.len();
        let event = match head.kind {
            // The two frames of a call are not carried about as one of many.
            frame::kind::REQUEST => self.on_request(now, frame::Request::decode(&head, body)?)?,
            frame::kind::RESPONSE => {
                self.on_response(now, frame::Response::decode(&head, body)?)?
            }
            _ => self.handle(now, frame::decode_body(&head, body)?)?,
        };
        Ok(Step { consumed, event })
    }

    /// What has expired by `now`. Call until `None` when the moment of [`timeout`](Self::timeout) has come.
    pub fn expire(&mut self, now: Time) -> Option<Expiry> {
        if self.phase.closed {
            return None;
        }
        self.now = now;
        let silence = self.clock.expire(now);
        self.silent |= matches!(silence, Some(Silence::Ping(_)));
        match silence {
            None => {}
            Some(Silence::Ping(_)) if self.phase.parted => {}
            Some(Silence::Ping(token)) => frame::encode_ping(token, self.outbox.frames()),
            Some(Silence::NoHello) => return Some(self.silent("the peer sent no HELLO in time")),
            Some(Silence::NoAnswer) => {
                return Some(self.silent("the peer did not answer a PING in time"));
            }
        }
        self.send_deferred_cancels();
        if let Some(id) = self.expire_asked(now) {
            return Some(Expiry::Call { id });
        }
        self.expire_owed(now).map(|id| Expiry::Served { id })
    }

    /// Before this moment nothing expires; it may come without anything having expired. `None` = never.
    #[must_use]
    pub fn timeout(&self) -> Option<Time> {
        if self.phase.closed {
            return None;
        }
        let mut next = self.clock.next();
        next = next.min(self.asked.deadlines.next());
        next = next.min(self.owed.deadlines.next());
        if self.asked.has_deferred() {
            next = next.min(self.budgets.own_cancels.next());
        }
        (next != NEVER).then_some(next)
    }

    /// Changes how many unary calls of the peer may be open, and tells the peer. Calls beyond the new
    /// limit that are on their way are refused; open ones go on.
    ///
    /// Spec: `conn.limits.bind`.
    pub fn allow_calls(&mut self, calls: u32) {
        self.limits.calls = calls;
        if !self.phase.closed && !self.phase.parted {
            self.outbox.call_limit(calls);
        }
    }

    /// What the peer's HELLO said, once it has come.
    #[must_use]
    pub fn peer(&self) -> Option<&Hello> {
        self.phase.opened.then_some(&*self.peer)
    }

    /// The token of the peer's HELLO; empty if it sent none or it was taken before. It stays here no longer
    /// than it is needed.
    pub fn take_auth_token(&mut self) -> AuthToken {
        std::mem::take(&mut self.peer.auth_token)
    }

    /// The limits of this side, as they bind the peer.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Calls of this side whose RESPONSE is due, cancelled ones included.
    #[must_use]
    pub const fn open_calls(&self) -> usize {
        self.asked.due()
    }

    /// Calls of the peer whose RESPONSE is not wholly handed to `transmit`.
    #[must_use]
    pub fn served_calls(&self) -> usize {
        self.owed.len()
    }

    /// How many of [`open_calls`](Self::open_calls) are streaming calls.
    #[must_use]
    pub const fn open_streams(&self) -> usize {
        self.asked.due_streams()
    }

    /// How many of [`served_calls`](Self::served_calls) are streaming calls.
    #[must_use]
    pub const fn served_streams(&self) -> usize {
        self.owed.streams()
    }

    /// Moves what should be written next into `out`: all small frames, then at most two frames of large
    /// messages, which take turns. `false` = there is nothing.
    ///
    /// While `out` is not written to its end it is left as it is and `true` is returned.
    pub fn transmit(&mut self, out: &mut Transmit) -> bool {
        if !out.is_empty() {
            return true;
        }
        if !self.outbox.has_output() {
            self.outbox.rest(out);
            return false;
        }
        let cut = self.cut();
        for left in self.outbox.transmit(cut, &mut self.flows, out).into_iter().flatten() {
            self.left(left);
        }
        true
    }

    /// Whether a side has asked the other for a sign of life since this was asked last: time for
    /// [`shrink`](Self::shrink), if no call is open.
    pub const fn take_silence(&mut self) -> bool {
        std::mem::replace(&mut self.silent, false)
    }

    /// Gives back what bursts have left in its tables, and in `out`. For a connection on which nothing
    /// happens: whatever comes next must make it anew.
    pub fn shrink(&mut self, out: &mut Transmit) {
        self.asked.shrink();
        self.owed.shrink();
        self.flows.shrink();
        self.outbox.shrink(out);
    }

    /// Whether [`transmit`](Self::transmit) has something.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.outbox.has_output()
    }

    /// Bytes that wait for [`transmit`](Self::transmit).
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.outbox.unsent_bytes()
    }

    /// Whether the socket should be read. `false` while more than 100 replies that the peer caused without
    /// a handler wait to be written, and after the end.
    #[must_use]
    pub const fn wants_read(&self) -> bool {
        !self.phase.closed
            && !self.phase.peer_parted
            && self.outbox.control_replies() <= CONTROL_REPLIES_MAX
    }

    /// What the peer accepts of a message, and this side is willing to send in one frame.
    fn cut(&self) -> Cut {
        Cut {
            frame_bytes: self.peer.frame_bytes.min(self.limits.frame_bytes) as usize,
            reassembly_bytes: self.peer.reassembly_bytes as usize,
        }
    }

    /// The longest message that can be sent when `overhead` bytes stand before it in its only frame.
    fn message_max(&self, overhead: usize, len: usize) -> usize {
        let max = self.peer.message_bytes.min(self.limits.message_bytes) as usize;
        let cut = self.cut();
        if overhead + len <= cut.frame_bytes { max } else { max.min(cut.reassembly_bytes) }
    }

    /// The longest metadata that can be sent, with room for a head's fields and one byte of message.
    fn metadata_max(&self) -> usize {
        const FIELDS_AND_ONE_BYTE: usize = 8 + 4 + 4 + 1;
        let room = self.cut().frame_bytes.saturating_sub(FIELDS_AND_ONE_BYTE);
        (self.peer.metadata_bytes as usize).min(usize::from(u16::MAX)).min(room)
    }

    fn is_congested(&self) -> bool {
        self.outbox.unsent_bytes() >= self.limits.send_buffer_bytes
    }

    fn left(&mut self, left: Left) {
        match left {
            Left::Request => {}
            Left::Reply(id) => self.end_owed(id),
            Left::Opening(id) | Left::Item(id) => {
                if let Some(flow) = self.flows.get_mut(id) {
                    flow.out.sending = None;
                }
                self.flows.tell(id);
            }
        }
        if !matches!(left, Left::Item(_)) {
            self.message_left();
        }
    }

    /// A large message has left the outbox: another may begin.
    fn message_left(&mut self) {
        self.more_calls |= self.starved;
    }
}

/// No peer may be held to less than the floors, nor can it be told of more than the head can say.
fn within_floors(mut limits: Limits) -> Limits {
    limits.frame_bytes =
        limits.frame_bytes.clamp(Limits::FLOOR_FRAME_BYTES, Limits::FRAME_BYTES_CEILING);
    limits.metadata_bytes = limits.metadata_bytes.max(Limits::FLOOR_METADATA_BYTES);
    limits.window_bytes = limits.window_bytes.max(Limits::FLOOR_WINDOW_BYTES);
    limits.reassembly_bytes = limits.reassembly_bytes.max(Limits::FLOOR_REASSEMBLY_BYTES);
    limits
}
