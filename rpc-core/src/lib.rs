//! What the bytes of hton mean: the archive, the frames, and the state machine of a connection.
//!
//! There is no runtime here, no clock and no socket: bytes and the time are handed in, bytes and
//! events come out. `rpc-net` brings the sockets; users take what they need from the crate `hton`.
//!
//! - [`archive`]: values ⇄ bytes, in network byte order, within a memory budget and a depth.
//! - [`frame`]: frames ⇄ bytes, whole or not at all.
//! - [`connection`]: the life of one connection and of the calls on it, in both directions.
//! - [`Code`], [`CallError`], [`CloseCode`], [`ProtocolError`]: what can go wrong, by who must act.
//! - [`schema`]: what types are on the wire, the signature of a method, and how two of them differ.
//! - [`Limits`]: every bound, with its unit in its name.
//!
//! Spec: the chapters in `spec/`, by rule id.

pub mod archive;
pub mod connection;
mod error;
pub mod frame;
mod id;
mod limits;
mod metadata;
mod method;
mod payload;
pub mod schema;
mod time;

/// Shared slices of bytes, as large arguments and results travel.
pub use bytes::Bytes;
pub use error::{
    CallError, CloseCode, Code, Executed, Failure, Location, ProtocolError, Retry, Status,
};
pub use frame::metadata::MetadataError;
pub use id::{CallId, Side};
pub use limits::Limits;
pub use metadata::Metadata;
pub use method::{Method, MethodId};
pub use payload::Payload;
pub use time::Time;
