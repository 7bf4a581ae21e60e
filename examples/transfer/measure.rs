//! What the same data cost as calls, as one call and as a stream, and what a small call beside them waits.

use hton::{Bytes, CallError, Server, Stream, stream};
use std::error::Error;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::time::{Duration, Instant};

const MIB: u32 = 1 << 20;
const CHUNK_BYTES: u32 = 60 * 1024;

#[hton::service]
trait Source {
    async fn number(&self, n: u32) -> u32;
    async fn list(&self, count: u32) -> Vec<u32>;
    fn numbers(&self, count: u32) -> impl Stream<Item = u32>;
    async fn block(&self, bytes: u32) -> Bytes;
    fn blocks(&self, count: u32, bytes: u32) -> impl Stream<Item = Bytes>;
}

struct MySource;

impl Source for MySource {
    async fn number(&self, n: u32) -> u32 {
        n
    }

    async fn list(&self, count: u32) -> Vec<u32> {
        (0..count).collect()
    }

    fn numbers(&self, count: u32) -> impl Stream<Item = u32> {
        stream::iter(0..count)
    }

    async fn block(&self, bytes: u32) -> Bytes {
        vec![7; bytes as usize].into()
    }

    fn blocks(&self, count: u32, bytes: u32) -> impl Stream<Item = Bytes> {
        stream::iter((0..count).map(move |_| vec![7; bytes as usize].into()))
    }
}

pub(crate) async fn measure(numbers: u32, mib: u32) -> Result<(), Box<dyn Error>> {
    let server = Server::bind("127.0.0.1:0").await?.serve(SourceServer::new(MySource))?;
    let source = SourceClient::connect(server.local_addr()).await?;
    source.number(0).await?;

    println!("{numbers} numbers:");
    let started = Instant::now();
    for n in 0..numbers {
        black_box(black_box(n) + 1);
    }
    tell("by a function", started);
    let started = Instant::now();
    for n in 0..numbers {
        source.number(n).await?;
    }
    tell("by a call for each, one after the other", started);
    let started = Instant::now();
    at_once(&source, numbers, 100).await?;
    tell("by a call for each, 100 at once", started);
    let started = Instant::now();
    source.numbers(numbers).collect().await?;
    tell("in one stream", started);
    let started = Instant::now();
    source.list(numbers).await?;
    tell("in one call", started);

    println!("{mib} MiB, and what a small call beside it waits at the worst:");
    match source.block(mib * MIB).await {
        Ok(_) => println!("    in one call: it fits"),
        Err(error) => println!("    in one call: {}", error.code()),
    }
    let calls = async {
        for _ in 0..mib {
            source.block(MIB).await?;
        }
        Ok(())
    };
    beside(&source, "by a call for each MiB", calls).await?;
    let items = async {
        let mut blocks = source.blocks(mib * MIB / CHUNK_BYTES, CHUNK_BYTES);
        while blocks.recv().await?.is_some() {}
        Ok(())
    };
    beside(&source, "in one stream of 60 KiB chunks", items).await?;
    server.drain().await;
    Ok(())
}

async fn at_once(
    source: &SourceClient,
    numbers: u32,
    callers: usize,
) -> Result<(), Box<dyn Error>> {
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let source = source.clone();
        tasks.spawn(async move {
            for n in (0..numbers).skip(caller).step_by(callers) {
                source.number(n).await?;
            }
            Ok::<_, CallError>(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

/// Runs it, and makes small calls on the same connection meanwhile.
async fn beside(
    source: &SourceClient,
    what: &str,
    transfer: impl Future<Output = Result<(), CallError>>,
) -> Result<(), Box<dyn Error>> {
    let (started, mut worst) = (Instant::now(), Duration::ZERO);
    let mut transfer = pin!(transfer);
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    loop {
        tokio::select! {
            ended = &mut transfer => {
                ended?;
                break;
            }
            waited = async {
                tick.tick().await;
                let asked = Instant::now();
                source.number(1).await.map(|_| asked.elapsed())
            } => worst = worst.max(waited?),
        }
    }
    let ms = started.elapsed().as_millis();
    println!("    {what}: {ms} ms, {} µs", worst.as_micros());
    Ok(())
}

fn tell(what: &str, started: Instant) {
    println!("    {what}: {} µs", started.elapsed().as_micros());
}
