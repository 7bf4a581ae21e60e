//! The measure of the bench: raw-tokio, and raw-std, which shows whether it is a straight one.

pub mod raw_std;
pub mod raw_tokio;
