//! A call over one connection: opened, awaited, cancelled when dropped. It knows bytes, no types.

use super::Ending;
use super::attempt::{Attempt, Opened};
use super::outgoing::{Kind, Outgoing, Sending};
use crate::buffers;
use crate::events::{Ongoing, Role, Watched};
use crate::link::{self, Link, Place, Ticket, Told, Written};
use crate::peer::Handle;
use crate::scope::Scope;
use crate::stream::Pumped;
use rpc_core::frame::CancelReason;
use rpc_core::{CallId, Code, Executed, Time};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The future of one call over one connection. Sends nothing before its first poll.
///
/// It also sends the items of the call's own stream, if there is one, whenever it is polled. A call that
/// is first polled by a handler inherits the handler's deadline and waits in no line. Dropping it cancels
/// the call.
#[derive(Debug)]
pub(crate) struct RawCall {
    /// Keeps the connection as long as the call.
    handle: Arc<Handle>,
    stage: Stage,
    /// Who observes it, from its first poll on. Boxed because most calls are observed by nobody.
    observed: Option<Box<Ongoing>>,
}

#[derive(Debug)]
enum Stage {
    /// Not sent; waiting in line if it has a place.
    Unsent { call: Outgoing, place: Option<Place>, deadline: Option<Time> },
    /// Open, with this id.
    Open { id: CallId, pump: Sending },
    /// A one-way call that waits until it is written.
    Leaving(Ticket),
    /// Ended before it was opened.
    Returned(Outgoing),
    /// Ended.
    Done,
}

impl RawCall {
    pub(crate) fn new(handle: Arc<Handle>, call: Outgoing) -> Self {
        Self { handle, stage: Stage::Unsent { call, place: None, deadline: None }, observed: None }
    }

    /// The call, if it ended before it was opened: nothing of it has gone anywhere.
    pub(crate) fn into_returned(mut self) -> Option<Outgoing> {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Returned(call) => Some(call),
            _ => None,
        }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.handle.link
    }

    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        self.handle.link.peer_addr()
    }

    /// The call, while it was not polled.
    pub(crate) fn outgoing(&mut self) -> Option<&mut Outgoing> {
        match &mut self.stage {
            Stage::Unsent { call, .. } => Some(call),
            Stage::Open { .. } | Stage::Leaving(_) | Stage::Returned(_) | Stage::Done => None,
        }
    }

    /// Whether the handler may have run, if the call ended now.
    pub(crate) fn executed(&self) -> Executed {
        match self.stage {
            Stage::Unsent { .. } | Stage::Returned(_) => Executed::No,
            Stage::Open { .. } | Stage::Leaving(_) | Stage::Done => Executed::Maybe,
        }
    }

    /// Where the call is, for `Debug`.
    pub(crate) fn stage(&self) -> &'static str {
        match &self.stage {
            Stage::Unsent { place: None, .. } => "not sent",
            Stage::Unsent { place: Some(_), .. } => "waiting for its turn",
            Stage::Open { .. } => "open",
            Stage::Leaving(_) => "being written",
            Stage::Returned(_) | Stage::Done => "ended",
        }
    }

    /// Tells whoever observes the call that it begins: once.
    pub(crate) fn begin(&mut self) {
        if let (Stage::Unsent { call, .. }, None) = (&self.stage, &self.observed) {
            let watched = self.handle.link.about.watched();
            let begin = |to: &Watched| Box::new(to.begin(Role::Asking, call.method));
            self.observed = watched.map(begin);
        }
    }

    /// Fixes until when the call may take: by its own limit, one that was fixed before, and that of the
    /// handler that makes it.
    pub(crate) fn fix_deadline(&mut self, now: Time, scope: Option<Scope>) {
        let link = &self.handle.link;
        if let Stage::Unsent { call, place: None, deadline: deadline @ None } = &mut self.stage {
            let own = call.timeout_ms.map(|ms| now.plus_millis(ms.into()));
            let inherited = scope.and_then(|scope| scope.deadline);
            let fixed = [call.deadline, inherited].into_iter().flatten().min();
            *deadline = own.into_iter().chain(fixed.map(|at| link.moment(at))).min();
        }
    }

    /// The handle of its connection, if others may open the call in its stead: a unary one that was never
    /// polled.
    pub(crate) fn as_fresh(&self) -> Option<&Arc<Handle>> {
        match &self.stage {
            Stage::Unsent { call, place: None, deadline: None } if call.is_unary() => {
                Some(&self.handle)
            }
            _ => None,
        }
    }

    /// The call, and until when it may take, for those who open it in its stead.
    #[inline]
    pub(crate) fn unsent(&mut self) -> Option<(&mut Outgoing, Option<Time>)> {
        match &mut self.stage {
            Stage::Unsent { call, deadline, .. } => Some((call, *deadline)),
            _ => None,
        }
    }

    /// Others opened it, and know how it ended.
    pub(crate) fn settle(&mut self, code: Code) {
        self.stage = Stage::Done;
        if let Some(observed) = self.observed.take() {
            observed.end(code);
        }
    }

    /// Tries to open the call. After `Ok` it stands in line or is open.
    fn open(&mut self, cx: &Context<'_>) -> Result<(), Ending> {
        let now = self.handle.link.now_at_latest();
        let scope = Scope::current();
        self.fix_deadline(now, scope);
        let link = &self.handle.link;
        let Stage::Unsent { call, place, deadline } = &mut self.stage else {
            return Ok(());
        };
        let attempt = Attempt { now, deadline: *deadline, link, nested: scope.is_some() };
        let mut state = link.lock();
        let (tried, after) = attempt.run(&mut state, call, place, cx.waker());
        drop(state);
        after.run();
        let open = match tried {
            Err(refusal) => return Err(refusal.ending()),
            Ok(None) => return Ok(()),
            Ok(Some(Opened::OneWay(ticket))) => Stage::Leaving(ticket),
            Ok(Some(Opened::Call(id))) => match &mut call.kind {
                Kind::Streams { pump, .. } => Stage::Open { id, pump: pump.take() },
                Kind::Unary | Kind::OneWay => Stage::Open { id, pump: None },
            },
        };
        buffers::give(std::mem::take(&mut call.payload).into_buffer());
        self.stage = open;
        Ok(())
    }

    /// Runs an open call: takes how it ended, or sends on.
    fn run(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        let Stage::Open { id, pump } = &mut self.stage else { return Poll::Pending };
        let link = &self.handle.link;
        if let Poll::Ready(ending) = ending(link, *id, cx) {
            return Poll::Ready(ending);
        }
        let Some(sending) = pump else { return Poll::Pending };
        // Its own statement, so that the lock is free when the stream is polled.
        let wanted = link.lock().wants_items(*id);
        let pumped = match wanted {
            true => ready!(sending.poll(link, *id, cx)),
            false => Pumped::Stopped,
        };
        *pump = None;
        match pumped {
            Pumped::Finished => {
                let driver = {
                    let mut state = link.lock();
                    state.machine.finish(*id);
                    state.driver()
                };
                link::wake(driver);
                Poll::Pending
            }
            Pumped::Stopped => Poll::Pending,
            Pumped::Unsendable { too_large, text } => {
                let exhausted = too_large.then_some(Code::RESOURCE_EXHAUSTED);
                let code = exhausted.unwrap_or(Code::INVALID_ARGUMENT);
                self.cancel();
                Poll::Ready(Ending::here(code, Executed::Maybe, text))
            }
        }
    }

    /// Waits until a one-way call is written.
    fn leave(&self, ticket: Ticket, cx: &Context<'_>) -> Poll<Ending> {
        let (written, old) = self.handle.link.lock().written(ticket, cx.waker());
        drop(old);
        let (code, executed, text) = match written {
            Written::NotYet => return Poll::Pending,
            Written::Yes => return Poll::Ready(Ending::sent()),
            Written::Late(executed) => {
                let text = "the deadline passed before the call was written";
                (Code::DEADLINE_EXCEEDED, executed, text.to_owned())
            }
            Written::Never(executed, reason) => (Code::UNAVAILABLE, executed, reason),
        };
        Poll::Ready(Ending::here(code, executed, text))
    }

    /// Ends whatever is going on at the other end.
    fn cancel(&mut self) {
        let link = &self.handle.link;
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Open { id, .. } => {
                let mut state = link.lock();
                let waiter = state.machine.cancel(id, CancelReason::DROPPED);
                let flow = state.flows.remove(&id);
                let driver = state.driver();
                drop(state);
                drop((waiter, flow));
                link::wake(driver);
            }
            Stage::Unsent { call, place: Some(place), .. } => {
                let left = link.lock().lines.of(&call.kind).leave(place);
                link::wake(left.next);
            }
            Stage::Leaving(ticket) => {
                let waker = link.lock().leaving.forget(ticket);
                drop(waker);
            }
            Stage::Unsent { place: None, .. } | Stage::Returned(_) | Stage::Done => {}
        }
    }
}

/// Takes how an open call ended, if it has; otherwise remembers whom to wake.
fn ending(link: &Link, id: CallId, cx: &Context<'_>) -> Poll<Ending> {
    let mut state = link.lock();
    let Some(waiter) = state.machine.waiter(id) else {
        return Poll::Ready(Ending::lost());
    };
    if waiter.ending.is_none() {
        if !waiter.told.task().is_some_and(|same| same.will_wake(cx.waker())) {
            // The old waker's drop is its runtime's code: it must not run under the lock.
            let old = std::mem::replace(&mut waiter.told, Told::Task(cx.waker().clone()));
            drop(state);
            drop(old);
        }
        return Poll::Pending;
    }
    let waiter = state.machine.take(id);
    drop(state);
    let ending = waiter.and_then(|mut waiter| {
        buffers::give(std::mem::take(&mut waiter.buffer));
        waiter.ending
    });
    Poll::Ready(ending.unwrap_or_else(Ending::lost))
}

impl Future for RawCall {
    type Output = Ending;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending> {
        let this = &mut *self;
        let mut ended = None;
        if let Stage::Unsent { .. } = &this.stage {
            this.begin();
            ended = this.open(cx).err();
        }
        let polled = match (&mut this.stage, ended) {
            (_, Some(ending)) => Poll::Ready(ending),
            (Stage::Open { .. }, None) => this.run(cx),
            (Stage::Leaving(ticket), None) => {
                let ticket = *ticket;
                this.leave(ticket, cx)
            }
            // A future that is polled after it resolved has nothing more to say.
            (Stage::Unsent { .. } | Stage::Returned(_) | Stage::Done, None) => Poll::Pending,
        };
        let Poll::Ready(mut ending) = polled else { return Poll::Pending };
        match &mut this.stage {
            Stage::Unsent { call, .. } => this.stage = Stage::Returned(call.take()),
            _ => this.stage = Stage::Done,
        }
        if let Some(observed) = this.observed.take() {
            observed.end(ending.code());
        }
        ending.handle = Some(Arc::clone(&this.handle));
        Poll::Ready(ending)
    }
}

impl Drop for RawCall {
    fn drop(&mut self) {
        // Mostly it has ended: then nothing is moved out to be looked at.
        if !matches!(self.stage, Stage::Done) {
            self.cancel();
        }
    }
}
