//! One client program twice, for threads that block and for tasks that wait, over one trait; then what a call
//! costs whoever starts it, and a loop that keeps ticking while a call is slow.
//!
//! ```text
//! cargo run --example sync-async
//! ```

#[macro_use]
#[path = "../shared/ending.rs"]
mod ending;
mod awaiting;
mod blocking;

use clap::Parser;
use ending::Failure;
use hton::{CallError, Limits, Stream, stream};
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

/// Runs the same client program blocking and async.
#[derive(Parser)]
struct Options {
    /// Calls that are started at once.
    #[arg(long, default_value_t = 1000)]
    calls: u32,
    /// How long each of them sleeps at the server, in milliseconds.
    #[arg(long, default_value_t = 1000)]
    nap: u64,
}

#[hton::service]
trait Office {
    async fn sum(&self, a: u64, b: u64) -> u64;
    /// Sleeps so many milliseconds.
    async fn nap(&self, ms: u64) -> u64;
    fn count(&self, to: u32) -> impl Stream<Item = u32>;
}

struct MyOffice;

impl Office for MyOffice {
    async fn sum(&self, a: u64, b: u64) -> u64 {
        a.wrapping_add(b)
    }

    async fn nap(&self, ms: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        ms
    }

    fn count(&self, to: u32) -> impl Stream<Item = u32> {
        stream::iter(0..to)
    }
}

fn main() -> Result<(), Failure> {
    let Options { calls, nap } = Options::parse();
    // The client program that blocks has no runtime; the server has, and so has the other client.
    let mut limits = Limits::default();
    limits.calls = limits.calls.max(calls);
    let server = hton::blocking::bind("127.0.0.1:0")?.limits(limits);
    let server = server.serve(OfficeServer::new(MyOffice))?;

    let office = OfficeClient::new(hton::blocking::connect(server.local_addr())?);
    let said = blocking::program(&office)?;
    tell("blocking", include_str!("blocking.rs"), &said);
    ticks_beside_a_thread(&office, nap)?;
    drop(office);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let office = OfficeClient::connect(server.local_addr()).await?;
        let said = awaiting::program(&office).await?;
        tell("async", include_str!("awaiting.rs"), &said);
        many_at_once(&office, calls, nap).await
    })?;
    hton::blocking::wait(server.drain())?;
    Ok(())
}

/// How a call ended that was to fail.
fn code<T>(outcome: Result<T, CallError>) -> String {
    outcome.map_or_else(|error| error.code().to_string(), |_| "it was quicker".to_owned())
}

/// What a program said, and how many lines it took, without empty ones and comments.
fn tell(kind: &str, source: &str, said: &[String]) {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    println!("{kind}, {} lines:", source.lines().filter(is_code).count());
    for line in said {
        println!("    {line}");
    }
}

/// The loop of a user interface goes on while another thread waits: a client is for any number of threads.
fn ticks_beside_a_thread(office: &OfficeClient, nap: u64) -> Result<(), Box<dyn Error>> {
    let waiting = thread::spawn({
        let office = office.clone();
        move || office.nap(nap).wait()
    });
    let (started, mut ticks) = (Instant::now(), 0);
    while !waiting.is_finished() {
        thread::sleep(Duration::from_millis(5));
        ticks += 1;
    }
    let seconds = started.elapsed().as_secs_f64();
    let slept = waiting.join().map_err(|_| "the call panicked")??;
    let rate = f64::from(ticks) / seconds;
    println!("    beside a thread that waits {slept} ms: {rate:.0} ticks a second");
    Ok(())
}

/// A call is started by its first poll, which waits for nothing.
async fn many_at_once(office: &OfficeClient, calls: u32, nap: u64) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let mut open: Vec<_> = (0..calls).map(|_| office.nap(nap)).collect();
    poll_fn(|cx| {
        for call in &mut open {
            assert!(Pin::new(call).poll(cx).is_pending(), "it sleeps");
        }
        Poll::Ready(())
    })
    .await;
    println!("    {calls} calls: started within {} ms", started.elapsed().as_millis());
    for call in open {
        call.await?;
    }
    println!("    all of them back after {} ms", started.elapsed().as_millis());
    Ok(())
}
