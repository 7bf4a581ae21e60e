//! The client's side: so many connections, each with one call after the other, and what came of it.

use super::words::WordsClient;
use hdrhistogram::Histogram;
use hton::Address;
use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::{JoinSet, LocalSet};

/// Connections that are opened at the same time.
const OPENING: usize = 64;

/// What a server did under load.
pub(crate) struct Figures {
    pub(crate) calls_per_second: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    /// Of the server's process, without the one that waits for its input to end; `None` where the system does
    /// not tell.
    pub(crate) threads: Option<u64>,
    pub(crate) memory_kib: Option<u64>,
}

/// Loads the server at this address, whose process has this id, from one thread.
pub(crate) fn load(
    address: &Address,
    server: u32,
    connections: usize,
    time: Duration,
) -> Result<Figures, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let clients = open(address, connections).await?;
        let latencies = Rc::new(RefCell::new(Histogram::<u64>::new_with_max(60_000_000, 3)?));
        let started = Instant::now();
        let mut callers = JoinSet::new();
        for client in clients {
            callers.spawn_local(call(client, started + time, Rc::clone(&latencies)));
        }
        tokio::time::sleep(time / 2).await;
        let threads = status(server, "Threads:").map(|threads| threads - 1);
        let memory_kib = status(server, "VmRSS:");
        while let Some(caller) = callers.join_next().await {
            caller??;
        }
        let latencies = latencies.borrow();
        Ok(Figures {
            calls_per_second: latencies.len() as f64 / started.elapsed().as_secs_f64(),
            p50_us: latencies.value_at_quantile(0.5),
            p99_us: latencies.value_at_quantile(0.99),
            threads,
            memory_kib,
        })
    })
}

/// Opens the connections, and makes one call over each: from then on it is warm.
async fn open(address: &Address, connections: usize) -> Result<Vec<WordsClient>, Box<dyn Error>> {
    let mut clients = Vec::new();
    let mut opening = JoinSet::new();
    for begun in 0..connections + OPENING {
        if begun < connections {
            let address = address.clone();
            opening.spawn_local(async move {
                let words = WordsClient::connect(address).await?;
                let said = words.shout("hello".into()).await?;
                if said == "HELLO" {
                    Ok(words)
                } else {
                    Err(Box::<dyn Error>::from("a wrong answer"))
                }
            });
        }
        if begun >= OPENING {
            if let Some(opened) = opening.join_next().await {
                clients.push(opened??);
            }
        }
    }
    Ok(clients)
}

/// One call after the other, each answer looked at.
async fn call(
    words: WordsClient,
    until: Instant,
    latencies: Rc<RefCell<Histogram<u64>>>,
) -> Result<(), Box<dyn Error>> {
    let mut now = Instant::now();
    let mut n = 0;
    while now < until {
        if words.add(n, 1).await? != n + 1 {
            return Err("a wrong sum".into());
        }
        n += 1;
        let then = std::mem::replace(&mut now, Instant::now());
        let micros = u64::try_from((now - then).as_micros())?;
        latencies.borrow_mut().saturating_record(micros);
    }
    Ok(())
}

/// A number that Linux tells of a process.
fn status(process: u32, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
