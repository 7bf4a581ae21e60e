//! The sequence of operations of a server and its client as every introduction to sockets tells it, as code
//! that runs: each step is numbered on the screen, and values go both ways through archives.
//!
//! ```text
//! cargo run --example sequence                        both ends in one process
//! cargo run --example sequence -- serve [ADDRESS]     one end; prints where it listens
//! cargo run --example sequence -- connect ADDRESS     the other end
//! ```

#[macro_use]
#[path = "shared/ending.rs"]
mod ending;

use clap::{Parser, Subcommand};
use ending::Failure;
use hton::Address;
use hton::message::{Connection, Listener};
use std::error::Error;
use std::fmt::Display;

type Fault = Box<dyn Error + Send + Sync>;

/// Shows the steps of a server and its client; of both, unless one is chosen.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    end: Option<End>,
}

#[derive(Subcommand)]
enum End {
    /// The server, for one client.
    Serve {
        /// Where to listen; port 0 lets the system choose.
        #[arg(default_value = "127.0.0.1:0")]
        address: String,
    },
    /// The client.
    Connect {
        /// Where the server listens.
        address: String,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    match Options::parse().end {
        Some(End::Serve { address }) => {
            let mut steps = Steps::of("server");
            let listener = listen(&address, &mut steps).await?;
            println!("listening on {}", listener.local_addr());
            serve(listener, steps).await?;
        }
        Some(End::Connect { address }) => connect(address.into()).await?,
        None => {
            let mut steps = Steps::of("server");
            let listener = listen("127.0.0.1:0", &mut steps).await?;
            let address = listener.local_addr();
            tokio::try_join!(serve(listener, steps), connect(address))?;
        }
    }
    Ok(())
}

async fn listen(address: &str, steps: &mut Steps) -> Result<Listener, Fault> {
    let listener = Listener::bind(address).await?;
    steps.done("create", "a socket");
    steps.done("bind", format_args!("it to {}", listener.local_addr()));
    steps.done("listen", "the three are one call: Listener::bind");
    Ok(listener)
}

async fn serve(listener: Listener, mut steps: Steps) -> Result<(), Fault> {
    let connection = listener.accept().await?;
    steps.done("accept", format_args!("a connection from {}", name(connection.peer_addr())));
    talk_as_server(connection, &mut steps).await?;
    steps.done("close", "archives and socket, by the end of their scope");
    Ok(())
}

async fn connect(address: Address) -> Result<(), Fault> {
    let mut steps = Steps::of("client");
    let connection = Connection::connect(address).await?;
    steps.done("create", format_args!("a socket, {}", name(connection.local_addr())));
    steps.done("connect", format_args!("to {}", name(connection.peer_addr())));
    talk_as_client(connection, &mut steps).await?;
    steps.done("close", "archives and socket, by the end of their scope");
    Ok(())
}

async fn talk_as_server(connection: Connection, steps: &mut Steps) -> Result<(), Fault> {
    let (mut from, mut to) = connection.split();
    steps.done("archives", "one to load, one to store");
    let (number, text): (u32, String) = (from.load().await?, from.load().await?);
    steps.done("load", format_args!("{number:#x} and {text:?}"));
    let ended = from.next_message().await?.is_none();
    steps.done("load", format_args!("the end: {ended}"));
    to.store(&number.swap_bytes())?.store(&text.to_uppercase())?.flush().await?;
    steps.done("store", "an answer, which still arrives");
    to.finish().await?;
    steps.done("half-close", "nothing more is stored here");
    Ok(())
}

async fn talk_as_client(connection: Connection, steps: &mut Steps) -> Result<(), Fault> {
    let (mut from, mut to) = connection.split();
    steps.done("archives", "one to load, one to store");
    to.store(&0x1234_5678_u32)?.store("host to network")?.flush().await?;
    steps.done("store", "0x12345678 and \"host to network\"");
    to.finish().await?;
    steps.done("half-close", "nothing more is stored here");
    let (number, text): (u32, String) = (from.load().await?, from.load().await?);
    steps.done("load", format_args!("{number:#x} and {text:?}"));
    let ended = from.next_message().await?.is_none();
    steps.done("load", format_args!("the end: {ended}"));
    Ok(())
}

fn name(address: Option<Address>) -> String {
    address.map_or_else(|| "no name".to_owned(), |address| address.to_string())
}

/// The steps of one end, numbered.
struct Steps {
    end: &'static str,
    number: u32,
}

impl Steps {
    fn of(end: &'static str) -> Self {
        Self { end, number: 0 }
    }

    fn done(&mut self, step: &str, what: impl Display) {
        self.number += 1;
        println!("{} {:2}  {step:10}  {what}", self.end, self.number);
    }
}
