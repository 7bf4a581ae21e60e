//! What one read of a connection brings: frames sorted under the lock, acted on after it.

use super::flows::Flow;
use super::handlers::{Arrived, Done, Handlers};
use super::{Link, State, woken};
use crate::buffers;
use crate::context::Context as CallContext;
use crate::request::{Body, Reply, Request};
use crate::router::Route;
use crate::stream::Inflow;
use crate::sync::AbortHandle;
use bytes::Bytes;
use rpc_core::connection::{self, Event, Inbound, MethodName, RequestShape};
use rpc_core::{CallId, CloseCode, Code, Metadata, Payload, ProtocolError, Retry, Time};
use std::cell::Cell;
use std::sync::Arc;
use std::task::{Context, Waker};

/// Requests that are handled under one turn of the lock, answered together and written before the rest is
/// handled: the callers read their answers while the next requests are read here.
pub(super) const BATCH: usize = 32;
/// So many bytes of frames end such a turn, too: large values take both ends a while.
const BATCH_BYTES: usize = 16 * 1024;

thread_local! {
    /// Where requests of one read and their answers are collected: once for each thread, because most
    /// connections are idle most of the time.
    static TRAYS: Cell<(Vec<Arrived>, Vec<Done>)> = const { Cell::new((Vec::new(), Vec::new())) };
}

/// What one turn collects under the lock, to be acted on after it.
#[derive(Default)]
pub(super) struct Desk {
    arrived: Vec<Arrived>,
    pub(super) done: Vec<Done>,
    pub(super) after: After,
    pub(super) stops: Vec<(CallId, Code)>,
    /// What the peer said when it closed the connection at once.
    pub(super) closed_by_peer: Option<String>,
    /// What the peer said when it began a graceful end.
    pub(super) farewell: Option<String>,
    /// No call of this side is open.
    is_idle: bool,
    /// The peer has said HELLO, and its token is to be judged before anything else is read.
    judge: bool,
}

/// Those who are told after the lock: what wakes them is the user's code.
#[derive(Default)]
pub(super) struct After {
    pub(super) wakers: Vec<Waker>,
    /// Streams of calls that have ended.
    pub(super) flows: Vec<Flow>,
}

impl After {
    /// Gives back what is empty.
    pub(super) fn shrink(&mut self) {
        self.wakers.shrink_to_fit();
        self.flows.shrink_to_fit();
    }

    pub(super) fn run(&mut self) {
        woken::add(self.wakers.len());
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
        for flow in self.flows.drain(..) {
            flow.close(Code::CANCELLED, "the call ended before all its items had come");
        }
    }
}

/// What became of one read.
pub(super) enum Read {
    /// Frames were handled.
    Frames { woke: Woke },
    /// The peer broke a rule.
    Breach(ProtocolError),
}

/// Who was woken by one read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Woke {
    Nobody,
    /// One, and no other call is open.
    TheOnlyOne,
    Some,
}

/// What the peer is told at the end.
pub(super) enum LastWords {
    /// It was told already.
    Said,
    /// This code, with the reason.
    Say(CloseCode),
    /// Nothing: it no longer listens.
    None,
}

impl Desk {
    /// Handles every whole frame in `bytes`. Returns how many bytes they took. Asks to `write` what is answered
    /// when much is left to be handled.
    pub(super) fn handle(
        &mut self,
        link: &Arc<Link>,
        handlers: &mut Handlers,
        cx: &mut Context<'_>,
        now: Time,
        bytes: &[u8],
        write: impl FnMut(),
    ) -> (usize, Read) {
        // Taken out while they are used: a handler may drive another connection here.
        (self.arrived, self.done) = TRAYS.take();
        let handled = self.handle_all(link, handlers, cx, now, bytes, write);
        TRAYS.set((std::mem::take(&mut self.arrived), std::mem::take(&mut self.done)));
        handled
    }

    fn handle_all(
        &mut self,
        link: &Arc<Link>,
        handlers: &mut Handlers,
        cx: &mut Context<'_>,
        now: Time,
        bytes: &[u8],
        mut write: impl FnMut(),
    ) -> (usize, Read) {
        let mut used = 0;
        let mut woken = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let (taken, breach) = self.sort(link, now, rest);
            used += taken;
            woken += self.after.wakers.len();
            if std::mem::take(&mut self.judge) {
                link.judge(&mut self.after.wakers);
            }
            self.after.run();
            self.stop(link, handlers);
            handlers.run(link, cx, &mut self.arrived, &mut self.done);
            let answers = !self.done.is_empty();
            self.answer(link);
            if let Some(breach) = breach {
                return (used, Read::Breach(breach));
            }
            if taken == 0 || used == bytes.len() {
                let woke = match woken {
                    0 => Woke::Nobody,
                    1 if self.is_idle => Woke::TheOnlyOne,
                    _ => Woke::Some,
                };
                return (used, Read::Frames { woke });
            }
            if answers {
                write();
            }
        }
    }

    /// Under the lock: sorts frames until a batch of requests is full or no whole frame is left.
    fn sort(
        &mut self,
        link: &Arc<Link>,
        now: Time,
        bytes: &[u8],
    ) -> (usize, Option<ProtocolError>) {
        let mut used = 0;
        let mut guard = link.lock();
        let state = &mut *guard;
        while self.arrived.len() < BATCH && used < BATCH_BYTES && !self.judge {
            let rest = bytes.get(used..).unwrap_or_default();
            match state.machine.read(now, rest) {
                Err(breach) => {
                    state.parts(breach.code(), false);
                    return (used, Some(breach));
                }
                Ok(step) if step.consumed == 0 && step.event.is_none() => break,
                Ok(step) => {
                    used += step.consumed;
                    let Some(event) = step.event else { continue };
                    let items_of = if let Event::Item { id, .. } = event { Some(id) } else { None };
                    self.sort_one(link, state, event);
                    if let Some(id) = items_of {
                        let rest = bytes.get(used..).unwrap_or_default();
                        let (taken, reader) = state.more_items(id, rest);
                        used += taken;
                        self.after.wakers.extend(reader);
                    }
                }
            }
        }
        self.is_idle = state.machine.open_calls() == 0;
        (used, None)
    }

    #[inline]
    pub(super) fn sort_one(&mut self, link: &Arc<Link>, state: &mut State, event: Event<'_>) {
        let wakers = &mut self.after.wakers;
        match event {
            Event::Request(request) => self.request(link, state, request),
            Event::OneWay { request, cost } => self.oneway(link, state, request, cost),
            Event::Response { id, response } => {
                wakers.extend(state.answered(id, response));
                state.lines.call(wakers);
                self.after.flows.extend(state.end_flow(id));
            }
            Event::Item { id, message, cost, last } => {
                wakers.extend(state.item(id, message, cost, last).into_iter().flatten());
            }
            Event::End { id } => wakers.extend(state.items_ended(id)),
            Event::Writable { id } => wakers.extend(state.writable(id)),
            Event::Stopped { id } => wakers.extend(state.stopped(id).into_iter().flatten()),
            Event::Cancelled { id } => self.cancelled(state, id),
            Event::GoAway { code, reason } => {
                let text = format!("the peer is going away: {code}: {reason}");
                state.parts(code, true);
                state.lose_calls(&text, &mut self.after);
                self.after.wakers.extend(state.lines.everybody());
                self.after.wakers.extend(state.mourners.everybody());
                match code {
                    CloseCode::GRACEFUL => self.farewell = Some(text),
                    _ => self.closed_by_peer = Some(text),
                }
            }
            Event::Opened => {
                state.opening = None;
                self.judge = state.unverified;
                link.greeted(state);
                wakers.extend(state.lines.firsts());
                wakers.extend(state.mourners.everybody());
            }
            Event::MoreCalls => wakers.extend(state.lines.firsts()),
        }
    }

    fn cancelled(&mut self, state: &mut State, id: CallId) {
        match self.arrived.iter().position(|arrived| arrived.id == id) {
            None => self.stops.push((id, Code::CANCELLED)),
            Some(at) => {
                self.arrived.remove(at);
                self.after.flows.extend(state.reply(id, unbegun(Code::CANCELLED)));
            }
        }
    }

    #[inline]
    fn request(&mut self, link: &Arc<Link>, state: &mut State, request: connection::Request<'_>) {
        let (id, shape) = (request.id, request.shape);
        let refusal = match route(link, &request.method) {
            Ok(route) => match unfit(link, route, &request) {
                None => {
                    let inflow = match shape {
                        RequestShape::Unary => None,
                        RequestShape::Stream { ended } => state.serve_flow(link, route, id, ended),
                    };
                    return self.arrived.push(arrived(link, route, request, inflow, None));
                }
                Some(refusal) => refusal,
            },
            Err(name) => Reply::unimplemented(name),
        };
        self.after.flows.extend(state.reply(id, refusal));
    }

    fn oneway(
        &mut self,
        link: &Arc<Link>,
        state: &mut State,
        request: connection::Request<'_>,
        cost: u32,
    ) {
        match route(link, &request.method) {
            Ok(route)
                if route.method.is_oneway() && route.signature.agrees_with(request.signature) =>
            {
                self.arrived.push(arrived(link, route, request, None, Some(cost)));
            }
            _ => state.oneway_done(cost, false),
        }
    }

    /// Stops handlers that nobody waits for.
    pub(super) fn stop(&mut self, link: &Link, handlers: &mut Handlers) {
        for (id, why) in self.stops.drain(..) {
            let forgotten = handlers.forget(id);
            let mut state = link.lock();
            let (task, flow) = match &forgotten {
                Some(_) => (None, state.reply(id, unbegun(why))),
                None => state.stop(id, why),
            };
            drop(state);
            if let Some(task) = task {
                task.abort();
            }
            self.after.flows.extend(flow);
        }
        self.after.run();
    }

    /// Hands the answers of a batch to the machine.
    pub(super) fn answer(&mut self, link: &Link) {
        if self.done.is_empty() {
            return;
        }
        let mut state = link.lock();
        for done in self.done.drain(..) {
            self.after.flows.extend(state.done(done));
        }
        drop(state);
        self.after.run();
    }

    /// Ends every call; returns the handlers to be aborted.
    pub(super) fn end(
        &mut self,
        link: &Link,
        reason: &str,
        last_words: LastWords,
    ) -> Vec<AbortHandle> {
        let mut state = link.lock();
        if let LastWords::Say(code) = &last_words {
            state.parts(*code, false);
        }
        state.end(reason, &mut self.after.wakers);
        match last_words {
            LastWords::Said => {}
            LastWords::Say(code) => state.machine.close(code, reason),
            LastWords::None => state.machine.fail(),
        }
        state.lose_calls(reason, &mut self.after);
        state.congested(0, &mut self.after.wakers);
        self.after.wakers.extend(state.lines.everybody());
        self.after.wakers.extend(state.leaving.everybody());
        let flows = std::mem::take(&mut state.flows);
        let tasks = state.abandon_calls();
        drop(state);
        for flow in flows.into_values() {
            flow.close(Code::UNAVAILABLE, "the connection ended before all items had come");
        }
        tasks
    }
}

/// The method that a request names, or how it names one that is not there.
fn route(link: &Link, method: &MethodName<'_>) -> Result<Route, String> {
    match method {
        MethodName::Id(method) => {
            link.router.by_id(*method).ok_or_else(|| format!("{:#010x}", method.get()))
        }
        MethodName::Name(name) => link.router.by_name(name).ok_or_else(|| format!("{name:?}")),
    }
}

/// The answer to a call of another kind than the method's, or of other types.
///
/// Spec: `call.signature.mismatch`.
fn unfit(link: &Link, route: Route, request: &connection::Request<'_>) -> Option<Reply> {
    if let Some(text) = mismatch(route, request.shape) {
        return Some(Reply::fault(Code::UNIMPLEMENTED, Retry::Never, text));
    }
    if route.signature.agrees_with(request.signature) {
        return None;
    }
    let text = route.signature.told(route.method.full_name(), link.limits().error_text_bytes);
    Some(Reply::fault(Code::SCHEMA_MISMATCH, Retry::Safe, text))
}

/// Why a call of this shape is none of this method.
fn mismatch(route: Route, shape: RequestShape) -> Option<String> {
    let method = route.method;
    let (name, streams) = (method.full_name(), method.has_items_in() || method.has_items_out());
    match shape {
        _ if method.is_oneway() => Some(format!("{name} is one-way: it answers nothing")),
        RequestShape::Unary if streams => Some(format!("{name} takes or gives a stream of items")),
        RequestShape::Stream { .. } if !streams => {
            Some(format!("{name} takes one message and gives one: it has no stream"))
        }
        _ => None,
    }
}

fn arrived(
    link: &Arc<Link>,
    route: Route,
    request: connection::Request<'_>,
    inflow: Option<Arc<Inflow>>,
    oneway: Option<u32>,
) -> Arrived {
    let connection::Request { id, deadline, metadata, message, .. } = request;
    let body = match message {
        Inbound::Gathered(bytes) => Body::Shared(buffers::share(bytes)),
        Inbound::Borrowed(bytes) if bytes.len() >= Payload::SHARE_FROM_BYTES => {
            Body::Shared(Bytes::copy_from_slice(bytes))
        }
        Inbound::Borrowed(bytes) => {
            let mut buffer = buffers::take();
            buffer.extend_from_slice(bytes);
            Body::Copied(buffer)
        }
    };
    let deadline = deadline.map(|at| link.instant(at));
    let metadata = Metadata::from_wire(metadata.into_owned()).unwrap_or_default();
    let context = CallContext::new(Arc::clone(link), route.method, id, deadline, metadata);
    Arrived { id, route, request: Request::new(context, body, inflow), oneway }
}

/// The answer to a call that ended before its handler began.
fn unbegun(why: Code) -> Reply {
    let text = match why {
        Code::DEADLINE_EXCEEDED => "the deadline passed before the call began",
        _ => "the caller cancelled the call before it began",
    };
    Reply::fault(why, Retry::Safe, text)
}
