//! What the features `tower` and `tracing` put around calls.

#[path = "../net/every.rs"]
#[allow(dead_code, reason = "the other tests of layers use the rest")]
mod every;
mod tower;
mod trace;
