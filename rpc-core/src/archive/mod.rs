//! Values as bytes in network byte order, and back.
//!
//! The encoding is that of serde's data model in big-endian integers of fixed width, which the spec
//! defines byte by byte (it is bincode 2's `standard().with_big_endian().with_fixed_int_encoding()`):
//!
//! | value | bytes |
//! |---|---|
//! | integers, floats | big-endian, at their width; `usize` and `isize` as 64 bits |
//! | bool | one byte, 0 or 1 |
//! | char | its UTF-8 form, 1 to 4 bytes |
//! | string, bytes | `u64` count of bytes, then those |
//! | sequence, map | `u64` count, then the elements, or keys and values in turn |
//! | option | 0, or 1 and the value |
//! | enum | `u32` number of the variant in the order of declaration, then its payload |
//! | struct, tuple, array | the parts in order |
//! | unit, unit struct | nothing |
//!
//! | enters | leaves | room |
//! |---|---|---|
//! | a value | its size, or why it has no encoding | `size` |
//! | a value and its size | bytes | `write` |
//! | bytes, limits | a value, or kind, offset and path of the fault | `read` and `parts`, by a `reader` from a `source`, within `limits` |
//! | several values | one message, and back | `message` |
//! | a value, a blocking stream | bytes on it, and back | `raw` |
//!
//! Bytes may come from strangers. Decoding refuses a count that exceeds the bytes which remain,
//! charges memory against a budget, bounds the depth, and leaves no byte over.
//!
//! The bytes do not describe themselves, so `#[serde(flatten)]`, `#[serde(untagged)]`,
//! `#[serde(tag = "…")]` and `#[serde(skip_serializing_if = "…")]` cannot work; the errors say so.

#[cfg(feature = "bincode")]
pub mod bincode;
mod error;
mod limits;
mod message;
mod parts;
mod path;
mod raw;
mod read;
mod reader;
mod size;
mod source;
mod write;

pub use error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
pub use limits::DecodeLimits;
pub use message::{Decoder, Encoder};
pub use raw::{ReadError, WriteError, read_from, write_to};
pub use read::from_slice;
pub use size::encoded_len;
pub use write::{encode_into, to_vec};
