//! The server of the chat: rooms, history from wherever a guest was before, and a goodbye to everybody
//! when it ends. `chat` is its client.
//!
//! ```text
//! cargo run --example chat-server -- 127.0.0.1:4000
//! ```

#[macro_use]
#[path = "../shared/ending.rs"]
mod ending;
#[path = "../shared/ctrl_c.rs"]
mod ctrl_c;
#[path = "../chat/rooms/mod.rs"]
mod rooms;

use clap::Parser;
use ending::Failure;
use rooms::{Bounds, House};
use std::future::pending;
use std::io::{sink, stdin};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// A chat server with rooms. Ctrl-C ends it: everybody is told, and hears all that was said before.
#[derive(Parser)]
struct Options {
    /// The address to listen on; port 0 lets the system choose.
    #[arg(default_value = "127.0.0.1:0")]
    address: String,
    /// Events that a room remembers, of at most 192 KiB.
    #[arg(long, default_value_t = 10_000)]
    history: usize,
    /// Events that may wait for a guest who does not read.
    #[arg(long, default_value_t = 1_000)]
    backlog: u64,
    /// End after so many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,
    /// End when the input ends.
    #[arg(long)]
    until_eof: bool,
    /// Do not print who comes and goes.
    #[arg(long)]
    quiet: bool,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let bounds = Bounds { history: options.history.max(1), backlog: options.backlog.max(1) };
    let house = House::open(options.address.as_str(), bounds, !options.quiet).await?;
    let address = house.address();
    let lines = format!("listening on {address}\nto join: cargo run --example chat -- {address}");
    tokio::select! {
        biased;
        () = ctrl_c::after(lines) => {}
        () = time(options.seconds) => {}
        () = end_of_input(options.until_eof) => {}
    }
    println!("saying goodbye");
    let (report, stats) = house.close().await;
    println!("{stats}");
    println!("{report}");
    Ok(())
}

async fn time(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => pending().await,
    }
}

/// The thread that reads would keep a runtime from ending; so it is none of the runtime's.
async fn end_of_input(wanted: bool) {
    let (ended, end) = oneshot::channel();
    if wanted {
        thread::spawn(|| ended.send(std::io::copy(&mut stdin(), &mut sink())));
        // The sender is dropped only with the thread.
        let _ = end.await;
    } else {
        pending().await
    }
}
