//! What is measured: how many connections, how many calls in flight, what a call carries.

/// One way of calling.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
    pub(crate) bytes: usize,
}

pub(crate) const ALL: [Workload; 4] = [
    Workload { name: "W1", text: "ping-pong, 32 B", connections: 1, in_flight: 1, bytes: 32 },
    Workload { name: "W2", text: "128 in flight, 32 B", connections: 1, in_flight: 128, bytes: 32 },
    Workload {
        name: "W3",
        text: "32 connections × 16, 32 B",
        connections: 32,
        in_flight: 16,
        bytes: 32,
    },
    Workload {
        name: "W4",
        text: "4 in flight, 1 MiB",
        connections: 1,
        in_flight: 4,
        bytes: 1 << 20,
    },
];

impl Workload {
    /// What a call carries: text, so that both sides may check it as text.
    pub(crate) fn payload(&self) -> String {
        (b'a'..=b'w').cycle().map(char::from).take(self.bytes).collect()
    }
}
