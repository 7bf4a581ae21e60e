//! System calls for one call over the loopback device, by strace, at either end. Prints `name, number`.
//!
//! Client and server are processes of their own. Each workload runs twice, the second time with more calls: the
//! difference is what calls cost, without what a process and a connection cost.

use hton_bench_gates::{EchoClient, TEXT, serve};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

type Failure = Box<dyn Error>;

struct Workload {
    name: &'static str,
    connections: usize,
    in_flight: usize,
    calls: usize,
}

/// `calls` are those of the first run, all callers together.
const WORKLOADS: [Workload; 3] = [
    Workload { name: "W1", connections: 1, in_flight: 1, calls: 1000 },
    Workload { name: "W2", connections: 1, in_flight: 128, calls: 64_000 },
    Workload { name: "W3", connections: 32, in_flight: 16, calls: 51_200 },
];

/// The runtimes at both ends, and how many workers they have. One is what a process has that is pinned to a
/// processor.
const FLAVORS: [(&str, usize); 3] = [("current-thread", 0), ("one worker", 1), ("two workers", 2)];

/// How many times the calls of the first run the second one makes.
const MORE: usize = 3;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["server", flavor] => answer(flavor),
        ["client", flavor, addr, connections, in_flight, each] => {
            ask(flavor, addr, connections.parse()?, in_flight.parse()?, each.parse()?)
        }
        [] => measure(),
        _ => Err("no arguments are taken".into()),
    }
}

fn runtime(flavor: &str) -> io::Result<tokio::runtime::Runtime> {
    let workers =
        FLAVORS.iter().find(|(name, _)| *name == flavor).map_or(0, |(_, workers)| *workers);
    match workers {
        0 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        n => tokio::runtime::Builder::new_multi_thread().worker_threads(n).enable_all().build(),
    }
}

/// The server's process: prints its address and serves until its input ends.
fn answer(flavor: &str) -> Result<(), Failure> {
    runtime(flavor)?.block_on(async {
        let (_server, addr) = serve().await?;
        println!("{addr}");
        tokio::task::spawn_blocking(|| io::stdin().read_line(&mut String::new())).await??;
        Ok(())
    })
}

/// The client's process: so many calls by each caller, one after the other.
fn ask(
    flavor: &str,
    addr: &str,
    connections: usize,
    in_flight: usize,
    each: usize,
) -> Result<(), Failure> {
    runtime(flavor)?.block_on(async {
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..connections {
            let echo = EchoClient::connect(addr).await?;
            for _ in 0..in_flight {
                let echo = echo.clone();
                callers.spawn(async move {
                    let mut text = TEXT.to_owned();
                    for _ in 0..each {
                        text = echo.text(text).await?;
                        assert_eq!(text, TEXT);
                    }
                    Ok::<_, hton::CallError>(())
                });
            }
        }
        while let Some(done) = callers.join_next().await {
            done??;
        }
        Ok(())
    })
}

/// System calls by their names.
type Counts = BTreeMap<String, u64>;

fn measure() -> Result<(), Failure> {
    for (flavor, _) in FLAVORS {
        for workload in &WORKLOADS {
            let few = run(flavor, workload, 1)?;
            let more = run(flavor, workload, MORE)?;
            let calls = workload.calls * (MORE - 1);
            for (side, few, more) in [("client", &few.0, &more.0), ("server", &few.1, &more.1)] {
                tell(&format!("{}, {flavor}, {side}", workload.name), few, more, calls);
            }
        }
    }
    Ok(())
}

/// One fresh server and one client of it: what the client did, and the server.
fn run(flavor: &str, workload: &Workload, times: usize) -> Result<(Counts, Counts), Failure> {
    let folder = std::env::temp_dir().join(format!("hton-syscalls-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (client_file, server_file) = (folder.join("client"), folder.join("server"));
    let mut server = traced(&server_file, &["server", flavor])?;
    let mut addr = String::new();
    BufReader::new(server.stdout.take().ok_or("no output")?).read_line(&mut addr)?;
    let callers = workload.connections * workload.in_flight;
    let each = workload.calls * times / callers;
    let numbers = [workload.connections, workload.in_flight, each].map(|n| n.to_string());
    let [connections, in_flight, each] = numbers.each_ref().map(String::as_str);
    let args = ["client", flavor, addr.trim(), connections, in_flight, each];
    let client = traced(&client_file, &args)?.wait()?;
    // It ends when its input does.
    server.stdin.take().ok_or("no input")?.flush()?;
    let server = server.wait()?;
    if !client.success() || !server.success() {
        return Err(format!("{}, {flavor}: client {client}, server {server}", workload.name).into());
    }
    let counts = (counts(&client_file)?, counts(&server_file)?);
    std::fs::remove_dir_all(&folder)?;
    Ok(counts)
}

/// This program with these arguments, under strace.
fn traced(file: &PathBuf, args: &[&str]) -> Result<Child, Failure> {
    let mut command = Command::new("strace");
    command.args(["-c", "-f", "-o"]).arg(file).arg(std::env::current_exe()?).args(args);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().map_err(|error| format!("strace does not start: {error}").into())
}

/// Reads strace's table: the count stands in the fourth column, the name in the last.
fn counts(file: &Path) -> Result<Counts, Failure> {
    let table = std::fs::read_to_string(file)?;
    let rows = table.lines().filter(|line| !line.starts_with(['%', '-']));
    let counts: Counts = rows
        .filter_map(|row| {
            let columns: Vec<_> = row.split_whitespace().collect();
            let name = columns.last().filter(|name| **name != "total")?;
            Some(((*name).to_owned(), columns.get(3)?.parse().ok()?))
        })
        .collect();
    match counts.contains_key("epoll_wait") {
        true => Ok(counts),
        false => Err(format!("strace wrote another table than expected: {table}").into()),
    }
}

/// What one call costs more of each kind.
fn tell(name: &str, few: &Counts, more: &Counts, calls: usize) {
    // Not `write` and `read`: with them a runtime wakes its workers.
    let sends = ["sendto", "sendmsg", "writev"];
    let receives = ["recvfrom", "recvmsg", "readv"];
    let extra = |pick: &dyn Fn(&str) -> bool| {
        let of = |counts: &Counts| -> u64 {
            counts.iter().filter(|(name, _)| pick(name)).map(|(_, n)| n).sum()
        };
        of(more).saturating_sub(of(few)) as f64 / calls as f64
    };
    println!("{name}, sends\t{:.4}", extra(&|name| sends.contains(&name)));
    println!("{name}, receives\t{:.4}", extra(&|name| receives.contains(&name)));
    println!("{name}, all\t{:.4}", extra(&|_| true));
}
