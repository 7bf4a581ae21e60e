//! Promises of `rpc_core::schema`: canonical texts, hashes, differences, and the check of values.

mod differences;
mod foreign_texts;
mod refusals;
mod std_types;
mod values;
mod vectors;
