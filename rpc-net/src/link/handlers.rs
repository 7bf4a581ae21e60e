//! Running handlers of one connection: polled once in place, moved to a task if they wait.

use super::{Link, State, wake};
use crate::request::{Reply, Request};
use crate::router::{Route, Router};
use crate::scope::Scope;
use crate::service::Slot;
use rpc_core::{CallId, Code, Retry};
use std::collections::hash_map::Entry;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::task::{AbortHandle, unconstrained};

/// A handler whose first poll takes longer than this again and again is given a task: it would delay
/// every other call of its connection.
const INLINE_MAX: Duration = Duration::from_micros(500);

/// Batches that are timed after one that took too long: the slow method need not be in the next.
const TIMED_BATCHES: u8 = 64;

/// A call of the peer that is read and has not begun.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) id: CallId,
    pub(crate) route: Route,
    pub(crate) request: Request,
}

/// A handler that runs in a task of its own.
#[derive(Debug)]
pub(crate) struct Running {
    task: Option<AbortHandle>,
    /// Why it is to stop, once it is.
    stop: Option<Code>,
}

/// The places in which handlers of one connection run, kept for the next call.
#[derive(Default)]
pub(crate) struct Handlers {
    /// Idle slots, by service.
    idle: Vec<Vec<Box<dyn Slot>>>,
    /// How many more batches have every poll timed: some, after one that took too long.
    timed: u8,
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle: usize = self.idle.iter().map(Vec::len).sum();
        f.debug_struct("Handlers").field("idle", &idle).field("timed", &self.timed).finish()
    }
}

impl Handlers {
    /// Starts every handler of a batch. `replies` gets the answers of those that are ready.
    pub(crate) fn run(
        &mut self,
        link: &Arc<Link>,
        cx: &mut Context<'_>,
        batch: &mut Vec<Arrived>,
        replies: &mut Vec<(CallId, Reply)>,
    ) {
        if batch.is_empty() {
            return;
        }
        let started = Instant::now();
        let mut last = started;
        // Answers of this batch wait, too, though the machine does not have them yet.
        let mut room = link.room_bytes();
        for arrived in batch.drain(..) {
            let route = arrived.route;
            if route.method.is_spawned() || link.router.is_slow(route) || room == 0 {
                self.spawn_new(link, arrived, replies);
                continue;
            }
            let before = replies.len();
            self.run_inline(link, cx, arrived, replies);
            let new = replies.get(before..).unwrap_or_default();
            room = room.saturating_sub(new.iter().map(|(_, reply)| reply.len()).sum());
            if self.timed > 0 {
                let now = Instant::now();
                link.router.judge(route, now.duration_since(last) > INLINE_MAX);
                last = now;
            }
        }
        self.timed = match started.elapsed() > INLINE_MAX {
            true => TIMED_BATCHES,
            false => self.timed.saturating_sub(1),
        };
    }

    fn run_inline(
        &mut self,
        link: &Arc<Link>,
        cx: &mut Context<'_>,
        arrived: Arrived,
        replies: &mut Vec<(CallId, Reply)>,
    ) {
        let Arrived { id, route, request } = arrived;
        let scope = Scope { deadline: request.context.deadline };
        let Some(mut slot) = self.take(&link.router, route.service) else {
            return;
        };
        let poll = || {
            slot.start(route.method, request);
            // Without the exemption, ready-made tokio operations use up the budget of the connection's
            // task, and every further handler would have to move to a task of its own.
            pin!(unconstrained(SlotFuture(&mut *slot))).poll(cx)
        };
        let polled = catch_unwind(AssertUnwindSafe(|| scope.enter(poll)));
        match polled {
            Ok(Poll::Ready(reply)) => {
                self.put(route.service, slot);
                replies.push((id, reply));
            }
            Ok(Poll::Pending) => spawn(link, id, slot, scope),
            Err(_) => replies.push((id, panicked())),
        }
    }

    fn spawn_new(
        &mut self,
        link: &Arc<Link>,
        arrived: Arrived,
        replies: &mut Vec<(CallId, Reply)>,
    ) {
        let Arrived { id, route, request } = arrived;
        let scope = Scope { deadline: request.context.deadline };
        let Some(mut slot) = self.take(&link.router, route.service) else {
            return;
        };
        match catch_unwind(AssertUnwindSafe(|| slot.start(route.method, request))) {
            Ok(()) => spawn(link, id, slot, scope),
            Err(_) => replies.push((id, panicked())),
        }
    }

    fn take(&mut self, router: &Router, service: usize) -> Option<Box<dyn Slot>> {
        self.idle.get_mut(service).and_then(Vec::pop).or_else(|| router.slot(service))
    }

    fn put(&mut self, service: usize, slot: Box<dyn Slot>) {
        if self.idle.len() <= service {
            self.idle.resize_with(service + 1, Vec::new);
        }
        // One is enough: handlers run in place one after the other.
        match self.idle.get_mut(service) {
            Some(idle) if idle.is_empty() => idle.push(slot),
            _ => {}
        }
    }
}

/// The future of whatever a slot holds.
struct SlotFuture<'a>(&'a mut dyn Slot);

impl Future for SlotFuture<'_> {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply> {
        self.0.poll(cx)
    }
}

fn panicked() -> Reply {
    // What the panic said stays here: it may hold what the peer must not see.
    Reply::fault(Code::INTERNAL, Retry::Unknown, "the handler panicked")
}

/// Moves a handler into a task of its own.
fn spawn(link: &Arc<Link>, id: CallId, slot: Box<dyn Slot>, scope: Scope) {
    // Entered before the task begins: the task may end before this function does.
    link.lock().running.insert(id, Running { task: None, stop: None });
    let task = tokio::spawn(Handler { slot: Some(slot), link: Arc::clone(link), id, scope });
    let stopped = match link.lock().running.get_mut(&id) {
        Some(running) => {
            running.task = Some(task.abort_handle());
            running.stop.is_some()
        }
        None => false,
    };
    if stopped {
        task.abort();
    }
}

impl State {
    /// Marks a handler to be stopped. Its answer is sent when it has been dropped; `None` if there
    /// is no task to abort.
    pub(crate) fn stop(&mut self, id: CallId, why: Code) -> Option<AbortHandle> {
        match self.running.entry(id) {
            Entry::Occupied(mut running) => {
                running.get_mut().stop.get_or_insert(why);
                running.get().task.clone()
            }
            Entry::Vacant(_) => {
                self.reply(id, stopped(why));
                None
            }
        }
    }

    /// Every handler that still runs, to be aborted after the lock.
    pub(crate) fn abandon(&mut self) -> Vec<AbortHandle> {
        self.running.drain().filter_map(|(_, running)| running.task).collect()
    }
}

fn stopped(why: Code) -> Reply {
    let text = match why {
        Code::DEADLINE_EXCEEDED => "the deadline passed; the handler was dropped",
        _ => "the caller cancelled the call; the handler was dropped",
    };
    Reply::fault(why, Retry::Unknown, text)
}

/// The task of one handler. Whatever ends it, the call gets one answer.
struct Handler {
    /// Empty once the handler has ended.
    slot: Option<Box<dyn Slot>>,
    link: Arc<Link>,
    id: CallId,
    scope: Scope,
}

impl Future for Handler {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let scope = self.scope;
        let Some(slot) = &mut self.slot else {
            return Poll::Ready(());
        };
        let reply = match catch_unwind(AssertUnwindSafe(|| scope.enter(|| slot.poll(cx)))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(reply)) => reply,
            Err(_) => panicked(),
        };
        let slot = self.slot.take();
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(slot)));
        self.link.reply(self.id, if dropped.is_ok() { reply } else { panicked() });
        Poll::Ready(())
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        // The slot is held on the wire until the handler is gone.
        // A panic in it must not keep the answer back.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(slot)));
        let driver = {
            let mut state = self.link.lock();
            let why = state.running.remove(&self.id).and_then(|running| running.stop);
            let reply = match dropped {
                Ok(()) => stopped(why.unwrap_or(Code::CANCELLED)),
                Err(_) => panicked(),
            };
            state.reply(self.id, reply);
            state.driver()
        };
        wake(driver);
    }
}
