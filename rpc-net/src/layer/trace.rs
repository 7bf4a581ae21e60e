//! The layer that makes a span of each call.

use super::{Finish, Kind, Layer, LayerCall, LayerFuture, Next, TraceParent};
use crate::events::Role;
use std::future::poll_fn;
use tokio::time::Instant;
use tracing::{Span, field};

/// Makes a [`tracing`] span of each call, and carries the trace from program to program.
///
/// The span `call`, of level INFO and target `hton`, has the fields `side` (`asking` or `answering`),
/// `method`, `kind`, `peer`, `trace_id`, and at its end `code`, `duration_us` and, for a call without a value,
/// `error`; what the peer has said stands in it escaped. A call that is dropped has no `code`.
///
/// On the answering side the metadata entry `traceparent` of W3C's Trace Context says to which trace the call
/// belongs; without one a new trace begins. On the asking side the entry is added, unless the caller has
/// added one: a call that a handler makes belongs to the trace of the handler, if that has such a layer.
///
/// ```
/// # fn example(peer: rpc_net::Peer, calc: impl rpc_net::Service) {
/// use rpc_net::layer::{Trace, layered};
/// let (peer, calc) = (peer.layer(Trace::new()), layered(calc, Trace::new()));
/// # let _ = (peer, calc); }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Trace {
    _private: (),
}

impl Trace {
    /// The layer.
    pub const fn new() -> Self {
        Self { _private: () }
    }

    async fn pass(call: &mut LayerCall, next: Next<'_>) -> Finish {
        let role = call.role();
        let span = span(call);
        let parent = match role {
            Role::Asking => given(call).or_else(TraceParent::current),
            Role::Answering => given(call),
        };
        let new = || TraceParent::new(!span.is_disabled());
        let here = parent.map_or_else(new, TraceParent::child);
        span.record("trace_id", here.trace_id());
        let before = (role == Role::Asking && given(call).is_none()).then(|| {
            let before = call.metadata().clone();
            // It fits: it is short, and the key is a good one.
            let _ = call.metadata_mut().append(TraceParent::KEY, here.to_string());
            before
        });
        let started = Instant::now();
        let mut passing = next.run(call);
        let poll = |cx: &mut std::task::Context<'_>| {
            span.in_scope(|| here.enter(|| passing.as_mut().poll(cx)))
        };
        let finish = poll_fn(poll).await;
        drop(passing);
        if let Some(before) = before {
            // Another try is another span.
            *call.metadata_mut() = before;
        }
        record(&span, &finish, started);
        finish
    }
}

/// What the metadata say; several entries say nothing.
fn given(call: &LayerCall) -> Option<TraceParent> {
    let mut entries = call.metadata().get_all(TraceParent::KEY);
    let text = std::str::from_utf8(entries.next()?).ok()?;
    TraceParent::parse(text).filter(|_| entries.next().is_none())
}

fn span(call: &LayerCall) -> Span {
    let side = match call.role() {
        Role::Asking => "asking",
        Role::Answering => "answering",
    };
    let kind = match call.kind() {
        Kind::Unary => "unary",
        Kind::OneWay => "one-way",
        Kind::Streams => "streaming",
    };
    let span = tracing::info_span!(
        target: "hton",
        "call",
        side,
        method = call.method(),
        kind,
        peer = field::Empty,
        trace_id = field::Empty,
        code = field::Empty,
        duration_us = field::Empty,
        error = field::Empty,
    );
    if let Some(peer) = call.peer_addr() {
        span.record("peer", field::display(peer));
    }
    span
}

fn record(span: &Span, finish: &Finish, started: Instant) {
    if span.is_disabled() {
        return;
    }
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    span.record("code", field::display(finish.code())).record("duration_us", micros);
    if let Some(status) = finish.status() {
        span.record("error", field::display(status.message().escape_debug()));
    }
    if let Some(peer) = finish.peer_addr() {
        span.record("peer", field::display(peer));
    }
}

impl Layer for Trace {
    fn call<'a>(&'a self, call: &'a mut LayerCall, next: Next<'a>) -> LayerFuture<'a> {
        Box::pin(Self::pass(call, next))
    }
}
