//! The harness of the bench: workloads, processes, clocks and reports, and no peer.
//!
//! A program hands its peers to [`run`]. It then plays every role: it reads the command line, starts
//! itself again as a server and as a client for each run, and prints what came out.

#![allow(async_fn_in_trait)] // Whether a future is Send is decided where its type is known: in `Peer::launch`.

mod bench;
mod calls;
mod child;
mod clock;
pub mod data;
mod job;
mod markdown;
mod nodelay;
mod options;
mod overload;
mod peer;
mod process;
mod report;
mod results;
mod workload;

pub use bench::{Codec, Contest, run};
pub use clock::{Clock, Portions, Tally};
pub use job::Caller;
pub use peer::{Ask, Client, Held, Peer, Subject, Unsupported, listen};
pub use results::Measured;
pub use workload::{Call, Shape};

/// Whatever ends a run.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
/// A result of the harness.
pub type Result<T, E = Failure> = std::result::Result<T, E>;
