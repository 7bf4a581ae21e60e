//! What is measured: how many connections, how many calls in flight, what a call carries.

/// One way of calling.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
    pub(crate) bytes: usize,
    /// One batch after the other instead of a task for each call.
    pub(crate) batched: bool,
}

const fn of(
    name: &'static str,
    text: &'static str,
    [connections, in_flight, bytes]: [usize; 3],
) -> Workload {
    Workload { name, text, connections, in_flight, bytes, batched: false }
}

pub(crate) const ALL: [Workload; 5] = [
    of("W1", "ping-pong, 32 B", [1, 1, 32]),
    of("W2", "128 in flight, 32 B", [1, 128, 32]),
    Workload { batched: true, ..of("W2b", "batches of 128, 32 B", [1, 128, 32]) },
    of("W3", "32 connections × 16, 32 B", [32, 16, 32]),
    of("W4", "4 in flight, 1 MiB", [1, 4, 1 << 20]),
];

impl Workload {
    /// What a call carries: text, so that both sides may check it as text.
    pub(crate) fn payload(&self) -> String {
        (b'a'..=b'w').cycle().map(char::from).take(self.bytes).collect()
    }
}
