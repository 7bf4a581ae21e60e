//! The roles of a started process: server, client, codec. Each prints one line.

use crate::bench::Contest;
use crate::peer::{Ask, Subject, Unsupported};
use crate::process::Watch;
use crate::results::Measured;
use crate::workload::{Shape, Workload};
use crate::{Failure, Result};
use std::time::Duration;
use tokio::task::LocalSet;

/// Plays the role that the arguments name, if they name one.
pub(crate) fn play(contest: &Contest, args: &[String]) -> Option<Result<()>> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", name, flavor] => Some(serve(contest, name, flavor)),
        ["ask", name, flavor, key, seconds, addr, server] => {
            Some(ask(contest, [name, flavor, key, seconds, addr, server]))
        }
        ["codec", name, key, seconds] => Some(codec(contest, name, key, seconds)),
        _ => None,
    }
}

fn subject<'c>(contest: &'c Contest, name: &str) -> Result<&'c Subject> {
    let found = contest.subjects.iter().find(|subject| subject.name == name);
    found.ok_or_else(|| format!("there is no peer {name}").into())
}

fn workload(key: &str) -> Result<&'static Workload> {
    Workload::find(key).ok_or_else(|| format!("there is no workload {key}").into())
}

fn runtime(flavor: &str) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match flavor {
        "multi" => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    if flavor == "multi" {
        // A pinned process has one processor, whatever the machine has.
        builder.worker_threads(1);
    }
    builder.enable_all().build()
}

/// As many descriptors as the system lets us have.
fn raise_descriptors() -> Result<u64> {
    Ok(rlimit::increase_nofile_limit(u64::MAX)?)
}

/// Prints the address and serves until the input ends.
fn serve(contest: &Contest, name: &str, flavor: &str) -> Result<()> {
    raise_descriptors()?;
    let serve = subject(contest, name)?.serve;
    let runtime = runtime(flavor)?;
    LocalSet::new().block_on(&runtime, async move {
        println!("{}", serve().await?);
        tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
        Ok::<(), Failure>(())
    })?;
    std::process::exit(0);
}

fn print(result: Result<Measured>) -> Result<()> {
    let measured = match result {
        Err(failure) if failure.is::<Unsupported>() => {
            Measured { unsupported: true, ..<_>::default() }
        }
        result => result?,
    };
    println!("{}", serde_json::to_string(&measured)?);
    // Thousands of connections are quicker closed by the system.
    std::process::exit(0);
}

fn ask(contest: &Contest, [name, flavor, key, seconds, addr, server]: [&str; 6]) -> Result<()> {
    let shape = workload(key)?.shape;
    let descriptors = raise_descriptors()?;
    if let Shape::Closed { connections, .. } = shape
        && connections as u64 + 100 > descriptors
    {
        return print(Err(Unsupported.into()));
    }
    let ask = Ask {
        addr: addr.parse()?,
        shape,
        time: Duration::from_secs_f64(seconds.parse()?),
        watch: Watch::new(server.parse()?),
    };
    let run = subject(contest, name)?.ask;
    print(LocalSet::new().block_on(&runtime(flavor)?, run(ask)))
}

fn codec(contest: &Contest, name: &str, key: &str, seconds: &str) -> Result<()> {
    let codec = contest.codecs.iter().find(|codec| codec.name == name);
    let codec = codec.ok_or_else(|| Failure::from(format!("there is no codec {name}")))?;
    let Shape::Codec(set) = workload(key)?.shape else {
        return Err(format!("{key} is not for codecs").into());
    };
    print((codec.measure)(set, Duration::from_secs_f64(seconds.parse()?)))
}
