//! Processes: how they are started and pinned, what they cost.

use crate::{Failure, Result};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Looks at the server from the client's process.
#[derive(Debug)]
pub(crate) struct Watch {
    server: u32,
    memory: f64,
}

impl Watch {
    pub(crate) fn new(server: u32) -> Self {
        Self { server, memory: 0.0 }
    }

    pub(crate) fn begin_memory(&mut self) -> Result<()> {
        self.memory = resident(self.server)?;
        Ok(())
    }

    /// Bytes by which each of so many connections made the server grow.
    pub(crate) fn memory_of_each(&self, connections: usize) -> Result<f64> {
        Ok((resident(self.server)? - self.memory) / connections as f64)
    }

    /// Time on a processor: the server's and this process's.
    pub(crate) fn processor_time(&self) -> Result<(Duration, Duration)> {
        Ok((on_processor(self.server)?, on_processor(std::process::id())?))
    }
}

fn resident(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find(|line| line.starts_with("Rss:")).ok_or("no resident size")?;
    let kib: f64 = line.split_whitespace().nth(1).ok_or("no resident size")?.parse()?;
    Ok(kib * 1024.0)
}

fn on_processor(pid: u32) -> Result<Duration> {
    let mut nanos = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end meanwhile.
        let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) else { continue };
        nanos += text.split_whitespace().next().ok_or("an empty schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// A process that speaks one line; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: mpsc::Receiver<std::io::Result<String>>,
}

impl Process {
    /// Starts a program on one processor, where `taskset` is there.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: &Path,
        processor: usize,
        args: &[A],
    ) -> Result<Self> {
        let mut command = match is_pinning_possible() {
            true => Command::new("taskset"),
            false => Command::new(program),
        };
        if is_pinning_possible() {
            command.args(["-c", &processor.to_string()]).arg(program);
        }
        let mut child = command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", program.display()))?;
        let output = child.stdout.take().ok_or("no output")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(output).read_line(&mut line).map(|_| line);
            sender.send(read).ok();
        });
        Ok(Self { child, lines })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its line, or why there is none.
    pub(crate) fn line(&self, patience: Duration) -> Result<String> {
        let line = self.lines.recv_timeout(patience);
        let line = line.map_err(|_| format!("nothing came within {patience:?}"))??;
        match line.trim() {
            "" => Err(Failure::from("a process ended without a word")),
            line => Ok(line.to_owned()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn is_pinning_possible() -> bool {
    static POSSIBLE: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        let two = std::thread::available_parallelism().is_ok_and(|count| count.get() >= 2);
        two && Command::new("taskset").arg("--version").output().is_ok()
    });
    *POSSIBLE
}
