//! What the models look at when a connection has ended.

use super::Link;

impl Link {
    /// Whether nobody waits any more, and nothing of any call is left.
    pub(crate) fn is_at_rest(&self) -> bool {
        let state = self.lock();
        let nobody_waits = state.lines.len() == 0
            && state.crews.is_empty()
            && state.leaving.everybody().next().is_none()
            && state.congested.is_empty()
            && state.mourners.is_empty();
        let no_calls =
            state.machine.open_calls() == 0 && state.flows.is_empty() && state.running.is_empty();
        nobody_waits && no_calls && state.closed.is_some()
    }
}
