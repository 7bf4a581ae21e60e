//! W11: values to bytes and back, without any connection.
//!
//! Encoding appends to a buffer that is used again; decoding makes an owned value from a slice.

mod bincode;
mod prost;
mod rkyv;
mod serde_formats;
mod values;

use harness::{Codec, Failure, Measured, Result, Unsupported};
use std::hint::black_box;
use std::time::{Duration, Instant};
use values::Set;

pub(crate) fn all() -> Vec<Codec> {
    vec![
        Codec { name: "hton", measure: serde_formats::hton },
        Codec { name: "bincode 2", measure: bincode::measure },
        Codec { name: "postcard", measure: serde_formats::postcard },
        Codec { name: "prost", measure: prost::measure },
        Codec { name: "rkyv (checked)", measure: rkyv::measure },
        Codec { name: "serde_json", measure: serde_formats::json },
    ]
}

/// Runs `$run` with the value of the set that `$name` names.
macro_rules! with_set {
    ($name:expr, $run:expr) => {
        match $crate::codec::values::Set::find($name)? {
            $crate::codec::values::Set::Records => $run($crate::codec::values::records()),
            $crate::codec::values::Set::Bytes => $run($crate::codec::values::bytes()),
            $crate::codec::values::Set::Words => $run($crate::codec::values::words()),
            $crate::codec::values::Set::Shapes => $run($crate::codec::values::shapes()),
        }
    };
}
use with_set;

/// Times both ways of one value, half of the time each.
fn both<V: PartialEq>(
    time: Duration,
    value: &V,
    mut encode: impl FnMut(&V, &mut Vec<u8>) -> Result<()>,
    mut decode: impl FnMut(&[u8]) -> Result<V>,
) -> Result<Measured> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes)?;
    if decode(&bytes)? != *value {
        return Err(Failure::from("the value changed on its way"));
    }
    let mut again = Vec::with_capacity(bytes.len());
    let encoded = nanos(time / 2, || {
        again.clear();
        encode(black_box(value), &mut again)
    })?;
    if again != bytes {
        return Err(Failure::from("the same value became other bytes"));
    }
    let decoded =
        nanos(time / 2, || decode(black_box(&bytes)).map(|value| drop(black_box(value))))?;
    let mut measured = Measured { value: encoded + decoded, ..<_>::default() };
    let mut figure = |name: &str, value| measured.figures.insert(name.to_owned(), value);
    figure("encode ns", encoded);
    figure("decode ns", decoded);
    figure("bytes", bytes.len() as f64);
    Ok(measured)
}

/// Nanoseconds of one turn, after a warm-up of a quarter of the time.
fn nanos(time: Duration, mut turn: impl FnMut() -> Result<()>) -> Result<f64> {
    let (begin, mut warm) = (Instant::now(), 0_u32);
    while begin.elapsed() < time / 4 || warm < 3 {
        turn()?;
        warm += 1;
    }
    // As many turns between two looks at the clock as take about a hundredth of the time.
    let between = (warm / 25).max(1);
    let (begin, mut turns) = (Instant::now(), 0_u64);
    while begin.elapsed() < time {
        for _ in 0..between {
            turn()?;
        }
        turns += u64::from(between);
    }
    Ok(begin.elapsed().as_nanos() as f64 / turns as f64)
}

impl Set {
    fn find(name: &str) -> Result<Self> {
        match name {
            "records" => Ok(Self::Records),
            "bytes" => Ok(Self::Bytes),
            "words" => Ok(Self::Words),
            "shapes" => Ok(Self::Shapes),
            _ => Err(Unsupported.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    /// Each format carries each set unchanged, or its measure would be an error.
    #[test]
    fn every_format_carries_every_set() {
        for codec in super::all() {
            for set in ["records", "bytes", "words", "shapes"] {
                let measured = (codec.measure)(set, std::time::Duration::from_millis(1));
                assert!(measured.is_ok(), "{} {set}: {measured:?}", codec.name);
            }
        }
    }
}
