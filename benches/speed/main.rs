//! How fast hton is beside a program written by hand for tokio that frames the same bytes.
//!
//! ```text
//! cargo bench --bench speed                 every workload, both, 5 rounds of 2 s
//! cargo bench --bench speed -- W2 --multi   one workload, on the multi-thread runtime
//! cargo bench --bench speed -- --rounds 3 --seconds 1
//! ```
//!
//! Server and client are processes of their own, each on a processor of its own where `taskset` is
//! there; rounds take turns; every reply is checked; the first part of each run is not counted.

mod hand_written;
mod with_hton;
mod workload;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use workload::{ALL, Workload};

type Failure = Box<dyn Error>;

/// The two that are compared; the first is the measure of the second.
const SUBJECTS: [&str; 2] = ["hand-written", "hton"];

fn main() -> Result<(), Failure> {
    let mut args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let multi = take_flag(&mut args, "--multi");
    let rounds: usize = take_option(&mut args, "--rounds")?.unwrap_or(5);
    let seconds: f64 = take_option(&mut args, "--seconds")?.unwrap_or(2.0);
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["server", subject] => serve(subject, multi),
        ["client", subject, workload, addr] => ask(subject, workload, addr, multi, seconds),
        names => compare(names, multi, rounds, seconds),
    }
}

fn take_flag(args: &mut Vec<String>, name: &str) -> bool {
    let before = args.len();
    args.retain(|arg| arg != name);
    args.len() < before
}

fn take_option<T: std::str::FromStr>(
    args: &mut Vec<String>,
    name: &str,
) -> Result<Option<T>, Failure> {
    let Some(at) = args.iter().position(|arg| arg == name) else {
        return Ok(None);
    };
    args.remove(at);
    if at >= args.len() {
        return Err(format!("{name} takes a number").into());
    }
    let value = args.remove(at);
    Ok(Some(value.parse().map_err(|_| format!("{name} takes a number, not {value:?}"))?))
}

fn runtime(multi: bool) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match multi {
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    // A pinned process has one processor, whatever the machine has.
    if multi {
        builder.worker_threads(1);
    }
    builder.enable_all().build()
}

/// The server's process: prints its address and serves until its input ends.
fn serve(subject: &str, multi: bool) -> Result<(), Failure> {
    let hand_written = subject == SUBJECTS[0];
    runtime(multi)?.block_on(async move {
        let addr = match hand_written {
            true => hand_written::serve().await?,
            false => with_hton::serve().await?,
        };
        println!("{addr}");
        tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
        Ok(())
    })
}

/// The client's process: prints calls per second.
fn ask(subject: &str, name: &str, addr: &str, multi: bool, seconds: f64) -> Result<(), Failure> {
    let workload = find(name)?;
    let addr = addr.parse()?;
    let time = Duration::from_secs_f64(seconds);
    let hand_written = subject == SUBJECTS[0];
    let rate = runtime(multi)?.block_on(async move {
        match hand_written {
            true => {
                tokio::task::LocalSet::new()
                    .run_until(hand_written::ask(addr, workload, time))
                    .await
            }
            false => with_hton::ask(addr, workload, time).await,
        }
    })?;
    println!("{rate}");
    Ok(())
}

fn find(name: &str) -> Result<&'static Workload, Failure> {
    ALL.iter().find(|workload| workload.name == name).ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(|workload| workload.name).collect();
        format!("no workload {name:?}; there are {}", names.join(", ")).into()
    })
}

fn compare(names: &[&str], multi: bool, rounds: usize, seconds: f64) -> Result<(), Failure> {
    let workloads = match names {
        [] => ALL.iter().collect(),
        names => names.iter().map(|name| find(name)).collect::<Result<Vec<_>, _>>()?,
    };
    let flavor = if multi { "multi-thread" } else { "current-thread" };
    println!("tokio's {flavor} runtime, {rounds} rounds of {seconds} s, calls per second:\n");
    println!("| workload | | median | min | max | beside hand-written |");
    println!("| --- | --- | ---: | ---: | ---: | ---: |");
    for workload in workloads {
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (subject, rates) in SUBJECTS.iter().zip(&mut rates) {
                rates.push(round(subject, workload, multi, seconds)?);
            }
        }
        let mut measure = None;
        for (subject, rates) in SUBJECTS.iter().zip(&mut rates) {
            rates.sort_by(f64::total_cmp);
            let median = rates[rates.len() / 2];
            let measure = *measure.get_or_insert(median);
            println!(
                "| {} {} | {subject} | {median:.0} | {:.0} | {:.0} | {:.2} |",
                workload.name,
                workload.text,
                rates[0],
                rates[rates.len() - 1],
                median / measure,
            );
        }
    }
    Ok(())
}

/// One fresh server and one client of it.
fn round(subject: &str, workload: &Workload, multi: bool, seconds: f64) -> Result<f64, Failure> {
    let mut server = start(0, multi, seconds, &["server", subject])?;
    let addr = line(&mut server)?;
    let mut client = start(1, multi, seconds, &["client", subject, workload.name, addr.trim()])?;
    let rate = line(&mut client)?;
    let ended = client.wait()?;
    server.kill()?;
    server.wait()?;
    if !ended.success() {
        return Err(format!("{subject}, {}: the client failed", workload.name).into());
    }
    Ok(rate.trim().parse()?)
}

fn line(child: &mut Child) -> Result<String, Failure> {
    let mut line = String::new();
    let output = child.stdout.take().ok_or("no output")?;
    BufReader::new(output).read_line(&mut line)?;
    Ok(line)
}

fn start(processor: usize, multi: bool, seconds: f64, args: &[&str]) -> Result<Child, Failure> {
    let this = std::env::current_exe()?;
    let pinned = Command::new("taskset").arg("--version").output().is_ok();
    let mut command = match pinned {
        true => Command::new("taskset"),
        false => Command::new(&this),
    };
    if pinned {
        command.args(["-c", &processor.to_string()]).arg(&this);
    }
    command.args(args).args(["--seconds", &seconds.to_string()]);
    if multi {
        command.arg("--multi");
    }
    Ok(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?)
}
