//! One connection of the service without I/O: bytes in, bytes out, and the time.
//!
//! The machine of `rpc-core` keeps the rules of the wire; here stands only what the service answers. Who has the
//! socket, and how it waits for it, is told elsewhere: `threads` blocks, `poll_loop` polls.

use super::words::{MyWords, WordsServer, add, shout};
use hton::archive::{DecodeError, DecodeLimits, from_slice, to_vec};
use hton::{Code, Limits, Retry, Service, Side};
use rpc_core::connection::{
    Connection, Event, MethodName, Reply, Request, RequestShape, State, Transmit,
};
use rpc_core::frame::Fault;
use rpc_core::{Method, Payload, Time};
use std::time::Instant;

/// A connection that has been accepted.
pub(crate) struct Session {
    /// It asks nothing, so nobody waits for an answer: the waiter is `()`.
    machine: Connection<()>,
    methods: &'static [Method],
    /// What has come and is no whole frame yet.
    input: Vec<u8>,
    output: Transmit,
    began: Instant,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self {
            machine: Connection::new(Side::Acceptor, Limits::default(), Time::ZERO),
            methods: WordsServer::new(MyWords).methods(),
            input: Vec::new(),
            output: Transmit::new(),
            began: Instant::now(),
        }
    }

    /// Takes bytes as they come, whole frames or not, and answers the calls in them.
    pub(crate) fn received(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        let now = Time::from_elapsed(self.began.elapsed());
        let mut done = 0;
        // A breach of the rules closes the machine, which leaves a word for the peer to be written.
        while let Ok(step) = self.machine.read(now, &self.input[done..]) {
            done += step.consumed;
            match step.event {
                Some(Event::Request(request)) => {
                    let reply = answer(self.methods, &request).unwrap_or_else(|error| {
                        fault(Code::INVALID_ARGUMENT, Retry::Safe, error.to_string())
                    });
                    self.machine.reply(request.id, reply);
                }
                Some(Event::OneWay { cost, .. }) => self.machine.oneway_done(cost),
                // No method streams, no handler waits and nothing is asked: the rest changes nothing here.
                Some(_) => {}
                None if step.consumed == 0 => break,
                None => {}
            }
        }
        self.input.drain(..done);
    }

    /// Lets the machine look at the clock: silence, greetings that did not come. Once a second does.
    pub(crate) fn tick(&mut self) {
        let now = Time::from_elapsed(self.began.elapsed());
        while self.machine.timeout().is_some_and(|at| at <= now) {
            // What expires is the connection or the patience of a caller; no handler here is that slow.
            let _ = self.machine.expire(now);
        }
    }

    /// What is to be written now; empty = nothing. Read on only then: a peer that takes no answers is asked for no
    /// more calls.
    pub(crate) fn output(&mut self) -> &[u8] {
        self.machine.transmit(&mut self.output);
        self.output.chunk()
    }

    /// So much of it is written.
    pub(crate) fn written(&mut self, bytes: usize) {
        self.output.advance(bytes);
    }

    /// Whether the socket may be closed, when all output is written.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.machine.state(), State::Drained | State::Closed)
    }
}

/// What the service says to one request, whatever strangers put into it.
fn answer(methods: &[Method], request: &Request<'_>) -> Result<Reply, DecodeError> {
    let asked = methods.iter().find(|method| match &request.method {
        MethodName::Id(id) => method.id() == *id,
        MethodName::Name(name) => method.full_name() == name,
    });
    let Some(method) = asked.filter(|_| request.shape == RequestShape::Unary) else {
        return Ok(fault(Code::UNIMPLEMENTED, Retry::Never, "there is no such method".into()));
    };
    let signature = method.signature();
    if !signature.agrees_with(request.signature) {
        let text = signature.told(method.full_name(), Limits::default().error_text_bytes);
        return Ok(fault(Code::SCHEMA_MISMATCH, Retry::Safe, text));
    }
    let arguments = request.message.as_slice();
    let result = match method.full_name() {
        "Words/add" => {
            let (a, b) = from_slice(arguments, DecodeLimits::default())?;
            to_vec(&add(a, b))
        }
        _ => {
            let (text,) = from_slice(arguments, DecodeLimits::default())?;
            to_vec(&shout(text))
        }
    };
    Ok(match result {
        Ok(bytes) => Reply::ok(Payload::from(bytes)),
        Err(error) => fault(Code::INTERNAL, Retry::Never, error.to_string()),
    })
}

fn fault(code: Code, retry: Retry, text: String) -> Reply {
    Reply::fault(code, retry, &Fault::new(text), Limits::default().error_text_bytes)
}
