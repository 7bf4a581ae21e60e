//! The server of the stress programs: echoes what comes, in one of two ways of accepting, on a fixed
//! number of threads, and tells what it takes.
//!
//! ```text
//! cargo run --release --example stress-server -- 127.0.0.1:4000
//! ```

#[macro_use]
#[path = "../shared/ending.rs"]
mod ending;
mod accept;
#[path = "../shared/ctrl_c.rs"]
mod ctrl_c;
mod letters;
mod service;

use clap::{Parser, ValueEnum};
use ending::Failure;
use hton::{Limits, Server};
use service::{Echo, StressServer};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Builder;

#[derive(Parser)]
#[command(about = "Echoes whatever comes, and tells what it takes.")]
struct Options {
    /// Where to listen; port 0 lets the system choose
    #[arg(default_value = "127.0.0.1:0")]
    address: String,
    /// How connections are accepted
    #[arg(long, value_enum, default_value = "async")]
    accept: Accept,
    /// Threads that serve all connections; as many as there are processors unless given
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Connections that may be open
    #[arg(long, value_name = "N", default_value_t = 10_240)]
    connections: usize,
    /// Connections that may not have said HELLO yet
    #[arg(long, value_name = "N", default_value_t = 256)]
    handshakes: usize,
    /// How long a connection may take to say HELLO
    #[arg(long, value_name = "MS", default_value_t = 5_000)]
    hello: u64,
    /// How long a peer may read nothing of what is written to it
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    stall: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Accept {
    /// hton accepts, in a task beside the others
    Async,
    /// A thread of this program accepts, and hands each connection to hton
    Blocking,
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let mut builder = Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        builder.worker_threads(workers.max(1));
    }
    Ok(builder.enable_all().build()?.block_on(serve(options))?)
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    let mut limits = Limits::default();
    limits.hello_ms = options.hello;
    limits.write_stall_ms = options.stall;
    let echo = Arc::new(Echo::default());
    match options.accept {
        Accept::Blocking => {
            let door = accept::Door::open(&options.address, options.connections)?;
            let stop =
                ctrl_c::after(format!("listening on {}, a thread accepts", door.local_addr()));
            println!("{}", door.serve(Arc::clone(&echo), limits, stop).await?);
        }
        Accept::Async => {
            let bound = Server::bind(options.address).await?.limits(limits);
            let bound = bound.max_connections(options.connections);
            let bound = bound.max_handshakes(options.handshakes);
            let server = bound.serve(StressServer::from_arc(Arc::clone(&echo)))?;
            println!("{}", serve_until_stopped(server, &echo).await);
        }
    }
    println!("{}", echo.statistics());
    Ok(())
}

/// Serves until Ctrl-C. The service counts the server's connections meanwhile.
async fn serve_until_stopped(server: Server, echo: &Echo) -> String {
    let address = server.local_addr();
    let place = Arc::new(Mutex::new(Some(server)));
    let counted = Arc::clone(&place);
    echo.count_with(move || {
        let server = counted.lock().unwrap_or_else(PoisonError::into_inner);
        server.as_ref().map_or(0, Server::connections)
    });
    ctrl_c::after(format!("listening on {address}, a task accepts")).await;
    let server = place.lock().unwrap_or_else(PoisonError::into_inner).take();
    match server {
        Some(server) => server.shutdown(Duration::from_secs(5)).await.to_string(),
        None => "stopped already".to_owned(),
    }
}
