//! The programs in `examples/` that talk to each other: run as their users run them, held to what
//! `examples/README.md` shows.

mod calc;
mod chat;
mod comparison;
mod echo;
mod endings;
mod figures;
mod file_and_socket;
mod hostile;
mod inproc;
mod legacy_packet;
mod modes;
mod own_protocol;
mod packets;
mod program;
mod sequence;
mod stress;
mod sync_async;
mod transfer;
mod versions;
