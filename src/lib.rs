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
//! - [`service`](macro@service) turns a trait into a client and a server; [`data`](macro@data) makes types
//!   of your own travel, [`Schema`](macro@Schema) has them compared before they are decoded.
//! - [`Server`] listens, [`connect`] dials, [`connect_lazy`] dials when it is needed and again when the
//!   connection is lost, [`attach`] takes any byte stream, and [`memory`] makes one. An [`Address`] may be
//!   that of a Unix socket.
//! - A [`Peer`] is one connection, or one that comes again; a client made from it
//!   (`GreeterClient::new(&peer)`) calls the other end, and [`Connect::serve`] answers it.
//! - [`Call`] is the future of one call; it ends in a result or in a [`CallError`], which says what
//!   happened and whether the handler may have run. A [`CallHandle`] cancels it from elsewhere. A
//!   [`batch`](fn@batch) is many of them that are awaited together.
//! - A method may take an [`Rx`] of items, and may answer with any [`Stream`]; its caller reads a
//!   [`Streaming`]. [`stream`] has a few helpers.
//! - A handler that asks for a [`Context`] learns who calls, until when, and with which [`Metadata`];
//!   one that returns a [`Status`] answers with a code.
//! - [`blocking`] is for programs without a runtime: any call may also be waited for, with
//!   [`wait`](Call::wait). [`testing`] is for tests that open no port.
//! - [`layer`] is what stands around calls on either side: time and concurrency limits, retries, your own.
//!   [`Backoff`] says how long to wait before trying again.
//! - [`Authenticate`] judges tokens, [`tokens`] makes it of a list; an [`Identity`] is what comes of it.
//! - An [`Observer`] is told of connections and calls, [`Stats`] counts them, and a [`Report`] says how a
//!   server ended.
//! - [`Limits`] holds every bound, all of them on by default; [`SocketOptions`] those of the kernel.
//! - [`message`] sends and receives whole messages over a connection without any service.
//! - [`archive`] encodes and decodes values without any connection; [`schema`] says what types are on the
//!   wire.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `bincode` | [`archive::bincode`](archive), the bincode crate as a second codec of the same bytes |
//! | `tracing` | `layer::Trace`, a span for each call and W3C trace context |
//! | `tower` | `layer::tower`, tower's middleware as layers and calls as tower services |

pub use rpc_core::schema::Schema;
pub use rpc_core::{
    Bytes, CallError, CallId, CloseCode, Code, Executed, Failure, Limits, Location, Metadata,
    MetadataError, Retry, Side, Status,
};
pub use rpc_core::{assert_round_trip, assert_wire};
pub use rpc_macros::{Schema, data, service};
pub use rpc_net::{
    Address, Attach, Authenticate, Backoff, Batch, Bind, Bound, Call, CallHandle, CallInfo,
    Cancelled, Closed, Connect, ConnectionInfo, Context, Error, Identity, MethodStats, Observer,
    Peer, PeerInfo, Reconnect, Refused, Report, Returned, Role, Rx, Server, Service, Services,
    SocketOptions, Stats, Stream, Streaming, Tokens, Waits, WithMetadata, attach, batch, blocking,
    connect, connect_lazy, memory, stream, tokens,
};

/// What stands around calls: time limits, concurrency limits, retries, and layers of one's own.
pub mod layer {
    pub use rpc_net::layer::*;
}

/// Help for tests of services, which opens no port: a service and its client in the same process, a mock in
/// place of a service, faults on the way between them.
///
/// A test of a service, which needs no runtime of its own:
///
/// ```
/// # #[hton::service]
/// # trait Greeter {
/// #     async fn greet(&self, name: String) -> String;
/// # }
/// # struct Hello;
/// # impl Greeter for Hello {
/// #     async fn greet(&self, name: String) -> String {
/// #         format!("Hello, {name}!")
/// #     }
/// # }
/// # fn main() { it_greets() }
/// # /* What follows is for the reader: a test would not run in here.
/// #[test]
/// # */
/// fn it_greets() {
///     let greeter = GreeterClient::new(hton::testing::client(GreeterServer::new(Hello)));
///     assert_eq!(greeter.greet("test".into()).wait().unwrap(), "Hello, test!");
/// }
/// ```
///
/// In an async test write `.await` instead of `.wait()`; `#[tokio::test(start_paused = true)]` makes deadlines
/// and delays take no time. A caller is tested with a mock of what it calls:
///
/// ```
/// use hton::testing::{self, Mock};
/// # #[hton::service]
/// # trait Greeter {
/// #     async fn greet(&self, name: String) -> String;
/// # }
/// let mock = Mock::new().on("Greeter/greet", |(name,): (String,)| format!("Oh, {name}."));
/// let greeter = GreeterClient::new(testing::client(mock.clone()));
/// assert_eq!(greeter.greet("test".into()).wait().unwrap(), "Oh, test.");
/// assert_eq!(mock.arguments::<(String,)>("Greeter/greet"), [("test".to_owned(),)]);
/// ```
pub mod testing {
    pub use rpc_net::testing::*;
}

/// Values as bytes, in network byte order, with no connection involved.
pub mod archive {
    pub use rpc_core::archive::*;
    pub use rpc_net::message::{AsyncLoad, AsyncStore};
}

/// Whole messages over a connection, without any service: for protocols of one's own.
pub mod message {
    pub use rpc_net::message::*;
}

/// What types are on the wire: for a [`Schema`] by hand, for tests, and for tools.
pub mod schema {
    pub use rpc_core::schema::*;
}

/// What generated code names. Not for use by hand: it may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use rpc_core::archive::{DecodeError, EncodeError, Encoder};
    pub use rpc_core::schema::{self, MethodTypes, NoSchema, Probe, Signature, Signed};
    pub use rpc_core::{Bytes, CallError, Method, MethodId, Status};
    pub use rpc_net::{
        Address, Arguments, Call, Context, Error, Outcome, Peer, Reply, Request, Rx, Service, Slot,
        Stream, Streaming, connect, connect_lazy, slot,
    };
    pub use serde;
}

/// The programs of the front page are compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct FrontPage;
