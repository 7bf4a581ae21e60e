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
mod backoff;
mod base;
mod batch;
pub mod blocking;
mod buffers;
mod call;
mod connect;
mod context;
mod error;
mod events;
mod identity;
pub mod layer;
mod link;
pub mod message;
#[cfg(all(test, hton_shuttle))]
mod models;
mod outcome;
mod peer;
mod redial;
mod request;
mod router;
mod scope;
mod server;
mod service;
mod stats;
pub mod stream;
mod sync;
pub mod testing;
mod transport;

pub use address::Address;
pub use attach::{Attach, Returned, attach};
pub use backoff::{Backoff, Waits};
pub use batch::{Batch, batch};
pub use call::{Call, CallHandle, Ending, Outgoing, WithMetadata};
pub use connect::{Connect, connect};
pub use context::{Cancelled, Context};
pub use error::Error;
pub use events::{CallInfo, ConnectionInfo, Observer, Role};
pub use identity::{Authenticate, Identity, PeerInfo, Refused, Tokens, tokens};
pub use link::Closed;
pub use outcome::Outcome;
pub use peer::Peer;
pub use redial::{Reconnect, connect_lazy};
pub use request::{Arguments, Reply, Request};
pub use server::{Bind, Bound, Report, Server};
pub use service::{Service, Services, Slot, slot};
pub use stats::{MethodStats, Stats};
pub use stream::{Rx, Stream, Streaming};
pub use transport::memory::memory;
pub use transport::options::SocketOptions;
