//! The formats that take any serde value: hton's archive, postcard, JSON.

use super::{both, with_set};
use harness::{Measured, Result};
use hton::archive::{self, DecodeLimits};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

pub(super) fn hton(set: &str, time: Duration) -> Result<Measured> {
    fn run<V: Serialize + DeserializeOwned + PartialEq>(
        time: Duration,
        value: &V,
    ) -> Result<Measured> {
        both(
            time,
            value,
            |value, bytes| Ok(archive::encode_into(value, bytes)?),
            |bytes| Ok(archive::from_slice(bytes, DecodeLimits::default())?),
        )
    }
    with_set!(set, |value| run(time, &value))
}

pub(super) fn postcard(set: &str, time: Duration) -> Result<Measured> {
    fn run<V: Serialize + DeserializeOwned + PartialEq>(
        time: Duration,
        value: &V,
    ) -> Result<Measured> {
        both(
            time,
            value,
            |value, bytes| {
                *bytes = postcard::to_extend(value, std::mem::take(bytes))?;
                Ok(())
            },
            |bytes| Ok(postcard::from_bytes(bytes)?),
        )
    }
    with_set!(set, |value| run(time, &value))
}

pub(super) fn json(set: &str, time: Duration) -> Result<Measured> {
    fn run<V: Serialize + DeserializeOwned + PartialEq>(
        time: Duration,
        value: &V,
    ) -> Result<Measured> {
        both(
            time,
            value,
            |value, bytes| Ok(serde_json::to_writer(bytes, value)?),
            |bytes| Ok(serde_json::from_slice(bytes)?),
        )
    }
    with_set!(set, |value| run(time, &value))
}
