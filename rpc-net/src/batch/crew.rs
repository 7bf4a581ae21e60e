//! The unary calls of a batch over one connection: opened, awaited and cancelled together.

use super::ended::Ended;
use super::members::{Calls, Tell};
use crate::buffers;
use crate::call::{After, Kind, Unopened};
use crate::link::{self, CrewId, Link, Many, Place, State, Told, Waiter};
use crate::peer::Handle;
use crate::scope::Scope;
use rpc_core::connection::{Refusal, Shape};
use rpc_core::frame::CancelReason;
use rpc_core::{CallId, Executed, Payload, Time};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Waker};

/// So many are expected to be open together.
const AT_ONCE: usize = 256;

/// The calls, as far as they have not ended.
#[derive(Debug)]
pub(super) struct Crew {
    /// Keeps the connection as long as they are there.
    handle: Arc<Handle>,
    /// Those that are not sent yet, in order.
    unsent: VecDeque<u32>,
    open: Vec<(CallId, u32)>,
    /// Those that may be cancelled one by one.
    handles: Vec<u32>,
    /// Where the open ones are counted.
    id: Option<CrewId>,
    /// Where the others wait.
    place: Option<Place>,
    /// Until when those wait.
    many: Many,
    /// What was found out under the lock, to be told after it.
    ended: Vec<(u32, Ended)>,
    /// Payloads that were sent, to be dropped after the lock: the last owner of a piece may be the user's.
    sent: Vec<Payload>,
}

impl Crew {
    /// Of so many calls at most.
    pub(super) fn new(handle: Arc<Handle>, calls: usize) -> Self {
        Self {
            handle,
            unsent: VecDeque::with_capacity(calls),
            open: Vec::new(),
            handles: Vec::new(),
            id: None,
            place: None,
            many: Many { calls: 0, first: None, last: None },
            ended: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Whether its calls go over this connection.
    pub(super) fn is_over(&self, link: &Arc<Link>) -> bool {
        Arc::ptr_eq(&self.handle.link, link)
    }

    pub(super) fn add(&mut self, number: u32, has_handle: bool) {
        self.unsent.push_back(number);
        if has_handle {
            self.handles.push(number);
        }
    }

    /// The calls begin now: whoever observes them is told.
    pub(super) fn begin(&mut self, calls: &mut Calls) {
        if self.handle.link.about.watched().is_some() {
            for number in &self.unsent {
                if let Some(call) = calls.get(*number).and_then(|call| call.raw()) {
                    call.begin();
                }
            }
        }
    }

    /// Takes the answers that have come, and opens what may be opened.
    pub(super) fn poll(
        &mut self,
        calls: &mut Calls,
        scope: Option<Scope>,
        cx: &Context<'_>,
        tell: &mut Tell<'_>,
    ) {
        if self.unsent.is_empty() && self.open.is_empty() {
            return;
        }
        let cancelled = self.cancelled(calls, cx);
        let cancels = !cancelled.is_empty();
        let handle = Arc::clone(&self.handle);
        let mut attempt = Attempt { now: Time::ZERO, nested: scope.is_some(), waker: cx.waker() };
        if !self.unsent.is_empty() {
            attempt.now = handle.link.now_at_latest();
            if self.place.is_none() {
                self.fix_deadlines(calls, attempt.now, scope);
            }
        }
        let mut state = handle.link.lock();
        if cancels {
            self.cut(&mut state, &cancelled);
        }
        self.collect(&mut state);
        let mut after = match self.unsent.is_empty() && self.place.is_none() {
            true => After::default(),
            false => self.send(&mut state, &handle.link, calls, &attempt),
        };
        let old = match self.id {
            Some(id) if self.open.is_empty() && self.unsent.is_empty() => {
                self.id = None;
                state.crews.disband(id)
            }
            Some(id) => state.crews.stay(id, cx.waker()),
            None => None,
        };
        if cancels && after.driver.is_none() {
            after.driver = state.driver();
        }
        drop(state);
        after.run();
        drop(old);
        self.sent.clear();
        self.tell(calls, tell);
    }

    /// Those whose handles have cancelled them, in order.
    fn cancelled(&mut self, calls: &mut Calls, cx: &Context<'_>) -> Vec<u32> {
        let mut cancelled = Vec::new();
        self.handles.retain(|number| {
            let call = calls.get(*number).filter(|call| !call.has_ended());
            let is_cancelled = call.as_ref().is_some_and(|call| call.poll_cancelled(cx));
            if is_cancelled {
                cancelled.push(*number);
            }
            call.is_some() && !is_cancelled
        });
        cancelled
    }

    /// Their deadlines count from now on.
    fn fix_deadlines(&mut self, calls: &mut Calls, now: Time, scope: Option<Scope>) {
        for number in &self.unsent {
            if let Some(call) = calls.get(*number).and_then(|call| call.raw()) {
                call.fix_deadline(now, scope);
            }
        }
    }

    /// Under the lock: ends those that were cancelled, which stand in order.
    fn cut(&mut self, state: &mut State, cancelled: &[u32]) {
        let Self { open, unsent, ended, id: crew, .. } = self;
        let stays = |number: &u32| cancelled.binary_search(number).is_err();
        open.retain(|(id, number)| {
            if stays(number) {
                return true;
            }
            let waiter = state.machine.cancel(*id, CancelReason::DROPPED);
            if let (Some(Waiter { told: Told::Crew(_), .. }), Some(crew)) = (&waiter, *crew) {
                state.crews.leave(crew);
            }
            ended.push((*number, Ended::Cancelled(Executed::Maybe)));
            false
        });
        unsent.retain(|number| {
            let stays = stays(number);
            if !stays {
                ended.push((*number, Ended::Cancelled(Executed::No)));
            }
            stays
        });
    }

    /// Under the lock: takes the answers, when all have come or others wait for their places.
    fn collect(&mut self, state: &mut State) {
        let Some(id) = self.id else { return };
        let left = state.crews.left(id);
        if left == self.open.len() || (left > 0 && self.place.is_none()) {
            return;
        }
        self.ended.reserve(self.open.len() - left.min(self.open.len()));
        let Self { open, ended, .. } = self;
        open.retain(|(id, number)| {
            let end = match state.machine.take(*id) {
                Some(Waiter { ending, buffer, .. }) => {
                    buffers::give(buffer);
                    Ended::Slot(ending)
                }
                None if state.machine.waiter(*id).is_some() => return true,
                None => Ended::Slot(None),
            };
            ended.push((*number, end));
            false
        });
    }

    /// Under the lock: opens as many as may be, and sees to the place in line of the others.
    fn send(
        &mut self,
        state: &mut State,
        link: &Link,
        calls: &mut Calls,
        attempt: &Attempt<'_>,
    ) -> After {
        let (late, opened) = match state.closed() {
            Some(reason) => {
                let reason = reason.to_owned();
                self.refuse(|| Unopened::Ended(reason.clone()));
                (false, 0)
            }
            None => (self.drop_late(calls, attempt.now), self.open(state, calls, attempt)),
        };
        let line = state.lines.of(&Kind::Unary);
        let left = match self.place.take_if(|_| self.unsent.is_empty()) {
            Some(place) if opened > 0 => line.opened(place),
            Some(place) => line.leave(place),
            None => link::Left::default(),
        };
        let (mut joined, mut old) = (false, None);
        if !self.unsent.is_empty() {
            self.many.calls = self.unsent.len();
            match self.place {
                Some(place) => old = line.stay_many(place, attempt.waker, self.many),
                None => joined = self.join(state, link, calls, attempt),
            }
        }
        // The driver keeps the time for those in line, also for who is late next.
        let driver = if opened > 0 || joined || late { state.driver() } else { None };
        After { left, driver, old }
    }

    /// Opens them in their order, until there is no room.
    fn open(&mut self, state: &mut State, calls: &mut Calls, attempt: &Attempt<'_>) -> usize {
        let turns = state.lines.of(&Kind::Unary).turns(self.place);
        if turns == 0 || self.unsent.is_empty() || !state.is_verified() {
            return 0;
        }
        let crew = *self.id.get_or_insert_with(|| state.crews.found(attempt.waker));
        // The buffer of each call's arguments is where the answer of the next goes.
        let mut buffer = buffers::take();
        self.open.reserve(self.unsent.len().min(turns).min(AT_ONCE));
        let mut opened = 0;
        while let Some(number) = self.unsent.front().copied().filter(|_| opened < turns) {
            let call = calls.get(number).and_then(|call| call.raw()).and_then(|call| call.unsent());
            let end = match call {
                Some((call, deadline)) => {
                    let waiter = Waiter { told: Told::Crew(crew), ending: None, buffer };
                    let new = call.as_new(deadline, Shape::Unary);
                    match state.machine.call(attempt.now, new, waiter) {
                        Ok(id) => {
                            buffer = self.recycle(std::mem::take(&mut call.payload));
                            self.open.push((id, number));
                            opened += 1;
                            None
                        }
                        Err(refused) => {
                            buffer = refused.waiter.buffer;
                            if matches!(refused.reason, Refusal::Busy) {
                                break;
                            }
                            Some(Ended::Unopened(Unopened::Refused(refused.reason)))
                        }
                    }
                }
                None => Some(Ended::Slot(None)),
            };
            self.unsent.pop_front();
            self.ended.extend(end.map(|end| (number, end)));
        }
        buffers::give(buffer);
        state.crews.open(crew, opened);
        opened
    }

    /// The buffer of a payload that was sent.
    fn recycle(&mut self, payload: Payload) -> Vec<u8> {
        let small = payload.as_slice().is_some_and(|bytes| bytes.len() < Payload::SHARE_FROM_BYTES);
        if small {
            return payload.into_buffer();
        }
        self.sent.push(payload);
        buffers::take()
    }

    /// Under the lock: joins the line, or fails those that may not wait.
    fn join(
        &mut self,
        state: &mut State,
        link: &Link,
        calls: &mut Calls,
        attempt: &Attempt<'_>,
    ) -> bool {
        let waiting = state.lines.len();
        if attempt.nested {
            self.refuse(|| Unopened::Nested);
            return false;
        }
        if waiting >= link.limits().queued_calls {
            self.refuse(|| Unopened::LineFull(waiting));
            return false;
        }
        self.look_at_deadlines(calls);
        let line = state.lines.of(&Kind::Unary);
        self.place = Some(line.join_many(attempt.waker, self.many));
        true
    }

    /// Ends all that are not sent.
    fn refuse(&mut self, why: impl Fn() -> Unopened) {
        self.ended.extend(self.unsent.drain(..).map(|number| (number, Ended::Unopened(why()))));
    }

    /// Ends those in line whose deadline has come. Whether there may have been some.
    fn drop_late(&mut self, calls: &mut Calls, now: Time) -> bool {
        if self.place.is_none() || self.many.first.is_none_or(|deadline| deadline > now) {
            return false;
        }
        let Self { unsent, ended, .. } = self;
        unsent.retain(|number| {
            let late = deadline(calls, *number).is_some_and(|deadline| deadline <= now);
            if late {
                ended.push((*number, Ended::Unopened(Unopened::Late)));
            }
            !late
        });
        self.look_at_deadlines(calls);
        true
    }

    /// Until when those in line wait.
    fn look_at_deadlines(&mut self, calls: &mut Calls) {
        let (mut first, mut last) = (None, Some(Time::ZERO));
        for number in &self.unsent {
            let deadline = deadline(calls, *number);
            first = [first, deadline].into_iter().flatten().min();
            last = last.zip(deadline).map(|(last, deadline)| last.max(deadline));
        }
        self.many = Many { calls: self.unsent.len(), first, last };
    }

    /// Tells how those ended that have.
    fn tell(&mut self, calls: &mut Calls, tell: &mut Tell<'_>) {
        if self.ended.is_empty() {
            return;
        }
        // One handle for all: it is counted across threads.
        let mut handle = Some(Arc::clone(&self.handle));
        for (number, ended) in self.ended.drain(..) {
            let mut ending = ended.ending();
            ending.handle = handle.take();
            calls.end(number, &ending, tell);
            handle = ending.handle.take();
        }
    }

    /// Cancels all that have not ended. Returns which, and whether they may have run.
    pub(super) fn cancel(&mut self) -> Vec<(u32, Executed)> {
        let open = self.open.iter().map(|(_, number)| (*number, Executed::Maybe));
        let unsent = self.unsent.drain(..).map(|number| (number, Executed::No));
        let cut: Vec<_> = open.chain(unsent).collect();
        if self.id.is_none() && self.place.is_none() {
            return cut;
        }
        let mut state = self.handle.link.lock();
        let cancel = |(id, _)| state.machine.cancel(id, CancelReason::DROPPED);
        let waiters: Vec<_> = self.open.drain(..).map(cancel).collect();
        let place = self.place.take();
        let left = place.map(|place| state.lines.of(&Kind::Unary).leave(place));
        let crew = self.id.take().map(|id| state.crews.disband(id));
        let driver = state.driver();
        drop(state);
        drop((waiters, crew));
        After { left: left.unwrap_or_default(), driver, old: None }.run();
        cut
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// The circumstances of one poll.
struct Attempt<'a> {
    now: Time,
    /// A handler makes the calls.
    nested: bool,
    waker: &'a Waker,
}

/// Until when a call that is not sent may take.
fn deadline(calls: &mut Calls, number: u32) -> Option<Time> {
    calls.get(number)?.raw()?.unsent()?.1
}
