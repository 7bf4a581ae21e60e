//! What the gates and benches measure: the same work for those that count and those that take the time.

mod calls;
mod frames;
mod machine;
mod records;
mod service;
mod text;

pub use calls::Calls;
pub use frames::heads;
pub use machine::Pair;
pub use records::{Record, arrived, decode, encode, records};
pub use service::{EchoClient, serve};
pub use text::{TEXT, decode_texts, encode_texts};
