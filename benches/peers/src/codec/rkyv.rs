//! rkyv, checked: the bytes are validated, then a value is made of them.
//!
//! Whoever reads in place needs only the first half: it is told beside.

use super::{both, nanos, with_set};
use harness::{Measured, Result};
use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};
use std::hint::black_box;
use std::time::Duration;

pub(super) fn measure(set: &str, time: Duration) -> Result<Measured> {
    fn run<V>(time: Duration, value: &V) -> Result<Measured>
    where
        V: Archive + PartialEq,
        V: for<'a> Serialize<HighSerializer<Vec<u8>, ArenaHandle<'a>, Error>>,
        V::Archived: for<'a> CheckBytes<HighValidator<'a, Error>>,
        V::Archived: Deserialize<V, HighDeserializer<Error>>,
    {
        let mut aligned = AlignedVec::<16>::new();
        aligned.extend_from_slice(&rkyv::api::high::to_bytes_in::<_, Error>(value, Vec::new())?);
        let mut measured = both(
            time,
            value,
            |value, bytes| {
                *bytes = rkyv::api::high::to_bytes_in::<_, Error>(value, std::mem::take(bytes))?;
                Ok(())
            },
            // The buffer of a socket can be aligned as well.
            |_| Ok(rkyv::from_bytes::<V, Error>(&aligned)?),
        )?;
        let checked = nanos(time / 4, || {
            black_box(rkyv::access::<V::Archived, Error>(black_box(&aligned))?);
            Ok(())
        })?;
        measured.figures.insert("check only ns".to_owned(), checked);
        Ok(measured)
    }
    with_set!(set, |value| run(time, &value))
}
