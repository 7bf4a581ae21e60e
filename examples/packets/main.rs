//! Two equal programs exchange packets: either may listen, either may send, and whoever does not send checks
//! every part of each packet and acknowledges it with a text.
//!
//! ```text
//! cargo run --example packets                             both ends in one process
//! cargo run --example packets -- --listen                 one end; prints where it listens
//! cargo run --example packets -- --connect ADDRESS        the other end, started before or after
//! ```

#[macro_use]
#[path = "../shared/ending.rs"]
mod ending;
mod packet;
mod roles;

use clap::Parser;
use ending::Failure;
use hton::Backoff;
use hton::message::{Connection, Listener};
use roles::{Job, Role};
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

type Fault = Box<dyn Error + Send + Sync>;

/// Exchanges packets with an equal program; with itself, unless told where the other one is.
#[derive(Parser)]
struct Options {
    /// Waits for the other end, here; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:0")]
    listen: Option<String>,
    /// Connects to the other end, and tries for a minute if nobody listens yet.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "listen")]
    connect: Option<String>,
    /// What this end does. Who connects sends, unless it is told otherwise.
    #[arg(long)]
    role: Option<Role>,
    /// How many packets are sent.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    packets: u32,
    /// How many copies of its value each packet has, in turns.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 1, 31_999])]
    counts: Vec<u32>,
    /// How many packets may wait for their answers; several to do it all once for each, and compare.
    #[arg(long, value_delimiter = ',', default_values_t = [1], value_parser = clap::value_parser!(u32).range(1..))]
    window: Vec<u32>,
    /// Prints nothing for packets that are good.
    #[arg(long)]
    quiet: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let is_good = run(Options::parse()).await?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns whether every packet was good.
async fn run(options: Options) -> Result<bool, Fault> {
    let Options { listen, connect, role, packets, counts, window: windows, quiet } = options;
    let job = Job { packets, counts, windows };
    if let Some(address) = connect {
        println!("connecting to {address}");
        let retry = Backoff::default().longest(Duration::from_millis(500));
        let connection = Connection::connect(address).retry(retry).await?;
        return roles::play(connection, role.unwrap_or(Role::Send), &job, quiet).await;
    }
    let listener = Listener::bind(listen.as_deref().unwrap_or("127.0.0.1:0")).await?;
    println!("listening on {}", listener.local_addr());
    if listen.is_some() {
        let connection = listener.accept().await?;
        return roles::play(connection, role.unwrap_or(Role::Acknowledge), &job, quiet).await;
    }
    let near = Connection::connect(listener.local_addr()).await?;
    let far = listener.accept().await?;
    let sending = roles::play(near, Role::Send, &job, quiet);
    let acknowledging = roles::play(far, Role::Acknowledge, &job, quiet);
    let (sent, received) = tokio::try_join!(sending, acknowledging)?;
    Ok(sent && received)
}
