//! The machine: two of them, and bytes that are carried by hand. No lock, no task, no socket.

use rpc_core::connection::{Connection, Event, NewCall, Reply, Shape, Transmit};
use rpc_core::{CallId, Limits, MethodId, Payload, Side, Time};

/// Two machines that have greeted each other, and what is on the way between them.
#[derive(Debug)]
pub struct Pair {
    method: MethodId,
    dialer: Connection<u32>,
    acceptor: Connection<u32>,
    out: Transmit,
    wire: Vec<u8>,
    requests: Vec<CallId>,
    answered: Vec<CallId>,
}

impl Default for Pair {
    fn default() -> Self {
        Self::new()
    }
}

impl Pair {
    /// Both have the other's HELLO.
    #[must_use]
    pub fn new() -> Self {
        let machine = |side| Connection::new(side, Limits::default(), Time::ZERO);
        let mut pair = Self {
            method: MethodId::of("Bench/text"),
            dialer: machine(Side::Dialer),
            acceptor: machine(Side::Acceptor),
            out: Transmit::new(),
            wire: Vec::new(),
            requests: Vec::new(),
            answered: Vec::new(),
        };
        pair.carry(true);
        pair.carry(false);
        pair
    }

    /// As [`new`](Self::new), with tables that have grown to so many calls at the same time.
    #[must_use]
    pub fn warm(calls: usize) -> Self {
        let mut pair = Self::new();
        pair.calls(4, calls);
        pair
    }

    /// `batches` times: `calls` calls with a text of 32 bytes are opened, sent together, and answered
    /// together.
    ///
    /// # Panics
    ///
    /// If one of them is not answered.
    pub fn calls(&mut self, batches: usize, calls: usize) {
        let mut argument = Payload::with_buffer(Vec::new());
        let text = |out: &mut Vec<u8>| {
            out.extend_from_slice(&32u64.to_be_bytes());
            out.extend_from_slice(&[b'a'; 32]);
            Ok::<_, std::convert::Infallible>(())
        };
        let _ = argument.append(text);
        for _ in 0..batches {
            for n in 0..calls {
                let call = NewCall {
                    method: self.method,
                    signature: 7,
                    deadline: Some(Time::from_millis(30_000)),
                    metadata: &[],
                    payload: &mut argument,
                    shape: Shape::Unary,
                };
                let waiter = u32::try_from(n).unwrap_or_default();
                self.dialer.call(Time::ZERO, call, waiter).expect("fewer calls than the limit");
            }
            self.carry(true);
            for id in std::mem::take(&mut self.requests) {
                let mut result = Payload::with_buffer(Vec::new());
                let _ = result.append(text);
                self.acceptor.reply(id, Reply::ok(result));
            }
            self.carry(false);
            assert_eq!(self.answered.len(), calls, "every call is answered");
            for id in self.answered.drain(..) {
                self.dialer.take(id);
            }
        }
    }

    /// Carries what one machine has written to the other.
    fn carry(&mut self, from_dialer: bool) {
        let (from, to) = match from_dialer {
            true => (&mut self.dialer, &mut self.acceptor),
            false => (&mut self.acceptor, &mut self.dialer),
        };
        self.wire.clear();
        loop {
            let more = from.transmit(&mut self.out);
            while !self.out.is_empty() {
                let len = self.out.chunk().len();
                self.wire.extend_from_slice(self.out.chunk());
                self.out.advance(len);
            }
            if !more {
                break;
            }
        }
        let mut rest = self.wire.as_slice();
        loop {
            let step = to.read(Time::ZERO, rest).expect("both keep the rules");
            rest = rest.get(step.consumed..).unwrap_or_default();
            match step.event {
                Some(Event::Request(request)) => self.requests.push(request.id),
                Some(Event::Response { id, .. }) => self.answered.push(id),
                Some(_) => {}
                None if step.consumed == 0 => break,
                None => {}
            }
        }
    }
}
