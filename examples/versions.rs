//! A service that has changed: what an old and a new program still understand of each other, call by call
//! and version by version. What they do not is refused before anything is decoded.
//!
//! ```text
//! cargo run --example versions
//! ```

#[macro_use]
#[path = "shared/ending.rs"]
mod ending;

use clap::Parser;
use ending::Failure;
use hton::{CallError, Code, Peer, Server};
use rpc_core::frame::{self, Frame, Hello};
use std::error::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Prints which programs of which age can call each other.
#[derive(Parser)]
struct Options {
    /// Leave out what the refusals say.
    #[arg(long)]
    brief: bool,
}

/// The service as it was.
mod old {
    #[hton::data]
    pub(crate) struct Order {
        pub(crate) article: String,
        pub(crate) count: u32,
    }

    #[hton::data]
    pub(crate) enum Size {
        Small,
        Large,
    }

    #[hton::service(name = "Shop")]
    pub(crate) trait OldShop {
        async fn price(&self, article: String) -> u32;
        async fn stock(&self, article: String) -> u32;
        async fn order(&self, order: Order) -> u32;
        async fn fit(&self, size: Size) -> bool;
        async fn pay(&self, cents: u32) -> bool;
        async fn ship(&self, weight: u32) -> u32;
        async fn ring(&self) -> bool;
    }

    pub(crate) struct Shop;

    impl OldShop for Shop {
        async fn price(&self, article: String) -> u32 {
            100 * u32::try_from(article.len()).unwrap_or(u32::MAX / 100)
        }
        async fn stock(&self, _article: String) -> u32 {
            7
        }
        async fn order(&self, order: Order) -> u32 {
            order.count.min(7)
        }
        async fn fit(&self, size: Size) -> bool {
            matches!(size, Size::Small)
        }
        async fn pay(&self, cents: u32) -> bool {
            cents > 0
        }
        async fn ship(&self, weight: u32) -> u32 {
            weight / 10
        }
        async fn ring(&self) -> bool {
            true
        }
    }
}

/// The service as it is now.
mod new {
    #[hton::data]
    pub(crate) struct Order {
        pub(crate) article: String,
        pub(crate) count: u32,
        pub(crate) gift: bool,
    }

    #[hton::data]
    pub(crate) enum Size {
        Small,
        Large,
        Huge,
    }

    #[hton::service(name = "Shop")]
    pub(crate) trait NewShop {
        /// Was behind `price`.
        async fn stock(&self, article: String) -> u32;
        async fn price(&self, article: String) -> u32;
        /// Has a field more.
        async fn order(&self, order: Order) -> u32;
        /// Has a variant more.
        async fn fit(&self, size: Size) -> bool;
        /// Was `u32`.
        async fn pay(&self, cents: u64) -> bool;
        /// The result was `u32`, and the argument `weight`.
        async fn ship(&self, grams: u32) -> Option<u32>;
        /// Was `ring`.
        async fn call_clerk(&self) -> bool;
        /// Was not there.
        async fn refund(&self, cents: u64) -> bool;
    }

    pub(crate) struct Shop;

    impl NewShop for Shop {
        async fn stock(&self, _article: String) -> u32 {
            7
        }
        async fn price(&self, article: String) -> u32 {
            100 * u32::try_from(article.len()).unwrap_or(u32::MAX / 100)
        }
        async fn order(&self, order: Order) -> u32 {
            order.count.min(if order.gift { 1 } else { 7 })
        }
        async fn fit(&self, size: Size) -> bool {
            matches!(size, Size::Small)
        }
        async fn pay(&self, cents: u64) -> bool {
            cents > 0
        }
        async fn ship(&self, grams: u32) -> Option<u32> {
            grams.checked_div(10)
        }
        async fn call_clerk(&self) -> bool {
            true
        }
        async fn refund(&self, cents: u64) -> bool {
            cents < 1_000
        }
    }
}

/// How one call between two programs ended.
type Outcome = Result<(), CallError>;

/// What has changed, and how the call of it ended; `None` = this client has no such call.
type Row = (&'static str, Option<Outcome>);

async fn as_old_client(peer: &Peer) -> Vec<Row> {
    let shop = old::OldShopClient::new(peer);
    let order = old::Order { article: "bread".into(), count: 2 };
    vec![
        ("methods reordered", Some(shop.price("bread".into()).await.map(drop))),
        ("the other of them", Some(shop.stock("bread".into()).await.map(drop))),
        ("method added", None),
        ("method renamed", Some(shop.ring().await.map(drop))),
        ("argument's type changed", Some(shop.pay(100).await.map(drop))),
        ("field added", Some(shop.order(order).await.map(drop))),
        ("variant added", Some(shop.fit(old::Size::Large).await.map(drop))),
        ("result's type changed", Some(shop.ship(500).await.map(drop))),
    ]
}

async fn as_new_client(peer: &Peer) -> Vec<Row> {
    let shop = new::NewShopClient::new(peer);
    let order = new::Order { article: "bread".into(), count: 2, gift: false };
    vec![
        ("methods reordered", Some(shop.price("bread".into()).await.map(drop))),
        ("the other of them", Some(shop.stock("bread".into()).await.map(drop))),
        ("method added", Some(shop.refund(100).await.map(drop))),
        ("method renamed", Some(shop.call_clerk().await.map(drop))),
        ("argument's type changed", Some(shop.pay(100).await.map(drop))),
        ("field added", Some(shop.order(order).await.map(drop))),
        ("variant added", Some(shop.fit(new::Size::Large).await.map(drop))),
        ("result's type changed", Some(shop.ship(500).await.map(drop))),
    ]
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let old = Server::bind("127.0.0.1:0").await?.serve(old::OldShopServer::new(old::Shop))?;
    let new = Server::bind("127.0.0.1:0").await?.serve(new::NewShopServer::new(new::Shop))?;
    let mut columns = Vec::new();
    for server in [&old, &new] {
        // All calls of a client go over one connection, which outlives every refusal.
        columns.push(as_old_client(&hton::connect(server.local_addr()).await?).await);
        columns.push(as_new_client(&hton::connect(server.local_addr()).await?).await);
    }

    println!(
        "client → server          old → old        new → old        old → new        new → new"
    );
    let rows = columns.first().map_or(0, Vec::len);
    for row in 0..rows {
        let mut line = String::new();
        for column in &columns {
            let (_, outcome) = &column[row];
            line.push_str(&format!(" {:<16}", in_a_word(outcome.as_ref())));
        }
        println!("{:<24}{}", columns[0][row].0, line.trim_end());
    }
    if !options.brief {
        println!();
        println!("what an old client hears from the new server:");
        explain(&columns[2]);
        println!("what a new client hears from the old server:");
        explain(&columns[1]);
    }
    println!();
    println!("refused today: every change of a type, also one that a reader could bridge.");
    println!("what works: a method beside the old one, under a name of its own.");
    println!();
    for (min, max) in [(1, 1), (1, 9), (2, 9)] {
        println!("versions {min} to {max} of the wire: {}", greet(&new, min, max).await?);
    }
    Ok(())
}

fn in_a_word(outcome: Option<&Outcome>) -> String {
    match outcome {
        None => "-".into(),
        Some(Ok(())) => "works".into(),
        Some(Err(error)) if error.code() == Code::SCHEMA_MISMATCH => "refused: types".into(),
        Some(Err(error)) if error.code() == Code::UNIMPLEMENTED => "refused: unknown".into(),
        Some(Err(error)) => error.code().to_string(),
    }
}

fn explain(column: &[Row]) {
    for (what, outcome) in column {
        if let Some(Err(error)) = outcome {
            println!("    {what}:\n        {error}");
        }
    }
}

/// Says HELLO as a program that speaks these versions of the wire would, and tells what comes back.
async fn greet(server: &Server, min: u8, max: u8) -> Result<String, Box<dyn Error>> {
    let addr = server.local_addr().socket_addr().ok_or("it listens on TCP")?;
    let mut stream = TcpStream::connect(addr).await?;
    let mut hello = Hello::FLOORS;
    (hello.version_min, hello.version_max) = (min, max);
    let mut bytes = Vec::new();
    hello.encode(&mut bytes);
    stream.write_all(&bytes).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let mut rest = &answer[..];
    let mut said = String::from("accepted");
    while let Some((frame, consumed)) = frame::decode(rest, Hello::FLOORS.frame_bytes)? {
        if let Frame::GoAway(goaway) = frame {
            said = format!("{}: {}", goaway.code, goaway.reason);
        }
        rest = &rest[consumed..];
    }
    Ok(said)
}
