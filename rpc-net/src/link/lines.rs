//! The lines in which calls wait, in order, until the peer's limit allows them.

use super::queue::Queue;
use crate::call::Kind;
use rpc_core::Time;
use std::task::Waker;

/// One line for each kind of call, because the peer limits each apart: who waits in one must not hold up
/// another.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    calls: Queue,
    streams: Queue,
    oneways: Queue,
}

impl Lines {
    /// The line of this kind of call.
    pub(crate) const fn of(&mut self, kind: &Kind) -> &mut Queue {
        match kind {
            Kind::Unary => &mut self.calls,
            Kind::Streams { .. } => &mut self.streams,
            Kind::OneWay => &mut self.oneways,
        }
    }

    fn all(&self) -> [&Queue; 3] {
        [&self.calls, &self.streams, &self.oneways]
    }

    /// Gives back what nobody waits in.
    pub(super) fn shrink(&mut self) {
        for line in [&mut self.calls, &mut self.streams, &mut self.oneways] {
            line.shrink();
        }
    }

    /// How many calls wait.
    pub(crate) fn len(&self) -> usize {
        self.all().map(|line| line.len()).iter().sum()
    }

    /// A call of this side has ended: whom to wake, in each line the first who was not called yet. It is not
    /// known whose place became free; who finds none goes on waiting.
    pub(crate) fn call(&mut self, wakers: &mut Vec<Waker>) {
        // Mostly nobody waits, and this is asked for every answer.
        if self.calls.len() > 0 {
            wakers.extend(self.calls.call());
        }
        if self.streams.len() > 0 {
            wakers.extend(self.streams.call());
        }
        if self.oneways.len() > 0 {
            wakers.extend(self.oneways.first());
        }
    }

    /// The wakers of those who stand first.
    pub(crate) fn firsts(&self) -> impl Iterator<Item = Waker> {
        self.all().into_iter().filter_map(Queue::first)
    }

    /// Everybody in every line.
    pub(crate) fn everybody(&self) -> impl Iterator<Item = Waker> {
        self.all().into_iter().flat_map(Queue::everybody)
    }

    /// See [`Queue::late`].
    pub(crate) fn late(&mut self, now: Time, wakers: &mut Vec<Waker>) {
        for line in [&mut self.calls, &mut self.streams, &mut self.oneways] {
            wakers.append(&mut line.late(now));
        }
    }

    /// A lower bound of the first moment at which somebody is late.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.all().into_iter().filter_map(Queue::deadline).min()
    }
}
