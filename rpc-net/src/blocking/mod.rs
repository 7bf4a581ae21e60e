//! Calls and servers for programs, or parts of programs, that are not async.
//!
//! [`Call::wait`](crate::Call::wait) blocks the calling thread until the call has ended;
//! [`Streaming::wait`](crate::Streaming::wait) makes an iterator of a stream. Connections and servers that
//! are opened with [`connect`], [`bind`] and their kin live on a thread of hton's own, which is started
//! when it is first needed and stays until the program ends: the program needs no runtime.
//!
//! ```
//! # fn main() -> Result<(), rpc_net::Error> {
//! # struct Nothing;
//! # impl rpc_net::Service for Nothing {
//! #     fn methods(&self) -> &'static [rpc_core::Method] { &[] }
//! #     fn slot(&self) -> Box<dyn rpc_net::Slot> { unimplemented!() }
//! # }
//! # let service = Nothing;
//! use rpc_net::blocking;
//!
//! let server = blocking::bind("127.0.0.1:0")?.serve(service)?;
//! let peer = blocking::connect(server.local_addr())?;
//! println!("connected to {:?}", peer.addr());
//! println!("{}", blocking::wait(server.drain())?);
//! # Ok(()) }
//! ```
//!
//! [`Connection`] and [`Listener`] carry whole messages without any service, over sockets of the standard library:
//! the twins of those in [`message`](crate::message).
//!
//! # Where blocking is allowed
//!
//! | where | |
//! |---|---|
//! | a thread of the program's own, or of `spawn_blocking` | blocks that thread |
//! | an async function on a multi-thread runtime | blocks inside of [`block_in_place`](tokio::task::block_in_place), so that other tasks go on |
//! | an async function on a current-thread runtime | an error: it would block the thread that runs the connection |
//! | a handler, on any runtime | an error: it would block the connection that it answers |
//! | a `LocalSet` on a multi-thread runtime | an error, behind tokio's own message of a caught panic |
//!
//! The errors are [`Code::FAILED_PRECONDITION`](rpc_core::Code::FAILED_PRECONDITION) for calls, not
//! executed, and [`Error::WouldBlock`](crate::Error::WouldBlock) for the rest. In an async function write
//! `.await`; what must block there belongs into `spawn_blocking`.
//!
//! One thread runs all handlers of a server that was bound here, as far as they do not wait. What computes
//! for long in a handler holds up the others; a program with such handlers should bring a multi-thread
//! runtime.

mod awaited;
mod background;
mod calls;
mod message;
mod park;
mod place;

pub use background::{bind, connect, wait};
pub use calls::Items;
pub use message::{Connection, Listener, ReadHalf, Socket, WriteHalf};

pub(crate) use awaited::Awaited;
pub(crate) use background::enter;
