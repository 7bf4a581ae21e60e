//! Two machines, one clock, and bytes that are carried by hand.

use crate::wire;
use rpc_core::connection::{
    Connection, Event, Expiry, ItemRefusal, NewCall, Refusal, Reply, RequestShape, Shape, Transmit,
};
use rpc_core::frame::{CancelReason, split_judged};
use rpc_core::{
    CallId, CloseCode, Code, Executed, Limits, MethodId, Payload, ProtocolError, Retry, Side, Time,
};

/// What a machine said, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Opened,
    Request { id: u32, message: Vec<u8> },
    Stream { id: u32, message: Vec<u8>, ended: bool },
    OneWay { message: Vec<u8>, cost: u32 },
    Item { id: u32, message: Vec<u8>, cost: u32, last: bool },
    End(u32),
    Writable(u32),
    Stopped(u32),
    Response { id: u32, code: Code, message: Option<Vec<u8>> },
    Cancelled(u32),
    GoAway(CloseCode, String),
    MoreCalls,
    Broken(CloseCode),
    CallExpired(u32),
    ServedExpired(u32),
    Silent(CloseCode),
    Failed(u32, Executed),
}

/// One machine and what it has said.
pub(crate) struct End {
    pub(crate) machine: Connection<u32>,
    pub(crate) now: Time,
    pub(crate) told: Vec<Told>,
    out: Transmit,
    inbox: Vec<u8>,
    /// What follows an item was taken in one go the last time.
    runs: bool,
}

impl End {
    pub(crate) fn new(side: Side, limits: Limits) -> Self {
        Self {
            machine: Connection::new(side, limits, Time::ZERO),
            now: Time::ZERO,
            told: Vec::new(),
            out: Transmit::new(),
            inbox: Vec::new(),
            runs: false,
        }
    }

    /// A machine that has seen a HELLO without tags; its own HELLO is taken away.
    pub(crate) fn open(side: Side) -> Self {
        Self::open_with(side, Limits::default())
    }

    pub(crate) fn open_with(side: Side, limits: Limits) -> Self {
        let mut end = Self::new(side, limits);
        end.feed(&wire::hello());
        assert_eq!(end.news(), [Told::Opened]);
        assert_eq!(end.frames().first().map(|hello| hello.kind), Some(1));
        end
    }

    /// Everything the machine wants to write now.
    pub(crate) fn written(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.batch(&mut bytes) {}
        bytes
    }

    /// One batch of what the machine wants to write.
    pub(crate) fn batch(&mut self, bytes: &mut Vec<u8>) -> bool {
        let more = self.machine.transmit(&mut self.out);
        while !self.out.is_empty() {
            bytes.extend(self.out.chunk());
            self.out.advance(self.out.chunk().len());
        }
        more
    }

    /// Everything the machine wants to write now, as frames.
    pub(crate) fn frames(&mut self) -> Vec<wire::Seen> {
        wire::frames(&self.written())
    }

    /// Gives bytes to the machine; what it says is kept in `told`.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.inbox.extend(bytes);
        let inbox = std::mem::take(&mut self.inbox);
        let mut rest = inbox.as_slice();
        loop {
            match self.machine.read(self.now, rest) {
                Ok(step) => {
                    assert!(step.consumed <= rest.len());
                    rest = &rest[step.consumed..];
                    let done = step.consumed == 0 && step.event.is_none();
                    self.told.extend(step.event.map(owned));
                    if let Some(Told::Item { id, .. }) = self.told.last() {
                        rest = self.more_items(*id, rest);
                    }
                    if done {
                        break;
                    }
                }
                Err(error) => {
                    self.told.push(Told::Broken(error.code()));
                    break;
                }
            }
        }
        self.inbox = rest.to_vec();
    }

    /// Takes the items of this call that follow in one go, every other time. Returns what is behind them.
    fn more_items<'i>(&mut self, id: u32, rest: &'i [u8]) -> &'i [u8] {
        self.runs = !self.runs;
        if !self.runs {
            return rest;
        }
        let mut frames = self.machine.more_items(CallId::new(id), rest);
        let behind = &rest[frames.len()..];
        while let Some((body, others)) = split_judged(frames) {
            self.told.push(item(id, body));
            frames = others;
        }
        behind
    }

    /// What the machine said since the last look.
    pub(crate) fn news(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    /// Opens a call of method 7.
    pub(crate) fn call(&mut self, payload: &[u8]) -> Result<u32, Refusal> {
        self.call_until(payload, None)
    }

    pub(crate) fn call_until(
        &mut self,
        payload: &[u8],
        deadline: Option<Time>,
    ) -> Result<u32, Refusal> {
        self.call_with(payload, deadline, &[])
    }

    pub(crate) fn call_with(
        &mut self,
        payload: &[u8],
        deadline: Option<Time>,
        metadata: &[u8],
    ) -> Result<u32, Refusal> {
        self.call_as(Shape::Unary, payload, deadline, metadata)
    }

    /// Opens a streaming call with these arguments.
    pub(crate) fn stream(&mut self, shape: Shape, payload: &[u8]) -> Result<u32, Refusal> {
        self.call_as(shape, payload, None, &[])
    }

    pub(crate) fn call_as(
        &mut self,
        shape: Shape,
        payload: &[u8],
        deadline: Option<Time>,
        metadata: &[u8],
    ) -> Result<u32, Refusal> {
        let call = NewCall {
            method: MethodId::new(7),
            signature: 0,
            deadline,
            metadata,
            payload: &mut Payload::from(payload.to_vec()),
            shape,
        };
        let id = self.machine.call(self.now, call, 0);
        let id = id.map_err(|refused| refused.reason)?;
        *self.machine.waiter(id).unwrap() = id.get();
        Ok(id.get())
    }

    pub(crate) fn item(&mut self, id: u32, payload: &[u8]) -> Result<(), ItemRefusal> {
        self.machine.item(CallId::new(id), &mut Payload::from(payload.to_vec()), false)
    }

    pub(crate) fn last_item(&mut self, id: u32, payload: &[u8]) -> Result<(), ItemRefusal> {
        self.machine.item(CallId::new(id), &mut Payload::from(payload.to_vec()), true)
    }

    pub(crate) fn finish(&mut self, id: u32) {
        self.machine.finish(CallId::new(id));
    }

    pub(crate) fn stop(&mut self, id: u32) -> bool {
        self.machine.stop(CallId::new(id))
    }

    pub(crate) fn consumed(&mut self, id: u32, cost: u32) {
        self.machine.consumed(CallId::new(id), cost);
    }

    pub(crate) fn starving(&mut self, id: u32) {
        self.machine.starving(CallId::new(id));
    }

    /// Sends a one-way call of method 7.
    pub(crate) fn oneway(&mut self, payload: &[u8]) -> Result<u64, Refusal> {
        let call = NewCall {
            method: MethodId::new(7),
            signature: 0,
            deadline: None,
            metadata: &[],
            payload: &mut Payload::from(payload.to_vec()),
            shape: Shape::Unary,
        };
        self.machine.oneway(self.now, call)
    }

    pub(crate) fn reply(&mut self, id: u32, payload: &[u8]) {
        let reply = Reply::ok(Payload::from(payload.to_vec()));
        self.machine.reply(CallId::new(id), reply);
    }

    pub(crate) fn reply_code(&mut self, id: u32, code: Code) {
        let reply = Reply::empty(code, Retry::Unknown);
        self.machine.reply(CallId::new(id), reply);
    }

    /// Whether the waiter of this call was kept and is answered; the slot is free afterwards.
    pub(crate) fn take(&mut self, id: u32) -> bool {
        let waiter = self.machine.take(CallId::new(id));
        assert!(waiter.is_none_or(|waiter| waiter == id));
        waiter.is_some()
    }

    pub(crate) fn cancel(&mut self, id: u32) -> bool {
        let id = CallId::new(id);
        self.machine.cancel(id, CancelReason::DROPPED).is_some()
    }

    pub(crate) fn fail_calls(&mut self) {
        let told = &mut self.told;
        self.machine.fail_calls(|id, waiter, executed| {
            assert_eq!(*waiter, id.get());
            told.push(Told::Failed(id.get(), executed));
        });
    }

    /// Time goes on and everything that is due expires.
    pub(crate) fn advance(&mut self, ms: u64) {
        self.now = self.now.plus_millis(ms);
        while let Some(expiry) = self.machine.expire(self.now) {
            self.told.push(match expiry {
                Expiry::Call { id } => Told::CallExpired(id.get()),
                Expiry::Served { id } => Told::ServedExpired(id.get()),
                Expiry::Connection(error) => Told::Silent(error.code()),
            });
        }
    }

    /// Asserts that the peer broke a rule: GOAWAY with this code is all that is written, and nothing more
    /// is read.
    #[track_caller]
    pub(crate) fn is_broken(&mut self, code: CloseCode) {
        assert_eq!(self.news().last(), Some(&Told::Broken(code)));
        let frames = self.frames();
        let goaway = frames.last().unwrap();
        assert_eq!(goaway.kind, 9);
        assert_eq!(goaway.body[..4], code.number().to_be_bytes());
        assert!((5..=260).contains(&goaway.body.len()), "a reason is given");
        let ping = wire::ping(1);
        let step = self.machine.read(self.now, &ping).unwrap();
        assert_eq!((step.consumed, step.event), (0, None));
        assert_eq!(self.machine.timeout(), None);
    }
}

fn owned(event: Event<'_>) -> Told {
    match event {
        Event::Opened => Told::Opened,
        Event::Request(request) => {
            let (id, message) = (request.id.get(), request.message.as_slice().to_vec());
            match request.shape {
                RequestShape::Unary => Told::Request { id, message },
                RequestShape::Stream { ended } => Told::Stream { id, message, ended },
            }
        }
        Event::OneWay { request, cost } => {
            Told::OneWay { message: request.message.as_slice().to_vec(), cost }
        }
        Event::Item { id, message, cost, last } => {
            Told::Item { id: id.get(), message: message.as_slice().to_vec(), cost, last }
        }
        Event::End { id } => Told::End(id.get()),
        Event::Writable { id } => Told::Writable(id.get()),
        Event::Stopped { id } => Told::Stopped(id.get()),
        Event::Response { id, response } => Told::Response {
            id: id.get(),
            code: response.code,
            message: response.message.map(|bytes| bytes.as_slice().to_vec()),
        },
        Event::Cancelled { id } => Told::Cancelled(id.get()),
        Event::GoAway { code, reason } => Told::GoAway(code, reason),
        Event::MoreCalls => Told::MoreCalls,
    }
}

/// Both ends of one connection.
pub(crate) struct Pair {
    pub(crate) dialer: End,
    pub(crate) acceptor: End,
}

impl Pair {
    /// Two machines that have not spoken.
    pub(crate) fn new() -> Self {
        Self::with(Limits::default(), Limits::default())
    }

    pub(crate) fn with(dialer: Limits, acceptor: Limits) -> Self {
        Self {
            dialer: End::new(Side::Dialer, dialer),
            acceptor: End::new(Side::Acceptor, acceptor),
        }
    }

    /// Two machines that have exchanged their HELLOs.
    pub(crate) fn open() -> Self {
        let mut pair = Self::new();
        pair.exchange();
        assert_eq!(pair.dialer.news(), [Told::Opened]);
        assert_eq!(pair.acceptor.news(), [Told::Opened]);
        pair
    }

    /// Carries bytes both ways until none are left.
    pub(crate) fn exchange(&mut self) {
        loop {
            let there = self.dialer.written();
            self.acceptor.feed(&there);
            let back = self.acceptor.written();
            self.dialer.feed(&back);
            if there.is_empty() && back.is_empty() {
                break;
            }
        }
    }

    pub(crate) fn advance(&mut self, ms: u64) {
        self.dialer.advance(ms);
        self.acceptor.advance(ms);
    }
}

/// What a caller is told of a result.
pub(crate) fn answered(id: u32, message: &[u8]) -> Told {
    Told::Response { id, code: Code::OK, message: Some(message.to_vec()) }
}

/// What a callee is told of a request.
pub(crate) fn asked(id: u32, message: &[u8]) -> Told {
    Told::Request { id, message: message.to_vec() }
}

/// Limits that differ from the defaults.
pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

/// The breach that these bytes are, when a machine of this side that is open reads them.
pub(crate) fn breach(side: Side, bytes: &[u8]) -> Result<(), ProtocolError> {
    let mut end = End::open(side);
    let mut rest = bytes;
    loop {
        let step = end.machine.read(Time::ZERO, rest)?;
        if step.consumed == 0 {
            return Ok(());
        }
        rest = &rest[step.consumed..];
    }
}

/// The caller sends items and gets none.
pub(crate) const UPLOAD: Shape = Shape::Stream { items_out: true, items_in: false };
/// The callee sends items.
pub(crate) const DOWNLOAD: Shape = Shape::Stream { items_out: false, items_in: true };
/// Both send items.
pub(crate) const DUPLEX: Shape = Shape::Stream { items_out: true, items_in: true };

/// What an end is told of an item that came in one frame.
pub(crate) fn item(id: u32, message: &[u8]) -> Told {
    let cost = 16 + u32::try_from(message.len()).unwrap();
    Told::Item { id, message: message.to_vec(), cost, last: false }
}

/// As `item`, with END on it.
pub(crate) fn last_item(id: u32, message: &[u8]) -> Told {
    let cost = 16 + u32::try_from(message.len()).unwrap();
    Told::Item { id, message: message.to_vec(), cost, last: true }
}

/// What a callee is told of a streaming request whose caller sends items.
pub(crate) fn streams(id: u32, message: &[u8]) -> Told {
    Told::Stream { id, message: message.to_vec(), ended: false }
}
