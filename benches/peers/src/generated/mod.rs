//! Written by `../../generate` from `../../schema`; not by hand. The generators' style is their own.

#![allow(warnings, clippy::all)]

#[rustfmt::skip]
pub(crate) mod peers_capnp;
#[rustfmt::skip]
pub(crate) mod peers_tonic;
#[rustfmt::skip]
pub(crate) mod peers_volo;
