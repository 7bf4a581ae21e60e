//! One file for each peer.

pub(crate) mod capnp;
pub(crate) mod hton;
pub(crate) mod jsonrpsee;
pub(crate) mod remoc;
pub(crate) mod tarpc;
pub(crate) mod tonic;
pub(crate) mod volo;
