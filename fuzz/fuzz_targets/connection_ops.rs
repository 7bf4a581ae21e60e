//! Any verbs on two machines that are joined by a stream with any cuts.
//!
//! Neither ever finds the other in breach, every call ends once, and no handler runs twice. Input: wishes of
//! three bytes each.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rpc_core::connection::{Connection, Event, Expiry, NewCall, Reply, Transmit};
use rpc_core::frame::CancelReason;
use rpc_core::{CallId, CloseCode, Code, Limits, MethodId, Payload, Retry, Side, Time};
use std::collections::HashSet;

fuzz_target!(|data: &[u8]| {
    let mut ends = [End::new(Side::Dialer), End::new(Side::Acceptor)];
    let mut now = Time::ZERO;
    let mut changes = 0;
    for wish in data.chunks_exact(3) {
        let (verb, side, amount) =
            (wish[0], usize::from(wish[0] >> 7), usize::from(wish[1]) << 8 | usize::from(wish[2]));
        match verb & 0x0f {
            0..=2 => ends[side].call(now, amount, None),
            3 => ends[side].call(now, amount % 64, Some(now.plus_millis(u64::from(wish[2])))),
            4 => ends[side].call(now, amount * 8, None),
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
        }
    }

    fn call(&mut self, now: Time, len: usize, deadline: Option<Time>) {
        let call = NewCall {
            method: MethodId::new(7),
            signature: 0,
            deadline,
            metadata: &[],
            payload: &mut Payload::from(vec![7; len]),
        };
        if let Ok(id) = self.machine.call(now, call, ()) {
            assert!(self.open.insert(id), "the id of an open call was used again");
        }
    }

    fn reply(&mut self, which: usize, len: usize) {
        if !self.running.is_empty() {
            let id = self.running.swap_remove(which % self.running.len());
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
                }
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
            carry(ends, side, now, usize::MAX);
        }
        let quiet =
            |end: &End| !end.machine.has_output() && end.pipe.is_empty() && end.running.is_empty();
        if ends.iter().all(quiet) {
            break;
        }
    }
}
