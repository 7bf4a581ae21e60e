//! The client of the stress programs: many connections, messages of any size, every byte compared; five
//! orders of sending and receiving; crowds of idle and of silent connections; rates, latencies, a histogram.
//!
//! ```text
//! cargo run --release --example stress-client -- -t 64 -s 10
//! cargo run --release --example stress-client -- localhost:4000 --scenario 2
//! ```

#[macro_use]
#[path = "../shared/ending.rs"]
mod ending;
mod crowd;
#[path = "../stress-server/letters.rs"]
mod letters;
mod load;
mod options;
mod report;
mod scenarios;
#[path = "../stress-server/service.rs"]
mod service;
mod source;

use clap::Parser;
use ending::Failure;
use hton::{Address, Server};
use options::Options;
use report::Tally;
use service::{Echo, StressClient, StressServer};
use source::Source;
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

type Fault = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let options = Options::parse();
    let is_good = tokio::select! {
        ended = run(&options) => ended?,
        _ = tokio::signal::ctrl_c() => return Err("stopped before its end".into()),
    };
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Does what is asked; whether all was well.
async fn run(options: &Options) -> Result<bool, Fault> {
    let target = Target::of(options).await?;
    if options.stats {
        println!("{}", StressClient::connect(&target.name).await?.stats().await?);
        return Ok(true);
    }
    let idle = crowd::idle(&target.name, options.idle).await?;
    if !idle.is_empty() {
        println!("holding {} idle connections", idle.len());
    }
    let silent = crowd::silent(target.first, options.silent).await?;
    if options.silent > 0 {
        println!("holding {} silent sockets", options.silent);
    }
    let is_good = if options.rude {
        println!("{}", crowd::rude(target.first, options).await?);
        true
    } else if options.connections > 0 {
        load(&target.name, options).await?
    } else {
        tokio::time::sleep(options.seconds()).await;
        true
    };
    if options.silent > 0 {
        println!("{}", silent.until_dropped(Duration::from_secs(10)).await);
    }
    let lost = idle.iter().filter(|peer| peer.is_closed()).count();
    if !idle.is_empty() {
        println!("{lost} idle connections were lost");
    }
    Ok(is_good && lost == 0)
}

/// Opens the connections, loads them, and reports.
async fn load(target: &Address, options: &Options) -> Result<bool, Fault> {
    let clients = connect(target, options.connections).await?;
    let source = Source::new(options.bytes, options.seed);
    let began = Instant::now();
    let tally: Tally = match options.scenario {
        Some(scenario) => scenarios::run(&clients, options, &source, scenario).await,
        None => load::run(&clients, options, &source).await,
    };
    let took = began.elapsed();
    if options.scenario != Some(2) {
        tally.print(took);
    }
    for failure in tally.failures.iter().filter(|_| options.scenario == Some(2)) {
        println!("{failure}");
    }
    let server = clients.first().ok_or("there are no connections")?.stats().await;
    match server {
        Ok(statistics) => println!("server: {statistics}"),
        Err(error) => println!("server: {error}"),
    }
    Ok(tally.is_good())
}

/// Opens all connections at once; each has been called before this returns.
async fn connect(target: &Address, count: usize) -> Result<Vec<StressClient>, Fault> {
    let began = Instant::now();
    let mut opening = JoinSet::new();
    for _ in 0..count {
        let target = target.clone();
        opening.spawn(async move {
            let client = StressClient::connect(target).await?;
            client.stats().await?;
            Ok::<_, Fault>(client)
        });
    }
    let clients = opening.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
    println!("{count} connections in {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    Ok(clients)
}

/// Whom to stress.
struct Target {
    /// What is connected to: all addresses of a name are tried, unless a family is asked for.
    name: Address,
    /// The first of its addresses, for bare sockets.
    first: SocketAddr,
    /// The server, if it is in this process.
    _server: Option<Arc<Server>>,
}

impl Target {
    async fn of(options: &Options) -> Result<Self, Fault> {
        let Some(name) = &options.target else { return Self::own(options).await };
        let is_wanted = |address: &SocketAddr| {
            !(options.v4 && address.is_ipv6() || options.v6 && address.is_ipv4())
        };
        let found = tokio::net::lookup_host(name).await;
        let mut found = found.map_err(|error| format!("cannot resolve {name}: {error}"))?;
        let first = found.find(is_wanted);
        let first = first.ok_or_else(|| format!("{name} has no address of this family"))?;
        let one_family = options.v4 || options.v6;
        let name = if one_family { first.into() } else { Address::from(name) };
        Ok(Self { name, first, _server: None })
    }

    /// A server in this process.
    async fn own(options: &Options) -> Result<Self, Fault> {
        let address = if options.v6 { "[::1]:0" } else { "127.0.0.1:0" };
        let echo = Arc::new(Echo::default());
        let service = StressServer::from_arc(Arc::clone(&echo));
        let server = Arc::new(Server::bind(address).await?.serve(service)?);
        let counted = Arc::downgrade(&server);
        echo.count_with(move || counted.upgrade().map_or(0, |server| server.connections()));
        let name = server.local_addr();
        let first = name.socket_addr().ok_or("a TCP server has a socket address")?;
        println!("a server in this process, at {first}");
        Ok(Self { name, first, _server: Some(server) })
    }
}
