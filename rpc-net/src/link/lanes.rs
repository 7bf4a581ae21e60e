//! Ordered services: their calls run one at a time on one connection, in the order of their arrival.

use super::handlers::Arrived;
use crate::router::Route;
use rpc_core::CallId;
use std::collections::VecDeque;

/// One lane for each ordered service, by its index.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
}

#[derive(Debug, Default)]
struct Lane {
    /// A call runs in a task.
    busy: bool,
    waiting: VecDeque<Arrived>,
}

impl Lanes {
    /// Where a call of this method has to wait, if it may not begin now.
    pub(super) fn ahead(&mut self, route: Route) -> Option<&mut VecDeque<Arrived>> {
        if !route.method.is_ordered() {
            return None;
        }
        let lane = self.lanes.get_mut(route.service)?;
        (lane.busy || !lane.waiting.is_empty()).then_some(&mut lane.waiting)
    }

    /// A call has moved to a task: those that follow wait for it.
    pub(super) fn occupy(&mut self, route: Route) {
        if !route.method.is_ordered() {
            return;
        }
        if self.lanes.len() <= route.service {
            self.lanes.resize_with(route.service + 1, Lane::default);
        }
        if let Some(lane) = self.lanes.get_mut(route.service) {
            lane.busy = true;
        }
    }

    /// The call that ran in a task has ended.
    pub(super) fn free(&mut self, service: usize) {
        if let Some(lane) = self.lanes.get_mut(service) {
            lane.busy = false;
        }
    }

    /// The next call that may begin.
    pub(super) fn next(&mut self, service: usize) -> Option<Arrived> {
        let lane = self.lanes.get_mut(service).filter(|lane| !lane.busy)?;
        lane.waiting.pop_front()
    }

    /// Takes a waiting call out.
    pub(super) fn forget(&mut self, id: CallId) -> Option<Arrived> {
        self.lanes.iter_mut().find_map(|lane| {
            let at = lane.waiting.iter().position(|waiting| waiting.id == id)?;
            lane.waiting.remove(at)
        })
    }

    /// Nobody waits for answers any more: only one-way calls stay.
    pub(super) fn forget_calls(&mut self) {
        for lane in &mut self.lanes {
            lane.waiting.retain(|waiting| waiting.oneway.is_some());
        }
    }

    pub(super) fn has_waiting(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.waiting.is_empty())
    }
}
