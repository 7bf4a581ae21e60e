//! The bench: every workload, its rounds, and in each round every peer in turn.

use crate::options::{HELP, Options};
use crate::peer::Subject;
use crate::process::Process;
use crate::report::{Report, Row};
use crate::results::Measured;
use crate::workload::{ALL, Shape, Workload};
use crate::{Failure, Result, child, nodelay};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Who takes part.
#[derive(Debug)]
pub struct Contest {
    /// The first is the measure of the others.
    pub subjects: Vec<Subject>,
    /// Which peer shows whether the measure is a straight one; its name, or nothing.
    pub baseline: &'static str,
    /// Peers in programs of their own, which lie beside this one: name and program.
    pub elsewhere: Vec<(&'static str, &'static str)>,
    pub codecs: Vec<Codec>,
    /// The text of `Cargo.lock`, and the packages whose versions the report tells.
    pub lock: &'static str,
    pub packages: Vec<&'static str>,
}

/// A format of W11: measures one set of values for a time.
#[derive(Debug)]
pub struct Codec {
    pub name: &'static str,
    pub measure: fn(&str, Duration) -> Result<Measured>,
}

struct Entry {
    name: &'static str,
    program: PathBuf,
}

/// The whole program.
pub fn run(contest: &Contest) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = child::play(contest, &args).unwrap_or_else(|| bench(contest, args));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn bench(contest: &Contest, args: Vec<String>) -> Result<()> {
    let options = Options::parse(args.into_iter())?;
    if options.help {
        print!("{HELP}");
        return Ok(());
    }
    let entries = entries(contest)?;
    if options.list {
        println!("peers: {}", names(&entries));
        for workload in &ALL {
            println!("{:12} {} [{}]", workload.key(), workload.title, workload.unit.text());
        }
        return Ok(());
    }
    for name in &options.peers {
        if !entries.iter().any(|entry| entry.name == name) {
            return Err(format!("there is no peer {name}; there are {}", names(&entries)).into());
        }
    }
    let measure = entries.first().map(|entry| entry.name).unwrap_or_default();
    let taking_part: Vec<Entry> = entries
        .into_iter()
        .filter(|entry| {
            let named = options.peers.iter().any(|name| name == entry.name);
            named || options.peers.is_empty() || entry.name == measure
        })
        .collect();

    measure_all(contest, &taking_part, measure, &options)
}

/// Every workload once, then every workload a second time, and so on.
fn measure_all(
    contest: &Contest,
    entries: &[Entry],
    measure: &'static str,
    options: &Options,
) -> Result<()> {
    let begin = Instant::now();
    let mut report = Report::new(options, contest, measure);
    for entry in entries {
        progress(&format!("TCP_NODELAY {}", entry.name));
        report.nodelay.insert(entry.name, nodelay_of(entry, options)?);
    }
    let mut results: Vec<(&Workload, Vec<Row>)> =
        options.workloads.iter().map(|it| (*it, rows(contest, entries, it))).collect();
    let most = options.workloads.iter().map(|it| options.rounds_of(it)).max().unwrap_or_default();
    for round in 0..most {
        for (workload, rows) in &mut results {
            let is_late = options.budget().is_some_and(|budget| begin.elapsed() > budget);
            if round < options.rounds_of(workload) && (round == 0 || !is_late) {
                one_round(entries, workload, rows, round, options);
            }
        }
        report.fill(&results, options);
        report.write(&options.out, begin.elapsed())?;
    }
    progress("");
    println!("{}", report.markdown());
    eprintln!("{:.0} s; written to {}", begin.elapsed().as_secs_f64(), options.out.display());
    Ok(())
}

fn names(entries: &[Entry]) -> String {
    entries.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ")
}

fn entries(contest: &Contest) -> Result<Vec<Entry>> {
    let this = std::env::current_exe()?;
    let mut entries: Vec<Entry> = contest
        .subjects
        .iter()
        .map(|subject| Entry { name: subject.name, program: this.clone() })
        .collect();
    for (name, program) in &contest.elsewhere {
        let program = this.with_file_name(program);
        match program.exists() {
            true => entries.push(Entry { name, program }),
            false => eprintln!("{name} is left out: {} is not built", program.display()),
        }
    }
    Ok(entries)
}

fn rows(contest: &Contest, entries: &[Entry], workload: &Workload) -> Vec<Row> {
    match workload.shape {
        Shape::Codec(_) => contest.codecs.iter().map(|codec| Row::new(codec.name)).collect(),
        _ => entries.iter().map(|entry| Row::new(entry.name)).collect(),
    }
}

/// One run of each peer.
fn one_round(
    entries: &[Entry],
    workload: &Workload,
    rows: &mut [Row],
    round: usize,
    options: &Options,
) {
    for row in rows.iter_mut().filter(|row| !row.is_out) {
        progress(&format!("{} round {} {}", workload.key(), round + 1, row.name));
        let result = match workload.shape {
            Shape::Codec(_) => one_codec(row.name, workload, options),
            _ => entries
                .iter()
                .find(|entry| entry.name == row.name)
                .ok_or_else(|| "no such peer".into())
                .and_then(|entry| one_peer(entry, workload, options)),
        };
        match result {
            Ok(measured) => row.add(measured),
            Err(failure) => {
                progress("");
                eprintln!("{}, {}: {failure}", workload.key(), row.name);
                row.fail(&failure.to_string());
            }
        }
    }
}

/// Tells a person what is being measured.
fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{text}");
    }
}

/// A fresh server and a client of it that has begun.
fn pair(entry: &Entry, key: &str, seconds: f64, options: &Options) -> Result<[Process; 2]> {
    let flavor = if options.multi { "multi" } else { "single" };
    let server = Process::start(&entry.program, 0, &["serve", entry.name, flavor])?;
    let addr = server.line(Duration::from_secs(10))?;
    let (seconds, id) = (seconds.to_string(), server.id().to_string());
    let args = ["ask", entry.name, flavor, key, &seconds, &addr, &id];
    let client = Process::start(&entry.program, 1, &args)?;
    Ok([server, client])
}

fn one_peer(entry: &Entry, workload: &Workload, options: &Options) -> Result<Measured> {
    let seconds = options.seconds_of(workload);
    let [_server, client] = pair(entry, &workload.key(), seconds, options)?;
    parse(&client.line(Duration::from_secs_f64(120.0 + seconds * 20.0))?)
}

/// Looks at the sockets while W1 runs; the run is over when enough is seen.
fn nodelay_of(entry: &Entry, options: &Options) -> Result<String> {
    let [server, client] = pair(entry, "W1", 10.0, options)?;
    Ok(nodelay::look(&server, &client))
}

fn one_codec(name: &str, workload: &Workload, options: &Options) -> Result<Measured> {
    let time = options.seconds_of(workload);
    let seconds = time.to_string();
    let args = ["codec", name, &workload.key(), &seconds];
    let process = Process::start(&std::env::current_exe()?, 1, &args)?;
    parse(&process.line(Duration::from_secs_f64(60.0 + time * 20.0))?)
}

fn parse(line: &str) -> Result<Measured> {
    serde_json::from_str(line).map_err(|error| Failure::from(format!("{error} in {line:?}")))
}
