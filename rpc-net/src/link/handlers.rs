//! Handlers of one connection: polled once in place, moved to a task if they wait.

use super::Link;
use super::desk::BATCH;
use super::lanes::Lanes;
use super::task::{self, Job};
use crate::events::{Ongoing, Role};
use crate::request::{Reply, Request};
use crate::router::{Route, Router};
use crate::scope::Scope;
use crate::service::Slot;
use crate::sync::{self, Stopwatch};
use rpc_core::{CallId, Code, Retry};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::unconstrained;

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
    /// What it costs, if it is one-way: nothing answers it then.
    pub(crate) oneway: Option<u32>,
}

/// A call of the peer whose handler has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) id: CallId,
    /// What it cost, if it is one-way: the reply then says only whether it came to something.
    pub(crate) oneway: Option<u32>,
    pub(crate) reply: Reply,
}

/// The places in which handlers of one connection run, kept for the next call.
#[derive(Default)]
pub(crate) struct Handlers {
    /// Idle slots, by service. One is enough: handlers run in place one after the other.
    idle: Vec<Option<Box<dyn Slot>>>,
    /// How many more batches have every poll timed: some, after one that took too long.
    timed: u8,
    /// Calls of ordered services that wait for the one before.
    lanes: Lanes,
    /// How handlers have ended that are not counted yet: as many in a row in the same way.
    ended: Vec<(Route, Code, u64)>,
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle = self.idle.iter().flatten().count();
        f.debug_struct("Handlers").field("idle", &idle).field("timed", &self.timed).finish()
    }
}

/// What one handler became of its first poll.
#[derive(PartialEq, Eq)]
enum Begun {
    /// It ended.
    Ended,
    /// It runs in a task.
    Runs,
}

impl Handlers {
    /// Gives the idle places back: the next calls make new ones.
    pub(super) fn shrink(&mut self) {
        self.idle = Vec::new();
        self.ended.shrink_to_fit();
    }

    /// Starts every handler of a batch. `done` gets those that are ready.
    pub(crate) fn run(
        &mut self,
        link: &Arc<Link>,
        cx: &mut Context<'_>,
        batch: &mut Vec<Arrived>,
        done: &mut Vec<Done>,
    ) {
        if batch.is_empty() {
            return;
        }
        let started = Stopwatch::now();
        let mut last = started;
        // Answers of this batch wait, too, though the machine does not have them yet.
        let mut room = link.room_bytes();
        for arrived in batch.drain(..) {
            let route = arrived.route;
            if let Some(line) = self.lanes.ahead(route) {
                line.push_back(arrived);
                continue;
            }
            let before = done.len();
            if self.begin(link, cx, arrived, room, done) == Begun::Runs {
                self.lanes.occupy(route);
            }
            room = room.saturating_sub(bytes_since(done, before));
            if self.timed > 0 {
                let now = Stopwatch::now();
                link.router.judge(route, now.duration_since(last) > INLINE_MAX);
                last = now;
            }
        }
        let took = started.elapsed();
        // Their answers leave together.
        self.count(link, took);
        self.timed = match took > INLINE_MAX {
            true => TIMED_BATCHES,
            false => self.timed.saturating_sub(1),
        };
    }

    /// Goes on with ordered services whose running call has ended. Returns those that go on again when
    /// what is done has been answered.
    pub(crate) fn resume(
        &mut self,
        link: &Arc<Link>,
        cx: &mut Context<'_>,
        freed: Vec<usize>,
        done: &mut Vec<Done>,
    ) -> Vec<usize> {
        let started = Stopwatch::now();
        let mut room = link.room_bytes();
        let mut unfinished = Vec::new();
        for service in freed {
            self.lanes.free(service);
            while done.len() < BATCH {
                let Some(arrived) = self.lanes.next(service) else { break };
                let (route, before) = (arrived.route, done.len());
                if self.begin(link, cx, arrived, room, done) == Begun::Runs {
                    self.lanes.occupy(route);
                }
                room = room.saturating_sub(bytes_since(done, before));
            }
            if done.len() >= BATCH {
                unfinished.push(service);
            }
        }
        self.count(link, started.elapsed());
        unfinished
    }

    /// Counts the handlers of a batch that ended at once.
    fn count(&mut self, link: &Link, took: Duration) {
        for (route, code, calls) in self.ended.drain(..) {
            link.router.count(route, calls, code, took);
        }
    }

    /// A handler has ended at once.
    fn end(&mut self, route: Route, observed: Option<Ongoing>, done: Done) -> Done {
        let code = done.reply.code;
        match self.ended.last_mut() {
            Some((last, same, calls)) if *last == route && *same == code => *calls += 1,
            _ => self.ended.push((route, code, 1)),
        }
        if let Some(observed) = observed {
            observed.end(code);
        }
        done
    }

    /// Takes a call out that waits for its turn.
    pub(crate) fn forget(&mut self, id: CallId) -> Option<Arrived> {
        self.lanes.forget(id)
    }

    /// The connection has ended: only one-way calls still get their turn.
    pub(crate) fn forget_calls(&mut self) {
        self.lanes.forget_calls();
    }

    /// Whether calls wait for their turn.
    pub(crate) fn has_waiting(&self) -> bool {
        self.lanes.has_waiting()
    }

    fn begin(
        &mut self,
        link: &Arc<Link>,
        cx: &mut Context<'_>,
        arrived: Arrived,
        room: usize,
        done: &mut Vec<Done>,
    ) -> Begun {
        let Arrived { id, route, request, oneway } = arrived;
        let scope = Scope { deadline: request.context().deadline };
        let late = |deadline| deadline <= sync::now();
        if oneway.is_some() && scope.deadline.is_some_and(late) {
            let reply = Reply::fault(Code::DEADLINE_EXCEEDED, Retry::Safe, "too late to begin");
            done.push(Done { id, oneway, reply });
            return Begun::Ended;
        }
        let Some(mut slot) = self.take(&link.router, route.service) else {
            return Begun::Ended;
        };
        let observed = link.about.watched().map(|to| to.begin(Role::Answering, route.method));
        let lane = route.method.is_ordered().then_some(route.service);
        let job = Job { id, oneway, scope, lane, route };
        let in_place = !route.method.is_spawned() && !link.router.is_slow(route) && room > 0;
        let poll = || {
            slot.start(route.method, request);
            if !in_place {
                return Poll::Pending;
            }
            // Without the exemption, ready-made tokio operations use up the budget of the connection's
            // task, and every further handler would have to move to a task of its own.
            pin!(unconstrained(SlotFuture(&mut *slot))).poll(cx)
        };
        match catch_unwind(AssertUnwindSafe(|| scope.enter(poll))) {
            Ok(Poll::Ready(reply)) => {
                self.put(route.service, slot);
                done.push(self.end(route, observed, Done { id, oneway, reply }));
            }
            Ok(Poll::Pending) => {
                task::spawn(link, slot, job, observed);
                return Begun::Runs;
            }
            Err(_) => {
                done.push(self.end(route, observed, Done { id, oneway, reply: panicked() }));
            }
        }
        Begun::Ended
    }

    fn take(&mut self, router: &Router, service: usize) -> Option<Box<dyn Slot>> {
        self.idle.get_mut(service).and_then(Option::take).or_else(|| router.slot(service))
    }

    fn put(&mut self, service: usize, slot: Box<dyn Slot>) {
        if self.idle.len() <= service {
            self.idle.reserve_exact(service + 1 - self.idle.len());
            self.idle.resize_with(service + 1, || None);
        }
        if let Some(idle) = self.idle.get_mut(service) {
            *idle = Some(slot);
        }
    }
}

/// Bytes of the answers behind the first so many.
fn bytes_since(done: &[Done], before: usize) -> usize {
    done.get(before..).unwrap_or_default().iter().map(|done| done.reply.len()).sum()
}

/// The future of whatever a slot holds.
struct SlotFuture<'a>(&'a mut dyn Slot);

impl Future for SlotFuture<'_> {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply> {
        self.0.poll(cx)
    }
}

pub(super) fn panicked() -> Reply {
    // What the panic said stays here: it may hold what the peer must not see.
    Reply::fault(Code::INTERNAL, Retry::Unknown, "the handler panicked")
}
