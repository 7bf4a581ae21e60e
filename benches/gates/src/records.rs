//! Values: a hundred records of mixed fields, as programs send them.

use hton::archive::{Decoder, Encoder};
use hton::{Bytes, Limits, archive};
use rpc_core::Payload;
use serde::{Deserialize, Serialize};

/// A number, a short text, a measure, a flag, a few small numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which one it is.
    pub id: u64,
    /// A short text.
    pub name: String,
    /// A measure.
    pub score: f64,
    /// A flag.
    pub active: bool,
    /// Small numbers.
    pub tags: Vec<u32>,
}

/// A hundred records.
#[must_use]
pub fn records() -> Vec<Record> {
    let record = |id: u32| Record {
        id: id.into(),
        name: format!("record number {id}"),
        score: f64::from(id) / 7.0,
        active: id % 2 == 0,
        tags: vec![id, id + 1, id + 2],
    };
    (0..100).map(record).collect()
}

/// The records as an argument, in this buffer.
#[must_use]
pub fn encode(records: &[Record], buffer: Vec<u8>) -> Payload {
    let mut encoder = Encoder::new(buffer, usize::MAX);
    encoder.value(records).expect("records have an encoding");
    encoder.finish().expect("no limit is set")
}

/// The argument as it arrives.
#[must_use]
pub fn arrived(argument: &Payload) -> Bytes {
    Bytes::copy_from_slice(argument.as_slice().expect("records have no large pieces"))
}

/// The records of an argument.
#[must_use]
pub fn decode(bytes: &Bytes) -> Vec<Record> {
    let limits = archive::DecodeLimits::from(&Limits::default());
    Decoder::shared(bytes, limits).value("records").expect("they were encoded here")
}
