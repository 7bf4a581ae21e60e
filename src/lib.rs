//! *Host to network*: RPC over stream sockets. A Rust trait becomes a typed client and a server; the
//! arguments travel as serde values in network byte order; both ends of a connection may call.
//!
//! ```
//! use hton::Server;
//!
//! #[hton::service]
//! trait Greeter {
//!     /// Greets whoever calls.
//!     async fn greet(&self, name: String) -> String;
//! }
//!
//! struct Hello;
//!
//! impl Greeter for Hello {
//!     async fn greet(&self, name: String) -> String {
//!         format!("Hello, {name}!")
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = Server::bind("127.0.0.1:0").await?.serve(GreeterServer::new(Hello))?;
//!     let greeter = GreeterClient::connect(server.local_addr()).await?;
//!     assert_eq!(greeter.greet("network".into()).await?, "Hello, network!");
//!     Ok(())
//! }
//! ```
//!
//! # Where things are
//!
//! - [`service`](macro@service) turns a trait into a client and a server.
//! - [`Server`] listens, [`connect`] dials, [`attach`] takes any byte stream; a [`Peer`] is one
//!   connection, and a client made from it (`GreeterClient::new(&peer)`) calls the other end.
//! - [`Call`] is the future of one call; it ends in a result or in a [`CallError`], which says what
//!   happened and whether the handler may have run.
//! - [`Limits`] holds every bound, all of them on by default.
//! - [`archive`] encodes and decodes values without any connection.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `bincode` | [`archive::bincode`](archive), the bincode crate as a second codec of the same bytes |

pub use rpc_core::{
    Bytes, CallError, CallId, CloseCode, Code, Executed, Failure, Limits, Location, Retry, Side,
};
pub use rpc_macros::service;
pub use rpc_net::{
    Address, Attach, Bound, Call, Connect, Context, Error, Peer, Server, Service, Services, attach,
    connect, memory,
};

/// Values as bytes, in network byte order, with no connection involved.
pub mod archive {
    pub use rpc_core::archive::*;
}

/// What generated code names. Not for use by hand: it may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use rpc_core::archive::{DecodeError, EncodeError, Encoder};
    pub use rpc_core::{Bytes, CallError, Method, MethodId};
    pub use rpc_net::{
        Address, Arguments, Call, Context, Error, Outcome, Peer, Reply, Request, Service, Slot,
        connect, slot,
    };
}
