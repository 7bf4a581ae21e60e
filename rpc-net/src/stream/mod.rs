//! Streams of items: a few helpers to make them and to read them.
//!
//! A method's stream argument and stream result are any [`Stream`]; what is here keeps a program that
//! needs no more from depending on another crate for it.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use rpc_net::stream;
//!
//! let (sender, mut numbers) = stream::channel(8);
//! tokio::spawn(async move {
//!     for n in 0..3 {
//!         let _ = sender.send(n).await;
//!     }
//! });
//! assert_eq!(stream::next(&mut numbers).await, Some(0));
//! assert_eq!(stream::collect(numbers).await, [1, 2]);
//! # }
//! ```

mod helpers;
mod inflow;
mod pump;
mod rx;
mod streaming;

pub use futures_core::Stream;
pub use helpers::{
    Closed, Empty, Iter, Next, Once, Receiver, Sender, Unfold, channel, collect, empty, iter, next,
    once, unfold,
};
pub(crate) use inflow::{End, Inflow};
pub(crate) use pump::{Encode, Items, Pump, Pumped, Source, TryItems, poll_left};
pub use rx::Rx;
pub use streaming::Streaming;
