//! What one read of a connection brings: frames sorted under the lock, acted on after it.

use super::handlers::{Arrived, Handlers};
use super::{Link, State};
use crate::buffers;
use crate::context::Context as CallContext;
use crate::request::{Body, Reply, Request};
use bytes::Bytes;
use rpc_core::connection::{self, Event, Inbound, MethodName};
use rpc_core::{CallId, CloseCode, Code, Payload, ProtocolError, Retry, Time};
use std::sync::Arc;
use std::task::{Context, Waker};
use tokio::task::AbortHandle;

/// Requests that are handled under one turn of the lock, and answered together.
const BATCH: usize = 128;
/// What one turn collects under the lock, to be acted on after it.
#[derive(Default)]
pub(super) struct Desk {
    arrived: Vec<Arrived>,
    replies: Vec<(CallId, Reply)>,
    pub(super) wakers: Vec<Waker>,
    pub(super) stops: Vec<(CallId, Code)>,
    /// What the peer said when it closed the connection at once.
    pub(super) closed_by_peer: Option<String>,
}

/// What became of one read.
pub(super) enum Read {
    /// Frames were handled; callers were woken or not.
    Frames { woke: bool },
    /// The peer broke a rule.
    Breach(ProtocolError),
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
    /// Handles every whole frame in `bytes`. Returns how many bytes they took.
    pub(super) fn handle(
        &mut self,
        link: &Arc<Link>,
        handlers: &mut Handlers,
        cx: &mut Context<'_>,
        now: Time,
        bytes: &[u8],
    ) -> (usize, Read) {
        let mut used = 0;
        let mut woke = false;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let (taken, breach) = self.sort(link, now, rest);
            used += taken;
            woke |= !self.wakers.is_empty();
            self.wake();
            self.stop(link);
            handlers.run(link, cx, &mut self.arrived, &mut self.replies);
            self.answer(link);
            if let Some(breach) = breach {
                return (used, Read::Breach(breach));
            }
            if taken == 0 || used == bytes.len() {
                return (used, Read::Frames { woke });
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
        while self.arrived.len() < BATCH {
            let rest = bytes.get(used..).unwrap_or_default();
            match state.machine.read(now, rest) {
                Err(breach) => return (used, Some(breach)),
                Ok(step) if step.consumed == 0 && step.event.is_none() => break,
                Ok(step) => {
                    used += step.consumed;
                    if let Some(event) = step.event {
                        self.sort_one(link, state, event);
                    }
                }
            }
        }
        (used, None)
    }

    fn sort_one(&mut self, link: &Arc<Link>, state: &mut State, event: Event<'_>) {
        match event {
            Event::Request(request) => self.request(link, state, request),
            Event::Response { id, response } => {
                let connection::Response { code, retry, message, .. } = response;
                self.wakers.extend(state.answered(id, code, retry, message));
                self.wakers.extend(state.queue.first());
            }
            Event::Cancelled { id } => self.cancelled(state, id),
            Event::GoAway { code, reason } => {
                let text = format!("the peer is going away: {code}: {reason}");
                state.lose_calls(&text, &mut self.wakers);
                self.wakers.extend(state.queue.everybody());
                if code != CloseCode::GRACEFUL {
                    self.closed_by_peer = Some(text);
                }
            }
            Event::Opened | Event::MoreCalls => self.wakers.extend(state.queue.first()),
        }
    }

    fn cancelled(&mut self, state: &mut State, id: CallId) {
        match self.arrived.iter().position(|arrived| arrived.id == id) {
            None => self.stops.push((id, Code::CANCELLED)),
            Some(at) => {
                self.arrived.remove(at);
                let text = "the caller cancelled the call before it began";
                state.reply(id, Reply::fault(Code::CANCELLED, Retry::Safe, text));
            }
        }
    }

    fn request(&mut self, link: &Arc<Link>, state: &mut State, request: connection::Request<'_>) {
        let connection::Request { id, method, deadline, message, .. } = request;
        let route = match method {
            MethodName::Id(method) => {
                link.router.by_id(method).ok_or_else(|| format!("{:#010x}", method.get()))
            }
            MethodName::Name(name) => link.router.by_name(&name).ok_or_else(|| format!("{name:?}")),
        };
        let route = match route {
            Ok(route) => route,
            Err(name) => return state.reply(id, Reply::unimplemented(name)),
        };
        let body = match message {
            Inbound::Gathered(bytes) => Body::Shared(bytes),
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
        let context = CallContext { link: Arc::clone(link), method: route.method, id, deadline };
        self.arrived.push(Arrived { id, route, request: Request { context, body } });
    }

    pub(super) fn wake(&mut self) {
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }

    /// Stops handlers that nobody waits for.
    pub(super) fn stop(&mut self, link: &Link) {
        for (id, why) in self.stops.drain(..) {
            let task = link.lock().stop(id, why);
            if let Some(task) = task {
                task.abort();
            }
        }
    }

    /// Hands the answers of a batch to the machine.
    fn answer(&mut self, link: &Link) {
        if self.replies.is_empty() {
            return;
        }
        let mut state = link.lock();
        for (id, reply) in self.replies.drain(..) {
            state.reply(id, reply);
        }
    }

    /// Ends every call; returns the handlers to be aborted.
    pub(super) fn end(
        &mut self,
        link: &Link,
        reason: &str,
        last_words: LastWords,
    ) -> Vec<AbortHandle> {
        let mut state = link.lock();
        state.ended.get_or_insert_with(|| reason.into());
        match last_words {
            LastWords::Said => {}
            LastWords::Say(code) => state.machine.close(code, reason),
            LastWords::None => state.machine.fail(),
        }
        state.lose_calls(reason, &mut self.wakers);
        state.congested(0, &mut self.wakers);
        self.wakers.extend(state.queue.everybody());
        state.abandon()
    }
}
