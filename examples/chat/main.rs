//! A chat in the terminal: through a server, through one that it opens itself, or without any, among
//! equals.
//!
//! ```text
//! cargo run --example chat -- 127.0.0.1:4000
//! cargo run --example chat -- --mesh
//! ```

mod client;
mod commands;
mod mesh;
mod rooms;
mod screen;

use clap::Parser;
use client::Client;
use rooms::{Bounds, House};
use screen::{Screen, Typed};
use std::error::Error;
use std::time::Duration;

/// Chats with everybody else in a room. /help tells what can be typed.
#[derive(Parser)]
struct Options {
    /// The address of a `chat-server`; without one, this program opens a server of its own.
    address: Option<String>,
    /// What the others call you: up to 24 characters without blanks.
    #[arg(long, default_value_t = name())]
    name: String,
    /// The room to join.
    #[arg(long, default_value = "lobby")]
    room: String,
    /// How long a server that is not there is looked for.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// Chat without a server: this node and the others find each other.
    #[arg(long, conflicts_with_all = ["address", "room", "patience"])]
    mesh: bool,
    /// A node that is known already; the others are found through it.
    #[arg(long, value_name = "ADDRESS", requires = "mesh")]
    known: Vec<String>,
    /// The address at which the others find this node.
    #[arg(long, value_name = "ADDRESS", requires = "mesh", default_value = "127.0.0.1:0")]
    listen: String,
}

fn name() -> String {
    let name = std::env::var("USER").ok().filter(|name| !name.is_empty());
    name.unwrap_or_else(|| format!("guest-{}", rooms::random() % 10_000))
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let (screen, typed) = screen::open(&options.name);
    let end = chat(options, screen.clone(), typed).await;
    screen.close();
    match end {
        Ok(()) => {
            screen.note("goodbye");
            // The thread that reads may wait for a line for ever.
            std::process::exit(0)
        }
        Err(error) => {
            screen.warn(&error.to_string());
            std::process::exit(1)
        }
    }
}

async fn chat(options: Options, screen: Screen, typed: Typed) -> Result<(), Box<dyn Error>> {
    let Options { address, name, room, patience, mesh, known, listen } = options;
    if mesh {
        return Ok(mesh::chat(&listen, name, known, screen, typed).await?);
    }
    let patience = Duration::from_secs(patience);
    let (address, house) = match address {
        Some(address) => (address, None),
        None => {
            let bounds = Bounds { history: 10_000, backlog: 1_000 };
            let house = House::open("127.0.0.1:0", bounds, false).await?;
            let address = house.address().to_string();
            screen.note(&format!("listening on {address}"));
            screen.note(&format!("to join: cargo run --example chat -- {address}"));
            (address, Some(house))
        }
    };
    let end = Client::new(address, name, room, patience, screen)?.run(typed).await;
    if let Some(house) = house {
        house.close().await;
    }
    Ok(end?)
}
