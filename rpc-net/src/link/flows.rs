//! What a connection keeps for its streaming calls, and only for them: who reads, who writes.

use super::{Link, State};
use crate::router::Route;
use crate::stream::{End, Inflow};
use rpc_core::connection::Inbound;
use rpc_core::{CallId, Code};
use std::sync::Arc;
use std::task::Waker;

/// The streams of one open call.
///
/// It is taken out when the call ends, and then closed or dropped outside of the lock: the wakers are
/// the user's.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Where the peer's items wait, if they are wanted at all.
    inflow: Option<Arc<Inflow>>,
    /// Whoever waits to send an item.
    writer: Option<Waker>,
    /// The peer wants no more items.
    stopped: bool,
}

impl Flow {
    pub(crate) const fn new(inflow: Option<Arc<Inflow>>) -> Self {
        Self { inflow, writer: None, stopped: false }
    }

    /// The call is over: tells those who still read or write. Outside of the lock.
    pub(crate) fn close(self, code: Code, why: &'static str) {
        let reader = self.inflow.and_then(|inflow| inflow.end(End::CutOff(code, why)));
        for waker in [reader, self.writer].into_iter().flatten() {
            waker.wake();
        }
    }
}

impl State {
    /// A streaming call of the peer begins. Returns where its items will wait, if the method wants any.
    pub(super) fn serve_flow(
        &mut self,
        link: &Arc<Link>,
        route: Route,
        id: CallId,
        ended: bool,
    ) -> Option<Arc<Inflow>> {
        let inflow = route.method.has_items_in().then(|| Inflow::of(Arc::clone(link), id));
        if let Some(inflow) = inflow.as_ref().filter(|_| ended) {
            inflow.end(End::Finished);
        }
        self.flows.insert(id, Flow::new(inflow.clone()));
        inflow
    }

    /// The streams of a call that has ended, to be closed after the lock.
    pub(crate) fn end_flow(&mut self, id: CallId) -> Option<Flow> {
        // Most connections have no streams.
        if self.flows.is_empty() { None } else { self.flows.remove(&id) }
    }

    fn inflow(&self, id: CallId) -> Option<&Arc<Inflow>> {
        self.flows.get(&id).and_then(|flow| flow.inflow.as_ref())
    }

    /// An item of the peer. Returns whom to wake.
    pub(super) fn item(
        &mut self,
        id: CallId,
        message: Inbound<'_>,
        cost: u32,
        last: bool,
    ) -> [Option<Waker>; 2] {
        let inflow = self.inflow(id);
        let pushed = inflow.map_or(Err(cost), |inflow| inflow.push(message, cost));
        let ended = inflow.filter(|_| last).and_then(|inflow| inflow.end(End::Finished));
        match pushed {
            Ok(reader) => [reader, ended],
            Err(cost) => {
                self.machine.consumed(id, cost);
                [ended, None]
            }
        }
    }

    /// Takes the items of the peer at the beginning of `bytes` that follow one of their call. Returns how many
    /// bytes they took, and whom to wake.
    pub(super) fn more_items(&mut self, id: CallId, bytes: &[u8]) -> (usize, Option<Waker>) {
        let frames = self.machine.more_items(id, bytes);
        if frames.is_empty() {
            return (0, None);
        }
        let cost = u32::try_from(frames.len()).unwrap_or(u32::MAX);
        let pushed = self.inflow(id).map_or(Err(cost), |inflow| inflow.push_frames(frames));
        let reader = pushed.unwrap_or_else(|cost| {
            self.machine.consumed(id, cost);
            None
        });
        (frames.len(), reader)
    }

    /// The peer's items have ended. Returns whom to wake.
    pub(super) fn items_ended(&self, id: CallId) -> Option<Waker> {
        self.inflow(id).and_then(|inflow| inflow.end(End::Finished))
    }

    /// Items may be sent again. Returns whom to wake.
    pub(super) fn writable(&mut self, id: CallId) -> Option<Waker> {
        self.flows.get_mut(&id).and_then(|flow| flow.writer.take())
    }

    /// The peer wants no more items. Returns whom to wake: also a sender that has none ready is to stop.
    pub(super) fn stopped(&mut self, id: CallId) -> [Option<Waker>; 2] {
        let writer = self.flows.get_mut(&id).and_then(|flow| {
            flow.stopped = true;
            flow.writer.take()
        });
        [writer, self.machine.waiter(id).and_then(|waiter| waiter.told.task().cloned())]
    }

    /// Whether the peer still wants items of this call.
    pub(crate) fn wants_items(&self, id: CallId) -> bool {
        self.flows.get(&id).is_some_and(|flow| !flow.stopped)
    }

    /// Whom to wake when an item may be sent. Returns a waker to be dropped after the lock.
    pub(crate) fn write_later(&mut self, id: CallId, waker: &Waker) -> Option<Waker> {
        let flow = self.flows.get_mut(&id)?;
        match &flow.writer {
            Some(writer) if writer.will_wake(waker) => None,
            _ => flow.writer.replace(waker.clone()),
        }
    }

    /// Nobody reads the items of this call any more; `consumed` bytes of them were dropped. The sender is
    /// told with the driver's next turn, unless the call ends until then. Returns the driver.
    pub(crate) fn unwanted(&mut self, id: CallId, consumed: u32) -> Option<Waker> {
        if !self.flows.contains_key(&id) {
            return None;
        }
        self.machine.consumed(id, consumed);
        self.unwanted.push(id);
        self.driver()
    }

    /// Tells senders whose items nobody reads.
    pub(super) fn stop_unwanted(&mut self) {
        for id in self.unwanted.drain(..) {
            if self.flows.contains_key(&id) {
                self.machine.stop(id);
            }
        }
    }
}
