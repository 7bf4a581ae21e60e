//! Where the bytes of hton go: transports, the task that drives a connection, and the handles that
//! users hold. The meaning of the bytes is in [`rpc_core`]; tokio is here and nowhere else.
//!
//! - [`Server`] listens and serves; [`connect`] dials; [`attach`] takes any byte stream.
//! - [`Peer`] is the handle of one connection, [`Call`] the future of one call.
//! - [`Service`], [`Slot`], [`Request`] and [`Reply`] are the seam to generated code.
//!
//! Users take all of this from the facade crate `hton`.

mod address;
mod attach;
mod buffers;
mod call;
mod context;
mod error;
mod link;
mod outcome;
mod peer;
mod request;
mod router;
mod scope;
mod server;
mod service;
mod transport;

pub use address::Address;
pub use attach::{Attach, Connect, attach, connect};
pub use call::Call;
pub use context::Context;
pub use error::Error;
pub use outcome::Outcome;
pub use peer::Peer;
pub use request::{Arguments, Reply, Request};
pub use server::{Bound, Server};
pub use service::{Service, Services, Slot, slot};
pub use transport::memory::memory;
