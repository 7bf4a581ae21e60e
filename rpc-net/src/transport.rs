//! How a byte stream to a peer comes about.

pub(crate) mod memory;
pub(crate) mod tcp;
