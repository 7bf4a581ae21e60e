//! Any verbs on two machines that are joined by a stream with any cuts.
//!
//! Neither ever finds the other in breach, every call ends once, no handler runs twice, and what comes of a
//! stream is a beginning of what was sent. Input: wishes of three bytes each.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rpc_core::connection::{
    Connection, Event, Expiry, NewCall, Reply, RequestShape, Shape, Transmit,
};
use rpc_core::frame::CancelReason;
use rpc_core::{CallId, CloseCode, Code, Limits, MethodId, Payload, Retry, Side, Time};
use std::collections::{BTreeMap, HashSet, VecDeque};

fuzz_target!(|data: &[u8]| {
    let mut ends = [End::new(Side::Dialer), End::new(Side::Acceptor)];
    let mut now = Time::ZERO;
    let mut changes = 0;
    for wish in data.chunks_exact(3) {
        let (verb, side, amount) =
            (wish[0], usize::from(wish[0] >> 7), usize::from(wish[1]) << 8 | usize::from(wish[2]));
        match verb & 0x1f {
            0..=2 => ends[side].call(now, amount, None, false),
            3 => {
                ends[side].call(now, amount % 64, Some(now.plus_millis(u64::from(wish[2]))), false)
            }
            4 => ends[side].call(now, amount * 8, None, false),
            16 => ends[side].call(now, amount, None, true),
            17 => {
                ends[side].call(now, amount % 64, Some(now.plus_millis(u64::from(wish[2]))), true)
            }
            18 | 19 => ends[side].item(wish[1], usize::from(wish[2]), false),
            20 => ends[side].item(wish[1], usize::from(wish[2]) * 1_000, wish[2] % 16 == 0),
            21 => ends[side].finish(wish[1]),
            22 => ends[side].stop(wish[1]),
            23 | 24 => ends[side].consume(wish[1]),
            25 => ends[side].oneway(now, amount),
            26 => ends[side].oneways_done(),
            5 | 6 => ends[side].reply(amount, amount % 97),
            7 => ends[side].reply(amount, amount * 8),
            8 => ends[side].cancel(amount),
            9 => now = now.plus_millis(u64::from(wish[2])),
            // More of them at once would be a flood.
            10 if changes < 50 => {
                changes += 1;
                ends[side].machine.allow_calls(u32::from(wish[2] % 16));
            }
            11 if wish[1] == 0 => ends[side].machine.close(CloseCode::GRACEFUL, "done"),
            12 => ends[side].shrink(),
            _ => carry(&mut ends, side, now, amount),
        }
        for end in &mut ends {
            end.expire(now);
        }
    }
    settle(&mut ends, now);
    for end in &ends {
        assert!(end.open.is_empty(), "calls that never ended: {:?}", end.open);
        assert_eq!((end.machine.open_calls(), end.machine.served_calls()), (0, 0));
        assert_eq!(end.machine.unsent_bytes(), 0);
    }
    for (from, to) in [(0, 1), (1, 0)] {
        for (id, there) in &ends[to].streams {
            let sent = ends[from].streams.get(id).map_or(&[][..], |stream| &stream.sent);
            assert!(sent.starts_with(&there.came), "items of {id} are lost or in disorder");
        }
    }
});

/// The default limits, but silence is no fault here: nobody carries bytes while time goes on.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.hello_ms = u64::MAX;
    limits.keepalive_after_ms = u64::MAX;
    limits
}

struct End {
    machine: Connection<()>,
    out: Transmit,
    pipe: Vec<u8>,
    unread: Vec<u8>,
    open: HashSet<CallId>,
    ran: HashSet<CallId>,
    running: Vec<CallId>,
    /// Streaming calls of both sides, by the numbers of their ids.
    streams: BTreeMap<u32, Stream>,
    oneways: Vec<u32>,
}

/// The items of one streaming call, as one of its sides sees them.
struct Stream {
    sends: bool,
    sent: Vec<usize>,
    came: Vec<usize>,
    unconsumed: VecDeque<u32>,
}

impl Stream {
    fn new(sends: bool) -> Self {
        Self { sends, sent: Vec::new(), came: Vec::new(), unconsumed: VecDeque::new() }
    }
}

/// Who sends items on a streaming call, told by the length of its arguments: the caller, the callee.
fn senders(args_len: usize) -> (bool, bool) {
    [(true, false), (false, true), (true, true)][args_len % 3]
}

impl End {
    fn new(side: Side) -> Self {
        Self {
            machine: Connection::new(side, limits(), Time::ZERO),
            out: Transmit::new(),
            pipe: Vec::new(),
            unread: Vec::new(),
            open: HashSet::new(),
            ran: HashSet::new(),
            running: Vec::new(),
            streams: BTreeMap::new(),
            oneways: Vec::new(),
        }
    }

    /// At any moment, not only in silence.
    fn shrink(&mut self) {
        self.machine.shrink(&mut self.out);
    }

    fn call(&mut self, now: Time, len: usize, deadline: Option<Time>, streams: bool) {
        let (items_out, items_in) = senders(len);
        let call = NewCall {
            method: MethodId::new(7),
            signature: 0,
            deadline,
            metadata: &[],
            payload: &mut Payload::from(vec![7; len]),
            shape: if streams { Shape::Stream { items_out, items_in } } else { Shape::Unary },
        };
        if let Ok(id) = self.machine.call(now, call, ()) {
            assert!(self.open.insert(id), "the id of an open call was used again");
            if streams {
                self.streams.insert(id.get(), Stream::new(items_out));
            }
        }
    }

    fn nth(&mut self, which: u8) -> Option<(CallId, &mut Stream)> {
        let nth = usize::from(which) % self.streams.len().max(1);
        self.streams.iter_mut().nth(nth).map(|(id, stream)| (CallId::new(*id), stream))
    }

    fn item(&mut self, which: u8, len: usize, last: bool) {
        let Some((id, _)) = self.nth(which).filter(|(_, stream)| stream.sends) else { return };
        let mut payload = Payload::from(vec![9; len]);
        if self.machine.item(id, &mut payload, last).is_ok() {
            self.streams.get_mut(&id.get()).expect("it was found").sent.push(len);
        }
    }

    fn finish(&mut self, which: u8) {
        if let Some((id, _)) = self.nth(which) {
            self.machine.finish(id);
        }
    }

    fn stop(&mut self, which: u8) {
        if let Some((id, _)) = self.nth(which) {
            self.machine.stop(id);
        }
    }

    fn consume(&mut self, which: u8) {
        let Some((id, stream)) = self.nth(which) else { return };
        match stream.unconsumed.pop_front() {
            Some(cost) => self.machine.consumed(id, cost),
            None => self.machine.starving(id),
        }
    }

    fn consume_all(&mut self) {
        for (id, stream) in &mut self.streams {
            for cost in stream.unconsumed.drain(..) {
                self.machine.consumed(CallId::new(*id), cost);
            }
            self.machine.starving(CallId::new(*id));
        }
        self.oneways_done();
    }

    fn oneway(&mut self, now: Time, len: usize) {
        let call = NewCall {
            method: MethodId::new(7),
            signature: 0,
            deadline: None,
            metadata: &[],
            payload: &mut Payload::from(vec![7; len]),
            shape: Shape::Unary,
        };
        // A refusal is as good.
        let _ = self.machine.oneway(now, call);
    }

    fn oneways_done(&mut self) {
        for cost in self.oneways.drain(..) {
            self.machine.oneway_done(cost);
        }
    }

    fn reply(&mut self, which: usize, len: usize) {
        if !self.running.is_empty() {
            let id = self.running.swap_remove(which % self.running.len());
            // The last word behind items is short.
            let sends = self.streams.get(&id.get()).is_some_and(|stream| stream.sends);
            let len = if sends { 0 } else { len };
            self.machine.reply(id, Reply::ok(Payload::from(vec![8; len])));
        }
    }

    fn cancel(&mut self, which: usize) {
        let mut open: Vec<_> = self.open.iter().copied().collect();
        open.sort_by_key(|id| id.get());
        if let Some(id) = open.get(which % open.len().max(1)) {
            assert!(self.machine.cancel(*id, CancelReason::DROPPED).is_some());
            self.open.remove(id);
        }
    }

    fn ends(&mut self, id: CallId) {
        assert!(self.open.remove(&id), "a call ended twice");
        assert!(self.machine.take(id).is_some());
    }

    fn gives_up(&mut self, id: CallId, code: Code) {
        self.running.retain(|running| *running != id);
        self.machine.reply(id, Reply::empty(code, Retry::Unknown));
    }

    fn expire(&mut self, now: Time) {
        while let Some(expiry) = self.machine.expire(now) {
            match expiry {
                Expiry::Call { id } => self.ends(id),
                Expiry::Served { id } => self.gives_up(id, Code::DEADLINE_EXCEEDED),
                Expiry::Connection(error) => panic!("{error}"),
            }
        }
    }

    fn read(&mut self, now: Time, bytes: &[u8]) {
        let mut input = std::mem::take(&mut self.unread);
        input.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            let step =
                self.machine.read(now, &input[at..]).expect("the other side keeps the rules");
            at += step.consumed;
            match step.event {
                None if step.consumed == 0 => break,
                None | Some(Event::Opened | Event::MoreCalls) => {}
                Some(Event::Request(request)) => {
                    assert!(self.ran.insert(request.id), "a handler ran twice");
                    self.running.push(request.id);
                    if request.shape != RequestShape::Unary {
                        let (_, sends) = senders(request.message.as_slice().len());
                        self.streams.insert(request.id.get(), Stream::new(sends));
                    }
                }
                Some(Event::OneWay { cost, .. }) => self.oneways.push(cost),
                Some(Event::Item { id, message, cost, .. }) => {
                    let stream = self.streams.get_mut(&id.get()).expect("its call is open");
                    stream.came.push(message.as_slice().len());
                    stream.unconsumed.push_back(cost);
                    let held: u32 = stream.unconsumed.iter().sum();
                    assert!(held <= Limits::FLOOR_WINDOW_BYTES, "more than a window is unread");
                }
                Some(Event::End { .. } | Event::Writable { .. } | Event::Stopped { .. }) => {}
                Some(Event::Response { id, .. }) => self.ends(id),
                Some(Event::Cancelled { id }) => self.gives_up(id, Code::CANCELLED),
                Some(Event::GoAway { .. }) => {
                    let mut lost = Vec::new();
                    self.machine.fail_calls(|id, _, _| lost.push(id));
                    lost.into_iter().for_each(|id| self.ends(id));
                }
            }
        }
        self.unread = input.split_off(at);
    }
}

/// Writes one batch of a side and carries some of what is written.
fn carry(ends: &mut [End; 2], side: usize, now: Time, bytes: usize) {
    let end = &mut ends[side];
    if end.machine.transmit(&mut end.out) {
        while !end.out.is_empty() {
            end.pipe.extend_from_slice(end.out.chunk());
            end.out.advance(end.out.chunk().len());
        }
    }
    let arrived: Vec<u8> = end.pipe.drain(..bytes.min(end.pipe.len())).collect();
    ends[1 - side].read(now, &arrived);
}

/// Everything is answered, written and carried.
fn settle(ends: &mut [End; 2], now: Time) {
    loop {
        for side in [0, 1] {
            while !ends[side].running.is_empty() {
                ends[side].reply(0, 1);
            }
            ends[side].consume_all();
            carry(ends, side, now, usize::MAX);
        }
        // What came and is not consumed yet holds credit that the other side may wait for.
        let quiet = |end: &End| {
            !end.machine.has_output()
                && end.pipe.is_empty()
                && end.running.is_empty()
                && end.oneways.is_empty()
                && end.streams.values().all(|stream| stream.unconsumed.is_empty())
        };
        if ends.iter().all(quiet) {
            break;
        }
    }
}
