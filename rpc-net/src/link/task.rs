//! The task of a handler that was not ready at once.

use super::flows::Flow;
use super::handlers::{Done, panicked};
use super::{Link, State, wake};
use crate::events::Ongoing;
use crate::request::Reply;
use crate::router::Route;
use crate::scope::Scope;
use crate::service::Slot;
use crate::sync::{AbortHandle, Sleep, Stopwatch, sleep_until};
use rpc_core::{CallId, Code, Retry};
use std::collections::hash_map::Entry;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A handler that runs in a task of its own.
#[derive(Debug)]
pub(crate) struct Running {
    task: Option<AbortHandle>,
    /// Why it is to stop, once it is.
    stop: Option<Code>,
    oneway: bool,
}

/// What is known of a call whose handler runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) id: CallId,
    /// What it costs, if it is one-way.
    pub(super) oneway: Option<u32>,
    pub(super) scope: Scope,
    /// The ordered service that waits for it.
    pub(super) lane: Option<usize>,
    pub(super) route: Route,
}

/// Moves a handler into a task of its own.
pub(super) fn spawn(link: &Arc<Link>, slot: Box<dyn Slot>, job: Job, observed: Option<Ongoing>) {
    let id = job.id;
    let oneway = job.oneway.is_some();
    // Entered before the task begins: the task may end before this function does.
    link.lock().running.insert(id, Running { task: None, stop: None, oneway });
    // The machine keeps the time of calls that are answered.
    let deadline = job.scope.deadline.filter(|_| oneway);
    let until = deadline.map(|at| Box::pin(sleep_until(at)));
    let (started, link_of_task) = (Stopwatch::now(), Arc::clone(link));
    let task = crate::sync::spawn(Handler {
        slot: Some(slot),
        link: link_of_task,
        job,
        until,
        started,
        observed,
    });
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
    /// Marks a handler to be stopped. Its answer is sent when it has been dropped; without a task to abort
    /// it is sent now. What is returned is dealt with after the lock.
    pub(super) fn stop(&mut self, id: CallId, why: Code) -> (Option<AbortHandle>, Option<Flow>) {
        match self.running.entry(id) {
            Entry::Occupied(mut running) => {
                running.get_mut().stop.get_or_insert(why);
                (running.get().task.clone(), None)
            }
            Entry::Vacant(_) => (None, self.reply(id, stopped(why))),
        }
    }

    /// Every handler that nobody waits for when the connection has ended, to be aborted after the lock.
    /// Nobody ever waited for those of one-way calls: they go on.
    pub(super) fn abandon_calls(&mut self) -> Vec<AbortHandle> {
        self.abandon(|running| !running.oneway)
    }

    /// Every handler that still runs, to be aborted after the lock.
    pub(super) fn abandon_all(&mut self) -> Vec<AbortHandle> {
        self.abandon(|_| true)
    }

    fn abandon(&mut self, which: impl Fn(&Running) -> bool) -> Vec<AbortHandle> {
        let mut tasks = Vec::new();
        self.running.retain(|_, running| {
            let abandoned = which(running);
            if abandoned {
                tasks.extend(running.task.take());
            }
            !abandoned
        });
        tasks
    }

    /// Whether handlers of one-way calls run in tasks.
    pub(super) fn serves_oneways(&self) -> bool {
        self.running.values().any(|running| running.oneway)
    }
}

fn stopped(why: Code) -> Reply {
    let text = match why {
        Code::DEADLINE_EXCEEDED => "the deadline passed; the handler was dropped",
        _ => "the caller cancelled the call; the handler was dropped",
    };
    Reply::fault(why, Retry::Unknown, text)
}

/// The task of one handler. Whatever ends it, the call gets one answer, unless it is one-way.
struct Handler {
    /// Empty once the handler has ended.
    slot: Option<Box<dyn Slot>>,
    link: Arc<Link>,
    job: Job,
    /// When a one-way call is given up.
    until: Option<Pin<Box<Sleep>>>,
    started: Stopwatch,
    observed: Option<Ongoing>,
}

impl Handler {
    /// Drops the handler and then tells its reply. A panic in the drop must not keep that back.
    fn end(&mut self, reply: impl FnOnce(Option<Code>) -> Reply) {
        let slot = self.slot.take();
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(slot)));
        let Job { id, oneway, lane, route, .. } = self.job;
        let (code, flow, driver) = {
            let mut state = self.link.lock();
            let why = state.running.remove(&id).and_then(|running| running.stop);
            let reply = if dropped.is_ok() { reply(why) } else { panicked() };
            state.freed.extend(lane);
            (reply.code, state.done(Done { id, oneway, reply }), state.driver())
        };
        self.link.router.count(route, 1, code, self.started.elapsed());
        if let Some(observed) = self.observed.take() {
            observed.end(code);
        }
        if let Some(flow) = flow {
            flow.close(Code::CANCELLED, "the call ended before all its items had come");
        }
        wake(driver);
    }
}

impl Future for Handler {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let scope = this.job.scope;
        let Some(slot) = &mut this.slot else {
            return Poll::Ready(());
        };
        let reply = match catch_unwind(AssertUnwindSafe(|| scope.enter(|| slot.poll(cx)))) {
            Ok(Poll::Pending) => {
                let late =
                    this.until.as_mut().is_some_and(|until| until.as_mut().poll(cx).is_ready());
                if !late {
                    return Poll::Pending;
                }
                stopped(Code::DEADLINE_EXCEEDED)
            }
            Ok(Poll::Ready(reply)) => reply,
            Err(_) => panicked(),
        };
        this.end(|_| reply);
        Poll::Ready(())
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        if self.slot.is_some() {
            // The slot is held on the wire until the handler is gone.
            self.end(|why| stopped(why.unwrap_or(Code::CANCELLED)));
        }
    }
}
