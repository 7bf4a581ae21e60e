//! The client by hand: every response becomes the next request where it lies.

use super::wire::{REQUEST, RESPONSE, Wire, method};
use harness::data::{self, Load, Record};
use harness::{Call, Clock, Failure, Result, Tally};
use std::time::Instant;
use tokio::net::TcpStream;

/// The bytes that hton's own archive writes.
fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_big_endian().with_fixed_int_encoding()
}

pub(super) fn decode(payload: &[u8]) -> Result<Vec<Record>> {
    let (records, read) = bincode::serde::decode_from_slice(payload, config())?;
    if read == payload.len() { Ok(records) } else { Err("bytes after the records".into()) }
}

/// Writes records over others of the same size.
pub(super) fn encode(records: &[Record], payload: &mut [u8]) -> Result<()> {
    match bincode::serde::encode_into_slice(records, payload, config())? == payload.len() {
        true => Ok(()),
        false => Err("records of another size".into()),
    }
}

fn payload(call: Call) -> Result<Vec<u8>> {
    Ok(match call {
        Call::Blob => data::blob().into(),
        Call::Records => bincode::serde::encode_to_vec(Vec::<Record>::make(), config())?,
        _ => data::text().into_bytes(),
    })
}

/// What is known of one call in flight.
struct Open {
    since: Instant,
    calls: usize,
    slow: bool,
}

impl Open {
    /// The method of its next call: every hundredth one is slow in W8.
    fn next(&mut self, call: Call, now: Instant) -> u32 {
        self.slow = call == Call::Naps && self.calls % 100 == 99;
        self.since = now;
        self.calls += 1;
        match call {
            _ if self.slow => method::NAP,
            Call::Records => method::RECORDS,
            _ => method::ECHO,
        }
    }
}

/// Calls until the clock ends. Never fails: what goes wrong is counted.
pub(super) async fn caller(stream: TcpStream, call: Call, in_flight: usize, clock: Clock) -> Tally {
    let mut tally = Tally::default();
    if let Err(failure) = calls(stream, call, in_flight, clock, &mut tally).await {
        tally.error(&failure.to_string());
    }
    tally
}

async fn calls(
    stream: TcpStream,
    call: Call,
    in_flight: usize,
    clock: Clock,
    tally: &mut Tally,
) -> Result<()> {
    let mut wire = Wire::new(stream)?;
    let mut open = begin(&mut wire, call, in_flight)?;
    loop {
        if !wire.turn().await? {
            return Err(Failure::from("the server closed"));
        }
        let now = Instant::now();
        let mut came = 0;
        while let Some(mut frame) = wire.take() {
            let intact = match call {
                Call::Blob => data::blob_intact(frame.payload()),
                Call::Records => {
                    let records = decode(frame.payload())?;
                    encode(&records, frame.payload())?;
                    records.intact()
                }
                // The text that every caller sends.
                _ => *frame.payload() == *b"abcdefghijklmnopqrstuvwxyzabcdef",
            };
            let id = frame.id() as usize;
            let Some(this) = open.get_mut(id).filter(|_| intact && frame.kind() == RESPONSE) else {
                return Err(Failure::from("a reply is not what was sent"));
            };
            if !this.slow && (call == Call::Naps || id.is_multiple_of(16)) {
                tally.sample(now - this.since);
            }
            let next = this.next(call, now);
            frame.becomes(REQUEST, next);
            came += 1;
        }
        tally.calls += came;
        if came > 0 && tally.look(now, &clock) {
            // Open until the process ends: the server's memory is still to be told.
            std::mem::forget(wire);
            return Ok(());
        }
    }
}

fn begin(wire: &mut Wire, call: Call, in_flight: usize) -> Result<Vec<Open>> {
    let payload = payload(call)?;
    let now = Instant::now();
    let mut open = Vec::with_capacity(in_flight);
    for id in 0..in_flight {
        let mut this = Open { since: now, calls: id * 7, slow: false };
        let method = this.next(call, now);
        wire.push(REQUEST, u32::try_from(id)?, method, &payload);
        open.push(this);
    }
    Ok(open)
}

/// One call, after which the connection is as before.
pub(super) async fn one_call(stream: TcpStream, call: Call) -> Result<TcpStream> {
    let mut wire = Wire::new(stream)?;
    begin(&mut wire, call, 1)?;
    loop {
        if !wire.turn().await? {
            return Err(Failure::from("the server closed"));
        }
        if wire.take().is_some() {
            return Ok(wire.into_parts().0);
        }
    }
}
