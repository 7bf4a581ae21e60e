//! An echo server and its client: texts of any size come back as they were, as whole messages or as plain
//! bytes, and both ends count them.
//!
//! ```text
//! cargo run --example echo                            both ends in one process, typed and raw
//! cargo run --example echo -- serve [ADDRESS]         the server; prints where it listens
//! cargo run --example echo -- send HOST [PORT]        the client
//! ```

#[macro_use]
#[path = "../shared/ending.rs"]
mod ending;
#[path = "../shared/ctrl_c.rs"]
mod ctrl_c;
mod send;
mod serve;

use clap::{Args, Parser, Subcommand};
use ending::Failure;
use hton::message::Listener;
use std::error::Error;
use std::fmt;

type Fault = Box<dyn Error + Send + Sync>;

/// Sends texts to a server that sends them back. Without a command both ends are in this process.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    end: Option<End>,
}

#[derive(Subcommand)]
enum End {
    /// Echoes whatever comes, to any number of clients, until Ctrl-C.
    Serve {
        /// Where to listen; port 0 lets the system choose.
        #[arg(default_value = "127.0.0.1:0")]
        address: String,
        /// Serves one client, and ends.
        #[arg(long)]
        once: bool,
        /// Echoes bytes as they come, without messages.
        #[arg(long)]
        raw: bool,
    },
    /// Sends texts, and compares what comes back.
    Send {
        /// The server: a name or a number.
        host: String,
        /// Its port.
        #[arg(default_value_t = 27015)]
        port: u16,
        /// How many clients do so at the same time, each over a connection of its own.
        #[arg(long, default_value_t = 1)]
        clients: u32,
        /// Sends bytes one after the other, without messages.
        #[arg(long)]
        raw: bool,
        #[command(flatten)]
        texts: Texts,
    },
}

/// What is sent.
#[derive(Args)]
struct Texts {
    /// The first text.
    #[arg(long, default_value = "this is a test")]
    text: String,
    /// The sizes of the texts that follow, in bytes.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 1, 511, 512, 513, 1_048_576])]
    sizes: Vec<usize>,
}

impl Texts {
    fn all(&self) -> Vec<String> {
        let made = self.sizes.iter().map(|size| (0..*size).map(nth).collect());
        std::iter::once(self.text.clone()).chain(made).collect()
    }
}

/// Characters in an order in which any gap or shift shows.
fn nth(index: usize) -> char {
    const CHARACTERS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let place = (index % 61 + index / 61 % 59) % CHARACTERS.len();
    CHARACTERS.get(place).copied().map_or('?', char::from)
}

/// What went one way over a connection. Plain bytes are no messages.
#[derive(Clone, Copy, Default, PartialEq)]
struct Count {
    messages: u64,
    bytes: u64,
}

impl Count {
    fn add(&mut self, text: &str) {
        self.messages += 1;
        self.bytes += text.len() as u64;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { messages: 0, bytes } => write!(f, "{bytes} bytes"),
            Self { messages, bytes } => write!(f, "{bytes} bytes in {messages} messages"),
        }
    }
}

/// What went both ways.
#[derive(Default)]
struct Counts {
    sent: Count,
    received: Count,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    match Options::parse().end {
        Some(End::Serve { address, once, raw }) => serve::serve(&address, once, raw).await?,
        Some(End::Send { host, port, clients, raw, texts }) => {
            send::send((host.as_str(), port).into(), clients, raw, texts.all()).await?;
        }
        None => both().await?,
    }
    Ok(())
}

/// A server for one client, and that client, typed and raw.
async fn both() -> Result<(), Fault> {
    let sizes = vec![0, 1, 511, 512, 513, 1_048_576];
    let texts = Texts { text: "this is a test".to_owned(), sizes }.all();
    for raw in [false, true] {
        println!("{}", if raw { "raw: bytes" } else { "typed: messages" });
        let listener = Listener::bind("127.0.0.1:0").await?;
        let client = send::one(listener.local_addr(), raw, &texts, true);
        let server = async { serve::echo(listener.accept().await?, raw).await };
        let (client, server) = tokio::try_join!(client, server)?;
        println!("  server: received {}, sent {}", server.received, server.sent);
        println!("  client: sent {}, received {}: equal", client.sent, client.received);
    }
    Ok(())
}
