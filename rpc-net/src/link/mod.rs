//! What the handles of one connection and its driver share: the machine behind one short lock.
//!
//! Nothing of the user runs under the lock: no waker, no handler, no `Serialize`, no `Drop`.

mod desk;
mod driver;
mod handlers;
mod io;
mod queue;
mod timer;

pub(crate) use driver::drive;
pub(crate) use queue::Place;

use crate::outcome::{Ending, Message};
use crate::request::{Answer, Reply};
use crate::router::Router;
use bytes::Bytes;
use queue::Queue;
use rpc_core::archive::DecodeLimits;
use rpc_core::connection::{self, Connection, Inbound, NewCall, Refusal};
use rpc_core::frame::{Fault, FaultPlace};
use rpc_core::{CallId, CloseCode, Code, Executed, Limits, Payload, Retry, Side, Time};
use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// One connection, as its handles and its driver share it.
pub(crate) struct Link {
    state: Mutex<State>,
    pub(crate) router: Arc<Router>,
    limits: Limits,
    started: Instant,
    peer_addr: Option<SocketAddr>,
}

/// What the lock guards.
pub(crate) struct State {
    pub(crate) machine: Connection<Waiter>,
    /// The driver, while it sleeps.
    driver: Option<Waker>,
    pub(crate) queue: Queue,
    /// Handlers of the peer's calls that run in tasks of their own.
    pub(crate) running: HashMap<CallId, handlers::Running>,
    /// Tasks that wait until fewer bytes wait to be written.
    congested: Vec<Waker>,
    /// Why the connection ended, once it has.
    pub(crate) ended: Option<Arc<str>>,
    /// Its user closed it: no more calls are opened here, those that are open go on.
    closing: bool,
    /// Longest text in an error that is sent.
    text_bytes: usize,
}

/// What waits in a call's slot: whom to wake, and then how the call ended.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) waker: Waker,
    pub(crate) ending: Option<Ending>,
    /// Where a small answer is copied to; comes with the call, so that threads keep their stock.
    pub(crate) buffer: Vec<u8>,
}

impl Link {
    pub(crate) fn new(
        side: Side,
        limits: Limits,
        router: Arc<Router>,
        peer_addr: Option<SocketAddr>,
    ) -> Self {
        let state = State {
            machine: Connection::new(side, limits.clone(), Time::ZERO),
            driver: None,
            queue: Queue::default(),
            running: HashMap::new(),
            congested: Vec::new(),
            ended: None,
            closing: false,
            text_bytes: limits.error_text_bytes,
        };
        Self { state: Mutex::new(state), router, limits, started: Instant::now(), peer_addr }
    }

    /// The lock. A panic under it cannot be the user's, and the state stays whole: poison is ignored.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer_addr
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn decode_limits(&self) -> DecodeLimits {
        DecodeLimits::from(&self.limits)
    }

    /// Largest message that this side sends, in bytes.
    pub(crate) fn message_bytes_out(&self) -> usize {
        self.limits.message_bytes as usize
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_elapsed(self.started.elapsed())
    }

    /// The moment, rounded up: what is counted from it is never early.
    pub(crate) fn now_at_latest(&self) -> Time {
        self.now().plus_millis(1)
    }

    /// The moment of an instant, which may have been on another connection.
    pub(crate) fn moment(&self, instant: Instant) -> Time {
        Time::from_elapsed(instant.saturating_duration_since(self.started))
    }

    /// The instant of a moment of the machine.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        let after = Duration::from_millis(time.as_millis());
        self.started.checked_add(after).unwrap_or(self.started)
    }

    /// Waits until results may be encoded: until less than the send buffer waits to be written.
    pub(crate) async fn room(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            if state.machine.unsent_bytes() < self.limits.send_buffer_bytes || state.ended.is_some()
            {
                return Poll::Ready(());
            }
            if !state.congested.iter().any(|waker| waker.will_wake(cx.waker())) {
                state.congested.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// How many bytes may be added before results must wait unencoded.
    pub(crate) fn room_bytes(&self) -> usize {
        self.limits.send_buffer_bytes.saturating_sub(self.lock().machine.unsent_bytes())
    }

    /// Answers a call of the peer and lets the driver write it.
    pub(crate) fn reply(&self, id: CallId, reply: Reply) {
        let driver = {
            let mut state = self.lock();
            state.running.remove(&id);
            state.reply(id, reply);
            state.driver.take()
        };
        wake(driver);
    }

    /// Begins a graceful end and opens no more calls.
    pub(crate) fn finish(&self, reason: &str) {
        let waiting: Vec<_> = {
            let mut state = self.lock();
            state.closing = true;
            state.queue.everybody().collect()
        };
        self.close(CloseCode::GRACEFUL, reason);
        for waker in waiting {
            waker.wake();
        }
    }

    /// Begins a graceful end, or with another code an end at once.
    pub(crate) fn close(&self, code: CloseCode, reason: &str) {
        let driver = {
            let mut state = self.lock();
            state.machine.close(code, reason);
            state.driver.take()
        };
        wake(driver);
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("peer_addr", &self.peer_addr).finish_non_exhaustive()
    }
}

impl State {
    /// The driver's waker, if it sleeps: wake it after the lock is released.
    pub(crate) fn driver(&mut self) -> Option<Waker> {
        self.driver.take()
    }

    /// The driver is about to sleep.
    pub(crate) fn sleep(&mut self, waker: &Waker) {
        match &mut self.driver {
            Some(driver) => driver.clone_from(waker),
            None => self.driver = Some(waker.clone()),
        }
    }

    /// Why no call may be opened any more.
    pub(crate) fn closed(&self) -> Option<&str> {
        match &self.ended {
            Some(reason) => Some(reason),
            None => self.closing.then_some("the connection was closed by its user"),
        }
    }

    /// Tries to open a call. `payload` is emptied only when the call is open.
    pub(crate) fn call(
        &mut self,
        now: Time,
        call: NewCall<'_>,
        waiter: Waiter,
    ) -> Result<CallId, (Refusal, Waiter)> {
        self.machine.call(now, call, waiter).map_err(|refused| (refused.reason, refused.waiter))
    }

    pub(crate) fn reply(&mut self, id: CallId, reply: Reply) {
        let Reply { code, retry, answer } = reply;
        let reply = match answer {
            Answer::Message(payload) => {
                connection::Reply { code, ..connection::Reply::ok(payload) }
            }
            Answer::Fault { message, at } => {
                let at = at.map(|(offset, path)| FaultPlace { offset, path });
                connection::Reply::fault(code, retry, &Fault { message, at }, self.text_bytes)
            }
        };
        if let Some(buffer) = self.machine.reply(id, reply) {
            crate::buffers::give(buffer);
        }
    }

    /// Puts the peer's answer into the slot of its call. Returns whom to wake.
    pub(crate) fn answered(
        &mut self,
        id: CallId,
        code: Code,
        retry: Retry,
        message: Option<Inbound<'_>>,
    ) -> Option<Waker> {
        let waiter = self.machine.waiter(id)?;
        let message = match message {
            None => Message::Missing,
            Some(Inbound::Gathered(bytes)) => Message::Shared(bytes),
            Some(Inbound::Borrowed(bytes)) if bytes.len() >= Payload::SHARE_FROM_BYTES => {
                Message::Shared(Bytes::copy_from_slice(bytes))
            }
            Some(Inbound::Borrowed(bytes)) => {
                let mut buffer = std::mem::take(&mut waiter.buffer);
                buffer.clear();
                buffer.extend_from_slice(bytes);
                Message::Copied(buffer)
            }
        };
        waiter.ending = Some(Ending::Answered { code, retry, message });
        Some(std::mem::replace(&mut waiter.waker, Waker::noop().clone()))
    }

    /// Ends every call that waits in a slot. `wakers` gets whom to wake.
    pub(crate) fn lose_calls(&mut self, reason: &str, wakers: &mut Vec<Waker>) {
        self.machine.fail_calls(|_, waiter, executed| {
            waiter.lose(Code::UNAVAILABLE, executed, reason);
            wakers.push(std::mem::replace(&mut waiter.waker, Waker::noop().clone()));
        });
    }

    /// The tasks that waited for room to write.
    pub(crate) fn congested(&mut self, limit: usize, wakers: &mut Vec<Waker>) {
        if !self.congested.is_empty()
            && (self.machine.unsent_bytes() < limit || self.ended.is_some())
        {
            wakers.append(&mut self.congested);
        }
    }
}

impl Waiter {
    pub(crate) fn lose(&mut self, code: Code, executed: Executed, reason: &str) {
        self.ending = Some(Ending::Lost { code, executed, reason: reason.to_owned() });
    }
}

/// Wakes, outside of the lock.
pub(crate) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
