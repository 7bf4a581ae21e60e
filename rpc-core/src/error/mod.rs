//! What can go wrong, by who must act: the call's caller, or the owner of the connection.

mod call;
mod close;
mod code;
mod status;

pub use call::{CallError, Failure, Location};
pub use close::{CloseCode, ProtocolError};
pub use code::{Code, Executed, Retry};
pub use status::Status;
