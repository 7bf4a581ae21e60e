//! The workloads: how many connections, how many calls in flight, what a call is.

use crate::data::BATCH;
use serde::Serialize;

/// What a caller does again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Echoes a text of 32 bytes.
    Text,
    /// Echoes so many of these texts as one batch, without a task for each.
    Batch,
    /// Echoes 1 MiB.
    Blob,
    /// Echoes a hundred records.
    Records,
    /// Echoes a text; every hundredth call waits for 5 ms in the handler.
    Naps,
    /// Echoes a text after 200 µs of computing.
    Work,
}

impl Call {
    /// As how many calls it counts.
    pub fn weight(self) -> usize {
        if self == Self::Batch { BATCH } else { 1 }
    }
}

/// How a workload runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A fixed number of callers, each of which waits for its reply before it calls again.
    Closed { call: Call, connections: usize, in_flight: usize },
    /// Connections that made one call and then nothing.
    Idle { call: Call, connections: usize },
    /// Items from server to client.
    Download,
    /// Items from client to server.
    Upload,
    /// Twice as many calls as can be served, whether or not replies come.
    Overload,
    /// No peer: a value to bytes and back.
    Codec(&'static str),
}

/// One thing that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub(crate) name: &'static str,
    /// The place on a curve, where several workloads make one.
    pub(crate) point: Option<usize>,
    pub(crate) title: &'static str,
    pub(crate) shape: Shape,
    pub(crate) unit: Unit,
}

/// What the figure of a workload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    #[serde(rename = "calls/s")]
    Calls,
    #[serde(rename = "MiB/s")]
    Mebibytes,
    #[serde(rename = "items/s")]
    Items,
    #[serde(rename = "bytes/connection")]
    Bytes,
    #[serde(rename = "p99 µs")]
    Tail,
    #[serde(rename = "ns")]
    Nanos,
}

impl Unit {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Calls => "calls/s",
            Self::Mebibytes => "MiB/s",
            Self::Items => "items/s",
            Self::Bytes => "bytes/connection",
            Self::Tail => "p99 µs",
            Self::Nanos => "ns",
        }
    }

    pub(crate) fn smaller_is_better(self) -> bool {
        matches!(self, Self::Bytes | Self::Tail | Self::Nanos)
    }
}

const fn text(connections: usize, in_flight: usize) -> Shape {
    Shape::Closed { call: Call::Text, connections, in_flight }
}

const fn one(name: &'static str, title: &'static str, shape: Shape, unit: Unit) -> Workload {
    Workload { name, point: None, title, shape, unit }
}

const fn connections(count: usize) -> Workload {
    let title = "growth: connections, 1 call in flight on each";
    let shape = text(count, 1);
    Workload { name: "W10c", point: Some(count), title, shape, unit: Unit::Calls }
}

const fn in_flight(count: usize) -> Workload {
    let title = "growth: calls in flight on 1 connection";
    let shape = text(1, count);
    Workload { name: "W10f", point: Some(count), title, shape, unit: Unit::Calls }
}

const fn codec(name: &'static str, title: &'static str, set: &'static str) -> Workload {
    one(name, title, Shape::Codec(set), Unit::Nanos)
}

pub(crate) const ALL: [Workload; 27] = [
    one("W1", "ping-pong: 1 connection, 1 in flight, 32 B text", text(1, 1), Unit::Calls),
    one("W2", "pipeline: 1 connection, 128 in flight, 32 B text", text(1, 128), Unit::Calls),
    one(
        "W2b",
        "batches: 1 connection, batches of 128 of W2's calls, one batch after the other",
        Shape::Closed { call: Call::Batch, connections: 1, in_flight: 1 },
        Unit::Calls,
    ),
    one("W3", "fan-in: 32 connections, 16 in flight each, 32 B text", text(32, 16), Unit::Calls),
    one(
        "W4",
        "bulk: 1 MiB echoed, 1 connection, 4 in flight (MiB/s one way)",
        Shape::Closed { call: Call::Blob, connections: 1, in_flight: 4 },
        Unit::Mebibytes,
    ),
    one(
        "W5",
        "records: 100 records each way, 1 connection, 16 in flight",
        Shape::Closed { call: Call::Records, connections: 1, in_flight: 16 },
        Unit::Calls,
    ),
    one(
        "W6",
        "idle: server memory per connection, 2,000 open, one small call made on each",
        Shape::Idle { call: Call::Text, connections: 2000 },
        Unit::Bytes,
    ),
    one(
        "W6b",
        "idle after 1 MiB: server memory per connection, 200 open, one 1 MiB call made on each",
        Shape::Idle { call: Call::Blob, connections: 200 },
        Unit::Bytes,
    ),
    one("W7d", "server stream: 64 B items, 1 stream", Shape::Download, Unit::Items),
    one("W7u", "client stream: 64 B items, 1 stream", Shape::Upload, Unit::Items),
    one(
        "W8",
        "tail: 1 connection, 16 in flight, 1 % of the calls take 5 ms; p99 of the others",
        Shape::Closed { call: Call::Naps, connections: 1, in_flight: 16 },
        Unit::Tail,
    ),
    one(
        "W9",
        "overload: handler of 200 µs, twice the peak offered, 8 connections; replies within 1 s",
        Shape::Overload,
        Unit::Calls,
    ),
    connections(1),
    connections(10),
    connections(100),
    connections(1_000),
    connections(10_000),
    in_flight(1),
    in_flight(10),
    in_flight(100),
    in_flight(1_000),
    in_flight(10_000),
    in_flight(100_000),
    codec("W11a", "codec: 100 records of W5; ns to encode and decode", "records"),
    codec("W11b", "codec: Vec<u8> of 1 MiB; ns to encode and decode", "bytes"),
    codec("W11c", "codec: Vec<u64> of 1 MiB; ns to encode and decode", "words"),
    codec("W11d", "codec: 64 trees of nested enums; ns to encode and decode", "shapes"),
];

impl Workload {
    /// `W10c/100`: what the processes call it.
    pub(crate) fn key(&self) -> String {
        match self.point {
            Some(point) => format!("{}/{point}", self.name),
            None => self.name.to_owned(),
        }
    }

    /// W1 to W6: the ones that are about calls alone.
    pub(crate) fn is_basic(&self) -> bool {
        let number: String = self.name.chars().filter(char::is_ascii_digit).collect();
        number.parse::<u32>().is_ok_and(|number| number <= 6)
    }

    pub(crate) fn find(key: &str) -> Option<&'static Self> {
        ALL.iter().find(|it| it.key() == key)
    }

    /// Whether a name on the command line means this one: `W6b`, `W6` for W6 and W6b, `W10c/100`.
    pub(crate) fn is_meant_by(&self, name: &str) -> bool {
        let family = self.name.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
        [self.name, family].contains(&name) || self.key() == name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_workloads_and_families() {
        let meant = |name: &str| ALL.iter().filter(|it| it.is_meant_by(name)).count();
        assert_eq!([meant("W2"), meant("W2b")], [2, 1]);
        assert_eq!([meant("W1"), meant("W6"), meant("W6b"), meant("W7")], [1, 2, 1, 2]);
        assert_eq!([meant("W10"), meant("W10c"), meant("W10f/10"), meant("W99")], [11, 5, 1, 0]);
        for workload in &ALL {
            assert_eq!(Workload::find(&workload.key()).unwrap().title, workload.title);
        }
    }
}
