//! What the handles of one connection and its driver share: the machine behind one short lock.
//!
//! Nothing of the user runs under the lock: no waker, no handler, no `Serialize`, no `Drop`.

mod about;
mod crews;
mod crowd;
mod desk;
mod driver;
mod flows;
mod handlers;
mod io;
mod lanes;
mod leaving;
mod lines;
mod mourning;
mod queue;
#[cfg(all(test, hton_shuttle))]
mod rest;
mod returning;
mod task;
mod timer;
mod woken;

pub use about::Closed;
pub(crate) use about::{About, Counted, Manners, Presence};
pub(crate) use crews::{CrewId, Crews, Told};
pub(crate) use crowd::{Crowd, Opening};
pub(crate) use driver::drive;
pub(crate) use flows::Flow;
pub(crate) use leaving::{Ticket, Written};
pub(crate) use queue::{Left, Many, Place};
pub(crate) use returning::drive_and_return;

use crate::buffers;
use crate::call::{Ending, Message, Said};
use crate::identity::Identity;
use crate::request::{Answer, Reply};
use crate::router::Router;
use crate::sync::{self, Mutex, MutexGuard};
use bytes::Bytes;
use desk::After;
use handlers::Done;
use leaving::Leaving;
use lines::Lines;
use mourning::Mourners;
use rpc_core::archive::DecodeLimits;
use rpc_core::connection::{self, Connection, HelloExtras, Inbound, Response, Transmit};
use rpc_core::frame::{AuthToken, Fault, FaultPlace};
use rpc_core::{CallId, CloseCode, Code, Executed, Limits, Metadata, Payload, Side, Time};
use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::Instant;

/// One connection, as its handles and its driver share it.
pub(crate) struct Link {
    state: Mutex<State>,
    pub(crate) router: Arc<Router>,
    limits: Limits,
    started: Instant,
    pub(crate) about: About,
    /// Where it runs, for the timers of what stands around its calls.
    runtime: Option<Handle>,
}

/// What the lock guards.
pub(crate) struct State {
    pub(crate) machine: Connection<Waiter>,
    /// The driver, while it sleeps.
    driver: Option<Waker>,
    /// How often the driver had its turn.
    turns: u64,
    pub(crate) lines: Lines,
    pub(crate) crews: Crews,
    /// One-way calls that wait until they are written.
    pub(crate) leaving: Leaving,
    /// Streaming calls of both sides.
    pub(crate) flows: HashMap<CallId, Flow>,
    /// Calls of the peer whose items nobody reads any more.
    unwanted: Vec<CallId>,
    /// Handlers of the peer's calls that run in tasks of their own.
    running: HashMap<CallId, task::Running>,
    /// Ordered services whose running call has ended.
    freed: Vec<usize>,
    /// One-way calls of the peer that came to nothing.
    oneway_faults: u64,
    /// Tasks that wait until fewer bytes wait to be written.
    congested: Vec<Waker>,
    /// Why the connection ended, once it has.
    pub(crate) ended: Option<Arc<str>>,
    /// Its user closed it: no more calls are opened here, those that are open go on.
    closing: bool,
    /// Longest text in an error that is sent.
    text_bytes: usize,
    /// Counts the connection among those that have not said HELLO, until it has.
    opening: Option<Opening>,
    /// It is not known yet who the peer is: no call goes either way.
    unverified: bool,
    /// Who ended the connection, and how.
    parting: Option<(CloseCode, bool)>,
    /// How the connection ended, once it has.
    closed: Option<Closed>,
    /// Whoever waits for the end.
    mourners: Mourners,
    /// Calls of the peer that the end has cut.
    calls_cut: usize,
    /// When a graceful end is no longer waited for.
    drain_by: Option<Time>,
}

/// What waits in a call's slot: who is told, and then how the call ended.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) told: Told,
    pub(crate) ending: Option<Ending>,
    /// Where a small answer is copied to; comes with the call, so that threads keep their stock.
    pub(crate) buffer: Vec<u8>,
}

impl Link {
    pub(crate) fn new(
        side: Side,
        limits: Limits,
        router: Arc<Router>,
        mut manners: Manners,
    ) -> Self {
        // Its length was checked where it came from.
        let auth_token = AuthToken::new(std::mem::take(&mut manners.token)).unwrap_or_default();
        let extras = HelloExtras { auth_token, ..HelloExtras::default() };
        let mut machine = Connection::with_hello(side, limits.clone(), extras, Time::ZERO);
        machine.take_space_from(buffers::space);
        if manners.returns {
            machine.return_stream();
        }
        let opening = manners.opening.take();
        let about = About::new(manners);
        let state = State {
            machine,
            driver: None,
            turns: 0,
            lines: Lines::default(),
            crews: Crews::default(),
            leaving: Leaving::default(),
            flows: HashMap::new(),
            unwanted: Vec::new(),
            running: HashMap::new(),
            freed: Vec::new(),
            oneway_faults: 0,
            congested: Vec::new(),
            ended: None,
            closing: false,
            text_bytes: limits.error_text_bytes,
            opening,
            unverified: about.asks(),
            parting: None,
            closed: None,
            mourners: Mourners::default(),
            calls_cut: 0,
            drain_by: None,
        };
        let (state, started) = (Mutex::new(state), sync::now());
        Self { state, router, limits, started, about, runtime: Handle::try_current().ok() }
    }

    /// Whether it runs on tokio's multi-thread scheduler, whose workers have short queues.
    fn is_stealing(&self) -> bool {
        let flavor = self.runtime.as_ref().map(Handle::runtime_flavor);
        flavor == Some(RuntimeFlavor::MultiThread)
    }

    pub(crate) fn runtime(&self) -> Option<&Handle> {
        self.runtime.as_ref()
    }

    /// The lock. A panic under it cannot be the user's, and the state stays whole: poison is ignored.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        self.about.addr()
    }

    /// What the peer calls itself, once it has said so.
    pub(crate) fn peer_name(&self) -> Option<&str> {
        self.about.name()
    }

    /// Who the peer is, as far as that is known.
    pub(crate) fn identity(&self) -> &Identity {
        self.about.identity()
    }

    /// Keeps what the peer's HELLO calls it.
    fn greeted(&self, state: &State) {
        if let Some(hello) = state.machine.peer().filter(|hello| !hello.name.is_empty()) {
            self.about.set_name(&hello.name);
        }
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
        self.moment(sync::now())
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
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("about", &self.about).finish_non_exhaustive()
    }
}

impl State {
    /// The driver's waker, if it sleeps: wake it after the lock is released.
    pub(crate) fn driver(&mut self) -> Option<Waker> {
        self.driver.take()
    }

    /// How often the driver had its turn, when it is due for another one.
    pub(crate) fn turns_if_due(&self) -> Option<u64> {
        self.driver.is_none().then_some(self.turns)
    }

    /// The driver is about to sleep.
    fn sleep(&mut self, waker: &Waker) {
        match &mut self.driver {
            Some(driver) => driver.clone_from(waker),
            None => self.driver = Some(waker.clone()),
        }
    }

    /// Gives back what bursts have left, if the peers have been silent and no call is open.
    fn shrink_if_silent(&mut self, out: &mut Transmit) -> bool {
        let is_silent = self.machine.take_silence()
            && self.machine.open_calls() == 0
            && self.machine.served_calls() == 0;
        if is_silent {
            self.machine.shrink(out);
            self.lines.shrink();
            self.crews.shrink();
            self.flows.shrink_to_fit();
            self.running.shrink_to_fit();
            self.congested.shrink_to_fit();
        }
        is_silent
    }

    /// Why no call may be opened any more.
    pub(crate) fn closed(&self) -> Option<&str> {
        match &self.ended {
            Some(reason) => Some(reason),
            None => self.closing.then_some("the connection was closed by its user"),
        }
    }

    /// The handler of a call has ended. What is returned is closed after the lock.
    fn done(&mut self, done: Done) -> Option<Flow> {
        let Done { id, oneway, reply } = done;
        match oneway {
            None => self.reply(id, reply),
            Some(cost) => {
                self.oneway_done(cost, reply.code == Code::OK);
                None
            }
        }
    }

    /// A one-way call of the peer is done with, well or not.
    fn oneway_done(&mut self, cost: u32, well: bool) {
        self.oneway_faults += u64::from(!well);
        self.machine.oneway_done(cost);
    }

    /// How many one-way calls of the peer came to nothing.
    pub(crate) const fn oneway_faults(&self) -> u64 {
        self.oneway_faults.saturating_add(self.machine.dropped_oneways())
    }

    /// Answers a call of the peer. What is returned is closed after the lock.
    fn reply(&mut self, id: CallId, reply: Reply) -> Option<Flow> {
        let Reply { code, retry, app, metadata, answer } = reply;
        let reply = match answer {
            Answer::Message(payload) => {
                connection::Reply { code, ..connection::Reply::ok(payload) }
            }
            Answer::Nothing => connection::Reply::empty(code, retry),
            Answer::Fault { message, at } => {
                let at = at.map(|(offset, path)| FaultPlace { offset, path });
                connection::Reply::fault(code, retry, &Fault { message, at }, self.text_bytes)
            }
        };
        let reply = connection::Reply { app, metadata: metadata.into_wire(), ..reply };
        if let Some(buffer) = self.machine.reply(id, reply) {
            buffers::give(buffer);
        }
        self.end_flow(id)
    }

    /// Puts the peer's answer into the slot of its call. Returns whom to wake.
    pub(crate) fn answered(&mut self, id: CallId, response: Response<'_>) -> Option<Waker> {
        let Self { machine, crews, .. } = self;
        let waiter = machine.waiter(id)?;
        let message = match response.message {
            None => Message::Missing,
            Some(Inbound::Gathered(bytes)) => Message::Shared(buffers::share(bytes)),
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
        waiter.ending = Some(Ending {
            code: response.code,
            retry: response.retry,
            app: response.app,
            metadata: match response.metadata {
                [] => None,
                wire => Metadata::from_wire(wire).ok().map(Box::new),
            },
            handle: None,
            said: Said::There(message),
        });
        crews.tell(&mut waiter.told)
    }

    /// Ends every call that waits in a slot and will get no answer.
    fn lose_calls(&mut self, reason: &str, after: &mut After) {
        let Self { machine, flows, crews, .. } = self;
        machine.fail_calls(|id, waiter, executed| {
            waiter.lose(Code::UNAVAILABLE, executed, reason);
            after.wakers.extend(crews.tell(&mut waiter.told));
            after.flows.extend(flows.remove(&id));
        });
    }

    /// The tasks that waited for room to write.
    fn congested(&mut self, limit: usize, wakers: &mut Vec<Waker>) {
        if !self.congested.is_empty()
            && (self.machine.unsent_bytes() < limit || self.ended.is_some())
        {
            wakers.append(&mut self.congested);
        }
    }
}

impl Waiter {
    pub(crate) fn lose(&mut self, code: Code, executed: Executed, reason: &str) {
        self.ending = Some(Ending::here(code, executed, reason));
    }
}

/// Wakes, outside of the lock.
pub(crate) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
