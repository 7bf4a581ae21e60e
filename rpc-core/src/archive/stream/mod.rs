//! Message streams without any I/O: values ⇄ messages ⇄ bytes in any cut.
//!
//! A message stream is messages and nothing else. Each is its length as `u32`, then as many bytes:
//! values, one after the other. It may end only between two messages.
//!
//! [`MessageWriter`] and [`MessageReader`] hold the bytes between the values and a stream, which somebody
//! else moves: [`Store`](super::Store) and [`Load`](super::Load) over blocking streams, their async twins over
//! those of a runtime. A move that fails or is given up half way loses nothing: both know how far they are.
//!
//! Spec: `message.length`, `message.body`, `message.end`.

mod incoming;
mod message;
mod reader;
mod writer;

pub(super) use incoming::{AHEAD_BYTES_MAX, Incoming};
pub use message::Message;
pub use reader::MessageReader;
pub use writer::MessageWriter;

/// Bytes of the length in front of a message.
///
/// Spec: `message.length`.
pub(super) const HEAD_BYTES: usize = 4;
