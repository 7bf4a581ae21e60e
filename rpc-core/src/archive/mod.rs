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
//! | values | messages on a byte stream, and back, without any I/O | `stream` |
//! | values, a blocking stream | an archive over it, framed or raw | `store`; `load` through `kept` |
//! | one value, a blocking stream | bytes on it, and back | `raw` |
//!
//! Objects that several handles lead to are `shared`, types that know older forms of themselves `versioned`, and what
//! types need while they are walked stands in the [`context`].
//!
//! Bytes may come from strangers. Decoding refuses a count that exceeds the bytes which remain,
//! charges memory against a budget, bounds the depth, and leaves no byte over.
//!
//! The bytes do not describe themselves, so `#[serde(flatten)]`, `#[serde(untagged)]`,
//! `#[serde(tag = "…")]` and `#[serde(skip_serializing_if = "…")]` cannot work; the errors say so.

#[cfg(feature = "bincode")]
pub mod bincode;
#[doc(hidden)]
pub mod check;
pub mod context;
mod element;
mod error;
mod kept;
mod limits;
mod load;
mod message;
mod mode;
mod parts;
mod path;
mod raw;
mod read;
mod reader;
mod shared;
mod size;
mod source;
mod store;
pub mod stream;
mod versioned;
mod write;

pub use error::{
    DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind, LoadError, StoreError,
};
pub use limits::DecodeLimits;
pub use load::{Load, Messages};
pub use message::{Decoder, Encoder};
pub use mode::{Framed, Mode, Raw};
pub use raw::{read_from, write_to};
pub use read::from_slice;
pub use shared::{Shared, SharedArc};
pub use size::encoded_len;
pub use store::Store;
pub use stream::Message;
pub use versioned::{Version, Versioned, unknown_version};
pub use write::{encode_into, to_vec};
