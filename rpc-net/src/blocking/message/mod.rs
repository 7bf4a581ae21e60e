//! Connections of messages for programs that are not async: sockets of the standard library, blocking.

mod connection;
mod halves;
mod listener;

pub use connection::Connection;
pub use halves::{ReadHalf, Socket, WriteHalf};
pub use listener::Listener;
