//! What can go wrong, by who must act: the call's caller, or the owner of the connection.

mod close;
mod code;

pub use close::{CloseCode, ProtocolError};
pub use code::{Code, Executed, Retry};
