//! The values of W11, with what each format wants derived.

use harness::data;
use serde::{Deserialize, Serialize};

/// What is carried.
pub(super) enum Set {
    /// The hundred records of W5.
    Records,
    /// 1 MiB of bytes.
    Bytes,
    /// 1 MiB of numbers of eight bytes.
    Words,
    /// 64 trees of nested enums, eight leaves each.
    Shapes,
}

#[derive(
    Clone,
    Debug,
    PartialEq,
    Serialize,
    Deserialize,
    bincode::Encode,
    bincode::Decode,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) score: f64,
    pub(super) active: bool,
    pub(super) tags: Vec<u32>,
}

#[derive(
    Clone,
    Debug,
    PartialEq,
    Serialize,
    Deserialize,
    bincode::Encode,
    bincode::Decode,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
#[rkyv(serialize_bounds(
    __S: rkyv::ser::Writer + rkyv::ser::Allocator,
    __S::Error: rkyv::rancor::Source,
))]
#[rkyv(deserialize_bounds(__D::Error: rkyv::rancor::Source))]
#[rkyv(bytecheck(bounds(
    __C: rkyv::validation::ArchiveContext,
    __C::Error: rkyv::rancor::Source,
)))]
pub(super) enum Shape {
    Empty,
    Circle { radius: f64 },
    Label(String),
    Pair(#[rkyv(omit_bounds)] Box<Shape>, #[rkyv(omit_bounds)] Box<Shape>),
}

pub(super) fn records() -> Vec<Record> {
    let record = |it: data::Record| Record {
        id: it.id,
        name: it.name,
        score: it.score,
        active: it.active,
        tags: it.tags,
    };
    (0..data::RECORDS).map(data::record).map(record).collect()
}

pub(super) fn bytes() -> Vec<u8> {
    data::blob().into()
}

pub(super) fn words() -> Vec<u64> {
    // Some small and some large, as numbers are.
    (0..data::BLOB as u64 / 8)
        .map(|at| at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (at % 64))
        .collect()
}

pub(super) fn shapes() -> Vec<Shape> {
    (0..64).map(|number| tree(number, 3)).collect()
}

fn tree(number: u32, depth: u32) -> Shape {
    match number % 3 {
        _ if depth > 0 => {
            Shape::Pair(tree(number * 2, depth - 1).into(), tree(number * 2 + 1, depth - 1).into())
        }
        0 => Shape::Empty,
        1 => Shape::Circle { radius: f64::from(number) / 4.0 },
        _ => Shape::Label(format!("leaf {number}")),
    }
}
