//! Written by `../../generate` from `../../schema`; not by hand.

#![allow(warnings, clippy::all, reason = "the generators' style is their own")]

#[rustfmt::skip]
pub(crate) mod peers_capnp;
#[rustfmt::skip]
pub(crate) mod peers_tonic;
#[rustfmt::skip]
pub(crate) mod peers_volo;
