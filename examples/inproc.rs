//! Both ends in one process and on one thread: over memory, TCP on IPv4 and on IPv6, and a Unix socket.
//! The service and its client never learn which; neither waits for the other with the thread.
//!
//! ```text
//! cargo run --example inproc -- --calls 1000
//! ```

#[macro_use]
#[path = "shared/ending.rs"]
mod ending;

use clap::{Parser, ValueEnum};
use ending::Failure;
use hton::{Context, Rx, Server, Side, Status, Stream, stream};
use std::error::Error;
use std::time::Instant;

/// Calls a service of this same process over several transports.
#[derive(Parser)]
struct Options {
    /// How the two ends are connected.
    #[arg(long, value_delimiter = ',', default_value = "memory,tcp4,tcp6,unix")]
    over: Vec<Over>,
    /// Calls over each of them, 16 at a time.
    #[arg(long, default_value_t = 400)]
    calls: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Over {
    /// A pipe in memory.
    Memory,
    /// TCP over 127.0.0.1.
    Tcp4,
    /// TCP over ::1.
    Tcp6,
    /// A Unix socket.
    Unix,
}

#[hton::service]
trait Words {
    /// Who is calling, as far as the transport knows.
    async fn caller(&self, cx: &Context) -> String;
    /// The number of words in a text.
    async fn count(&self, text: &str) -> u32;
    /// The words of a text.
    fn split(&self, text: String) -> impl Stream<Item = String>;
    /// The words that come, as one text.
    async fn join(&self, words: Rx<String>) -> Result<String, Status>;
}

struct MyWords;

impl Words for MyWords {
    async fn caller(&self, cx: &Context) -> String {
        match cx.peer_addr() {
            Some(addr) => format!("from {addr}"),
            None => cx.identity().to_string(),
        }
    }

    async fn count(&self, text: &str) -> u32 {
        text.split_whitespace().fold(0, |count, _| count + 1)
    }

    fn split(&self, text: String) -> impl Stream<Item = String> {
        stream::iter(text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    async fn join(&self, words: Rx<String>) -> Result<String, Status> {
        Ok(words.collect().await?.join(" "))
    }
}

// One thread runs both ends: whoever waits lets the other go on.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    for over in options.over {
        if let Err(error) = visit(over, options.calls).await {
            // A machine without IPv6 is no reason to leave out the rest.
            println!("{over:?}: {error}");
        }
    }
    Ok(())
}

async fn visit(over: Over, calls: u32) -> Result<(), Box<dyn Error>> {
    let service = WordsServer::new(MyWords);
    let address = match over {
        Over::Memory => {
            let (near, far) = hton::memory();
            let _far = hton::attach(far, Side::Acceptor).serve(service)?.start();
            return converse(
                over,
                WordsClient::new(hton::attach(near, Side::Dialer).start()),
                calls,
            )
            .await;
        }
        Over::Tcp4 => "127.0.0.1:0".to_owned(),
        Over::Tcp6 => "[::1]:0".to_owned(),
        Over::Unix => {
            let file = format!("hton-inproc-{}.sock", std::process::id());
            format!("unix:{}", std::env::temp_dir().join(file).display())
        }
    };
    let server = Server::bind(address).await?.serve(service)?;
    converse(over, WordsClient::connect(server.local_addr()).await?, calls).await?;
    server.drain().await;
    Ok(())
}

/// The same for every transport.
async fn converse(over: Over, words: WordsClient, calls: u32) -> Result<(), Box<dyn Error>> {
    println!("{over:?}: a call {}", words.caller().await?);
    let split = words.split("both ends live here".into()).collect().await?;
    println!("    items back: {split:?}");
    println!("    items there: {:?}", words.join(stream::iter(split)).await?);

    let started = Instant::now();
    let callers: Vec<_> = (0..16)
        .map(|caller| {
            let words = words.clone();
            tokio::spawn(async move {
                for _ in (caller..calls).step_by(16) {
                    words.count("one two three").await?;
                }
                Ok::<_, hton::CallError>(())
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    let each = started.elapsed() / calls.max(1);
    println!("    {calls} calls, 16 at a time: {} µs each", each.as_micros());
    Ok(())
}
