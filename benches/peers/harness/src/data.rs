//! What the calls carry, and how a reply is checked.

use crate::Result;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Bytes of the text of a small call.
pub const TEXT: usize = 32;
/// Calls of a batch of W2b.
pub const BATCH: usize = 128;
/// Bytes of the blob of a large call.
pub const BLOB: usize = 1 << 20;
/// Records of a call of W5.
pub const RECORDS: usize = 100;
/// Bytes of an item of a stream.
pub const ITEM: usize = 64;

/// One of W5's records: a number, a short text, a measure, a flag, a few small numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub id: u64,
    pub name: String,
    pub score: f64,
    pub active: bool,
    pub tags: Vec<u32>,
}

/// A value that goes to and fro, in the types of a peer.
pub trait Load: 'static {
    /// The value that a caller begins with.
    fn make() -> Self;
    /// Whether it came back as it was made.
    fn intact(&self) -> bool;
}

/// The text of a small call.
pub fn text() -> String {
    (b'a'..=b'z').cycle().map(char::from).take(TEXT).collect()
}

fn blob_byte(at: usize) -> u8 {
    (at / 251 + at % 251) as u8
}

/// The blob of a large call.
pub fn blob() -> Bytes {
    (0..BLOB).map(blob_byte).collect::<Vec<u8>>().into()
}

/// Looks at the length, at one byte of every 16 KiB and at the last one.
pub fn blob_intact(blob: &[u8]) -> bool {
    let mut places = (0..BLOB).step_by(16 * 1024).chain([BLOB - 1]);
    blob.len() == BLOB && places.all(|at| blob[at] == blob_byte(at))
}

/// The record at a place, as each peer's own type takes it.
pub fn record(at: usize) -> Record {
    Record {
        id: at as u64 * 1_000_003,
        name: format!("record-{at:05}"),
        score: at as f64 / 8.0,
        active: at.is_multiple_of(3),
        tags: vec![at as u32, at as u32 + 1, at as u32 + 2],
    }
}

/// Whether these are the fields of the record at a place. The name is checked by its end.
pub fn record_intact(
    at: usize,
    id: u64,
    name: &str,
    score: f64,
    active: bool,
    tags: usize,
) -> bool {
    id == at as u64 * 1_000_003
        && name.len() == 12
        && name.as_bytes()[11] == b'0' + (at % 10) as u8
        && score == at as f64 / 8.0
        && active == at.is_multiple_of(3)
        && tags == 3
}

impl Load for Vec<Record> {
    fn make() -> Self {
        (0..RECORDS).map(record).collect()
    }

    fn intact(&self) -> bool {
        self.len() == RECORDS
            && self.iter().enumerate().all(|(at, it)| {
                record_intact(at, it.id, &it.name, it.score, it.active, it.tags.len())
            })
    }
}

/// An item of a stream: its number in sixteen digits, then letters. It is text as well.
pub fn item(number: u64) -> [u8; ITEM] {
    let mut item = [b'x'; ITEM];
    let mut rest = number;
    for digit in item[..16].iter_mut().rev() {
        *digit = b"0123456789abcdef"[(rest % 16) as usize];
        rest /= 16;
    }
    item
}

/// Whether this is the item of that number.
pub fn check_item(number: u64, bytes: &[u8]) -> Result<()> {
    match bytes == item(number) {
        true => Ok(()),
        false => Err(format!("item {number} is not what was sent").into()),
    }
}

/// Computes for 200 µs: the handler of W9.
pub fn work() {
    let begin = std::time::Instant::now();
    while begin.elapsed() < std::time::Duration::from_micros(200) {
        std::hint::spin_loop();
    }
}

/// How long a slow handler of W8 waits.
pub const NAP: std::time::Duration = std::time::Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_load_is_noticed() {
        let mut records = Vec::<Record>::make();
        assert!(records.intact());
        records[99].score += 1.0;
        assert!(!records.intact());
        assert!(blob_intact(&blob()));
        assert!(!blob_intact(&blob()[1..]));
        assert!(check_item(7, &item(7)).is_ok() && check_item(7, &item(8)).is_err());
    }
}
