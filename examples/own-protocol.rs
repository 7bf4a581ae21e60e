//! A protocol of one's own, with two messages and without `#[hton::service]`: a telephone book that anybody may
//! ask and tell. Nothing is sent but the messages, so a program in any language can join with a few lines.
//!
//! ```text
//! cargo run --example own-protocol
//! cargo run --example own-protocol -- --listen [ADDRESS]
//! ```

#[macro_use]
#[path = "shared/ending.rs"]
mod ending;

use clap::Parser;
use ending::Failure;
use hton::archive::LoadError;
use hton::message::{Connection, Listener};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

type Fault = Box<dyn Error + Send + Sync>;

/// A telephone book on a protocol of its own. Without an option it is asked in this process.
#[derive(Parser)]
struct Options {
    /// Serves one client here; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:0")]
    listen: Option<String>,
}

/// All that either end may say.
#[derive(Debug, Serialize, Deserialize)]
enum Message {
    /// What is the number of this name? It is answered with a `Tell`.
    Ask { name: String },
    /// The number of this name; none if it has none.
    Tell { name: String, number: Option<u64> },
}

use Message::{Ask, Tell};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let Options { listen } = Options::parse();
    let listener = Listener::bind(listen.as_deref().unwrap_or("127.0.0.1:0")).await?;
    println!("listening on {}", listener.local_addr());
    if listen.is_some() {
        keep_book(listener.accept().await?).await?;
    } else {
        let near = Connection::connect(listener.local_addr()).await?;
        let far = listener.accept().await?;
        tokio::try_join!(keep_book(far), call(near))?;
    }
    Ok(())
}

/// The end that has the book. A message that it does not understand spoils only itself.
async fn keep_book(connection: Connection) -> Result<(), Fault> {
    let (mut from, mut to) = connection.split();
    let mut messages = from.messages();
    let mut book = BTreeMap::new();
    while let Some(message) = messages.next().await {
        match message {
            Ok(Tell { name, number: Some(number) }) => drop(book.insert(name, number)),
            Ok(Tell { name, number: None }) => drop(book.remove(&name)),
            Ok(Ask { name }) => {
                let number = book.get(&name).copied();
                to.send(&Tell { name, number }).await?;
            }
            Err(LoadError::Archive(error)) => println!("not understood: {error}"),
            Err(error) => return Err(error.into()),
        }
    }
    println!("the book holds {} numbers", book.len());
    Ok(to.finish().await?)
}

/// The end that asks.
async fn call(mut connection: Connection) -> Result<(), Fault> {
    for (name, number) in [("Ada", 1815), ("Grace", 1906)] {
        connection.send(&Tell { name: name.to_owned(), number: Some(number) }).await?;
    }
    connection.send(&9_u32).await?; // No message of this protocol.
    for name in ["Grace", "Edsger"] {
        connection.send(&Ask { name: name.to_owned() }).await?;
        match connection.recv().await? {
            Some(Tell { name, number: Some(number) }) => println!("{name} has {number}"),
            Some(Tell { name, number: None }) => println!("{name} has no number"),
            Some(Ask { .. }) | None => return Err("that is no answer".into()),
        }
    }
    connection.close(Duration::from_secs(5)).await?;
    Ok(())
}
