//! Attacks a live server, one attack after the other, and says of each whether the server kept its
//! promises: it refuses as the specification says, serves others, and its memory stays bounded.
//!
//! ```text
//! cargo run --example hostile
//! ```

#[macro_use]
#[path = "../shared/ending.rs"]
mod ending;
mod frames;
mod rules;
mod scenes;
mod victim;

use clap::Parser;
use ending::Failure;
use rules::{Refusal, Rule};
use scenes::SCENES;
use std::error::Error;
use std::net::SocketAddr;
use std::process::{ExitCode, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use victim::VictimClient;

/// How an attack ended for the server: what it did, or which promise it broke.
pub(crate) type Verdict = Result<String, Fault>;

/// Whatever goes wrong.
type Fault = Box<dyn Error + Send + Sync>;

/// How long a call of somebody else may take after an attack.
const CALL: Duration = Duration::from_secs(5);
/// What an attack may make the server's memory grow by.
const MEMORY_BYTES: u64 = 128 << 20;

#[derive(Parser)]
#[command(about = "Attacks a live server, and prints a verdict for each attack.")]
struct Options {
    /// The server to attack; one is started, in a process of its own, unless given
    #[arg(long, value_name = "IP:PORT")]
    target: Option<SocketAddr>,
    /// How long the server may bear somebody who wastes its time
    #[arg(long, value_name = "SECONDS")]
    patience: Option<u64>,
    /// Be the server
    #[arg(long, hide = true)]
    serve: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let options = Options::parse();
    if options.serve {
        victim::serve().await?;
        return Ok(ExitCode::SUCCESS);
    }
    let target = Target::of(&options).await?;
    println!("attacking {}", target.address);
    let mut siege = Siege { target, kept: 0, broken: 0 };
    for rule in [rules::strangers(), rules::breaches(), rules::bad_calls()].into_iter().flatten() {
        let verdict = siege.break_rule(&rule).await;
        siege.judge(rule.name, verdict).await;
    }
    for (name, scene) in SCENES {
        let verdict = scenes::play(scene, siege.target.address, siege.target.patience).await;
        siege.judge(name, verdict).await;
    }
    println!("{} kept, {} broken", siege.kept, siege.broken);
    if let Some((now, peak)) = siege.target.memory() {
        println!("the server holds {} MiB, at most it held {} MiB", now >> 20, peak >> 20);
    }
    Ok(if siege.broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Siege {
    target: Target,
    kept: u32,
    broken: u32,
}

impl Siege {
    /// Sends bytes that break a rule, and compares what comes with what must.
    async fn break_rule(&self, rule: &Rule) -> Verdict {
        let Target { address, patience, is_own, .. } = self.target;
        let code = match rule.refusal {
            Refusal::Goodbye(code) => {
                return scenes::goodbye(address, vec![rule.bytes.clone()], code, patience).await;
            }
            Refusal::Answer(code) => code,
        };
        let bytes = std::iter::once(rule.bytes.clone());
        let seen = frames::talk(address, bytes, patience, |seen| seen.answers.len() == 2).await?;
        let answers = [1, 3].map(|id| seen.answers.get(&id).copied());
        // A server that is not ours has none of the methods.
        let due = if is_own { [Some(code), Some(0)] } else { [answers[0], Some(12)] };
        if answers == due {
            Ok(format!("the call fails with code {}", answers[0].unwrap_or_default()))
        } else {
            Err(format!("the answers {due:?} were due, and came {answers:?}").into())
        }
    }

    /// Prints the verdict, after a call on another connection and a look at the server's memory.
    async fn judge(&mut self, name: &str, verdict: Verdict) {
        let verdict = match verdict {
            Ok(how) => self.target.is_well().await.map(|()| how),
            broken => broken,
        };
        match verdict {
            Ok(how) => {
                self.kept += 1;
                println!("kept    {name}: {how}");
            }
            Err(why) => {
                self.broken += 1;
                println!("broken  {name}: {why}");
            }
        }
    }
}

/// The server under attack.
struct Target {
    address: SocketAddr,
    patience: Duration,
    is_own: bool,
    process: Option<Child>,
    memory_before: u64,
}

impl Target {
    async fn of(options: &Options) -> Result<Self, Box<dyn Error>> {
        let patience = |seconds| Duration::from_secs(options.patience.unwrap_or(seconds));
        if let Some(address) = options.target {
            let found = tokio::net::TcpStream::connect(address).await;
            found.map_err(|error| format!("no server to attack at {address}: {error}"))?;
            // Twenty seconds pass until a peer that says nothing is given up, unless it is set otherwise.
            let patience = patience(25);
            return Ok(Self { address, patience, is_own: false, process: None, memory_before: 0 });
        }
        let mut command = Command::new(std::env::current_exe()?);
        // It ends with its input, and so with this process.
        command.arg("--serve").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn()?;
        let stdout = process.stdout.take().ok_or("the server has no output")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        let address = line.ok_or("the server does not start")?.parse()?;
        let process = Some(process);
        let patience = patience(5);
        let mut target = Self { address, patience, is_own: true, process, memory_before: 0 };
        target.memory_before = target.memory().map_or(0, |(_, peak)| peak);
        Ok(target)
    }

    /// Somebody else is served, and the memory is bounded.
    async fn is_well(&mut self) -> Result<(), Fault> {
        if let Some(process) = &mut self.process {
            if let Some(status) = process.try_wait()? {
                return Err(format!("the server has ended: {status}").into());
            }
        }
        let call = async {
            let client = VictimClient::connect(self.address).await?;
            match client.add(20, 22).await {
                Ok(42) => Ok::<_, Fault>(()),
                Ok(other) => Err(format!("20 + 22 is {other}").into()),
                Err(error) if !self.is_own && error.code() == hton::Code::UNIMPLEMENTED => Ok(()),
                Err(error) => Err(error.into()),
            }
        };
        timeout(CALL, call).await.unwrap_or_else(|_| Err("others are not served".into()))?;
        let peak = self.memory().map_or(0, |(_, peak)| peak);
        if peak > self.memory_before + MEMORY_BYTES {
            return Err(format!("the server's memory grew to {} MiB", peak >> 20).into());
        }
        Ok(())
    }

    /// What the server's process holds, and the most that it has held, where the system has `/proc`.
    fn memory(&self) -> Option<(u64, u64)> {
        let id = self.process.as_ref()?.id()?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let bytes = |key: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse().ok().map(|kib: u64| kib * 1024)
        };
        Some((bytes("VmRSS:")?, bytes("VmHWM:")?))
    }
}
