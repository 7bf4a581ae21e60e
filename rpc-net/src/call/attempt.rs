//! One attempt to open a call: now, or a place in line, or why not.

use super::Ending;
use super::outgoing::{Kind, Outgoing};
use crate::buffers;
use crate::link::{self, Flow, Left, Link, Place, State, Ticket, Told, Waiter};
use rpc_core::connection::{NewCall, Refusal, Shape};
use rpc_core::{CallId, Code, Executed, Time};
use std::sync::Arc;
use std::task::Waker;

/// Why a call could not be opened.
#[derive(Debug)]
pub(crate) enum Unopened {
    Late,
    LineFull(usize),
    Nested,
    Ended(String),
    Refused(Refusal),
}

impl Unopened {
    pub(crate) fn ending(self) -> Ending {
        let (code, text) = match self {
            Self::Late => {
                let text = "the deadline passed while the call waited for others to end";
                (Code::DEADLINE_EXCEEDED, text.to_owned())
            }
            Self::LineFull(n) => (
                Code::RESOURCE_EXHAUSTED,
                format!("{n} calls wait already (Limits::queued_calls); await some of them first"),
            ),
            Self::Nested => {
                let text = "the peer's limit of open calls is reached, and a call that a handler \
                            makes does not wait: the calls before it may wait for the handler";
                (Code::RESOURCE_EXHAUSTED, text.to_owned())
            }
            Self::Ended(reason) => (Code::UNAVAILABLE, reason),
            Self::Refused(refusal) => {
                let code = match refusal {
                    Refusal::Closing | Refusal::Closed => Code::UNAVAILABLE,
                    Refusal::TooLarge { .. } | Refusal::MetadataTooLarge { .. } => {
                        return Ending::never(Code::RESOURCE_EXHAUSTED, refusal.to_string());
                    }
                    _ => Code::RESOURCE_EXHAUSTED,
                };
                (code, refusal.to_string())
            }
        };
        Ending::here(code, Executed::No, text)
    }
}

/// What an opened call waits for.
pub(super) enum Opened {
    /// Its answer.
    Call(CallId),
    /// That it is written.
    OneWay(Ticket),
}

/// The circumstances of one attempt.
pub(super) struct Attempt<'a> {
    pub(super) now: Time,
    pub(super) deadline: Option<Time>,
    pub(super) link: &'a Arc<Link>,
    /// A handler makes the call.
    pub(super) nested: bool,
}

/// What became of it. `None` = it stands in line.
type Attempted = (Result<Option<Opened>, Unopened>, After);

/// Whom it concerns, for after the lock.
#[derive(Default)]
pub(crate) struct After {
    pub(crate) left: Left,
    /// To be woken.
    pub(crate) driver: Option<Waker>,
    /// To be dropped.
    pub(crate) old: Option<Waker>,
}

impl After {
    pub(crate) fn run(self) {
        link::wake(self.left.next);
        link::wake(self.driver);
        drop((self.left.own, self.old));
    }
}

impl From<Left> for After {
    fn from(left: Left) -> Self {
        Self { left, ..Self::default() }
    }
}

impl Attempt<'_> {
    /// Under the lock: opens the call if it is its turn.
    pub(super) fn run(
        &self,
        state: &mut State,
        call: &mut Outgoing,
        place: &mut Option<Place>,
        waker: &Waker,
    ) -> Attempted {
        let leave = |state: &mut State, kind: &Kind, place: &mut Option<Place>| {
            let left = place.take().map(|place| state.lines.of(kind).leave(place));
            left.unwrap_or_default()
        };
        if let Some(reason) = state.closed() {
            let reason = reason.to_owned();
            return (Err(Unopened::Ended(reason)), leave(state, &call.kind, place).into());
        }
        let is_late = self.deadline.is_some_and(|deadline| deadline <= self.now);
        if place.is_some() && is_late {
            return (Err(Unopened::Late), leave(state, &call.kind, place).into());
        }
        if state.is_verified() && state.lines.of(&call.kind).may_try(*place) {
            match self.open(state, call, waker) {
                Ok(opened) => {
                    let left = place.take().map(|place| state.lines.of(&call.kind).opened(place));
                    let left = left.unwrap_or_default();
                    let driver = state.driver();
                    return (Ok(Some(opened)), After { left, driver, old: None });
                }
                Err(Refusal::Busy) => {}
                Err(refusal) => {
                    let left = leave(state, &call.kind, place);
                    return (Err(Unopened::Refused(refusal)), left.into());
                }
            }
        }
        let waiting = state.lines.len();
        let line = state.lines.of(&call.kind);
        if let Some(place) = place {
            let old = line.stay(*place, waker);
            return (Ok(None), After { old, ..After::default() });
        }
        if self.nested {
            return (Err(Unopened::Nested), After::default());
        }
        if waiting >= self.link.limits().queued_calls {
            return (Err(Unopened::LineFull(waiting)), After::default());
        }
        *place = Some(line.join(waker, self.deadline));
        // The driver keeps the time for those in line.
        (Ok(None), After { driver: state.driver(), ..After::default() })
    }

    fn open(
        &self,
        state: &mut State,
        call: &mut Outgoing,
        waker: &Waker,
    ) -> Result<Opened, Refusal> {
        let shape = match &call.kind {
            Kind::Unary | Kind::OneWay => Shape::Unary,
            Kind::Streams { pump, inflow } => {
                Shape::Stream { items_out: pump.is_some(), items_in: inflow.is_some() }
            }
        };
        let is_oneway = call.is_oneway();
        let new = call.as_new(self.deadline, shape);
        if is_oneway {
            let position = state.machine.oneway(self.now, new)?;
            return Ok(Opened::OneWay(state.leaving.join(position, self.deadline, waker)));
        }
        let told = Told::Task(waker.clone());
        let waiter = Waiter { told, ending: None, buffer: buffers::take() };
        let id = state.machine.call(self.now, new, waiter).map_err(|refused| {
            buffers::give(refused.waiter.buffer);
            refused.reason
        })?;
        if let Kind::Streams { inflow, .. } = &mut call.kind {
            let inflow = inflow.take();
            if let Some(inflow) = &inflow {
                inflow.open(Arc::clone(self.link), id);
            }
            state.flows.insert(id, Flow::new(inflow));
        }
        Ok(Opened::Call(id))
    }
}

impl Outgoing {
    /// The call, as the machine takes it.
    pub(crate) fn as_new(&mut self, deadline: Option<Time>, shape: Shape) -> NewCall<'_> {
        NewCall {
            method: self.method.id(),
            signature: self.signature,
            deadline,
            metadata: self.metadata.as_wire(),
            payload: &mut self.payload,
            shape,
        }
    }
}
