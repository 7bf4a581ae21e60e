//! Whole messages over a connection, without any service: for protocols of one's own.
//!
//! A [`Connection`] sends and receives messages: values of serde's, one after the other, behind their length.
//! [`Listener`] accepts them, [`Connection::connect`] dials; [`Connection::from_stream`] takes any byte stream.
//!
//! ```
//! use rpc_net::message::{Connection, Listener};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = Listener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr();
//! let echo = tokio::spawn(async move {
//!     let mut connection = listener.accept().await?;
//!     while let Some(text) = connection.recv::<String>().await? {
//!         connection.send(&text.to_uppercase()).await?;
//!     }
//!     connection.close(Duration::from_secs(1)).await?;
//!     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
//! });
//!
//! let mut connection = Connection::connect(address).await?;
//! connection.send("host to network").await?;
//! connection.finish().await?; // Nothing more is sent, and everything is still received.
//! assert_eq!(connection.recv::<String>().await?.as_deref(), Some("HOST TO NETWORK"));
//! assert_eq!(connection.recv::<String>().await?, None);
//! # echo.await?.unwrap();
//! # Ok(()) }
//! ```
//!
//! # How it ends
//!
//! | what happens | what the other end receives |
//! |---|---|
//! | [`finish`](Connection::finish) | `None` after the last message; it may go on sending |
//! | [`close`](Connection::close) | the same; this side waits until the other has finished, too |
//! | dropped | the same, unless bytes had come that nobody has read: then TCP resets |
//! | [`abort`](Connection::abort) | an error: reset. Unix sockets and memory know no reset, their end is `None` |
//! | the stream ends inside a message | an error: truncated |
//!
//! An [`Observer`](crate::Observer) is told in [`Closed`](crate::Closed) how a connection ended: with the code
//! `GRACEFUL` when it was clean; without a code when it was cut, `by_peer` when the peer reset it or ended inside of a
//! message, and not `by_peer` when this side aborted it.

pub(crate) mod about;
mod close;
pub(crate) mod connect;
mod connection;
pub(crate) mod course;
mod halves;
pub(crate) mod listener;
mod load;
mod socket;
mod store;

pub use crate::redial::Duplex;
pub use crate::transport::Socket;
pub use close::CloseReport;
pub use connect::Connect;
pub use connection::Connection;
pub use halves::{ReadHalf, WriteHalf};
pub use listener::{Bind, Listener};
pub use load::{AsyncLoad, Messages};
pub use socket::{Kind, Preceded};
pub use store::AsyncStore;
