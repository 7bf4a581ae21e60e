//! What a server says of its own end.

use std::fmt;
use std::time::Duration;

/// How a server stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Connections that were open when it began to stop. All of them are closed.
    pub connections: usize,
    /// Those of them that did not end gracefully: lost, or not done in time.
    pub connections_cut: usize,
    /// Calls that were open when it began to stop, and were answered.
    pub finished: usize,
    /// Calls that were cut: their callers got no answer.
    pub cut: usize,
    /// How long stopping took.
    pub elapsed: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, connections_cut, finished, cut, elapsed } = self;
        write!(
            f,
            "stopped in {elapsed:.1?}: {connections} connections closed ({connections_cut} cut), \
             {finished} calls finished, {cut} cut"
        )
    }
}
