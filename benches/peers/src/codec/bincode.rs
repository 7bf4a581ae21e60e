//! bincode 2 with its own derives and its standard settings.

use super::{both, with_set};
use bincode::config::standard;
use bincode::{Decode, Encode};
use harness::{Measured, Result};
use std::time::Duration;

pub(super) fn measure(set: &str, time: Duration) -> Result<Measured> {
    fn run<V: Encode + Decode<()> + PartialEq>(time: Duration, value: &V) -> Result<Measured> {
        both(
            time,
            value,
            |value, bytes| {
                bincode::encode_into_std_write(value, bytes, standard())?;
                Ok(())
            },
            |bytes| Ok(bincode::decode_from_slice(bytes, standard())?.0),
        )
    }
    with_set!(set, |value| run(time, &value))
}
