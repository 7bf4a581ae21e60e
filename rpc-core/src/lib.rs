//! What the bytes mean.

mod error;
mod id;
mod limits;
mod method;
mod payload;
mod time;

pub use error::{CloseCode, Code, Executed, ProtocolError, Retry};
pub use id::{CallId, Side};
pub use limits::Limits;
pub use method::{Method, MethodId};
pub use payload::Payload;
pub use time::Time;
