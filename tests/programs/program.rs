//! A program in `examples/` as a child process: what it prints, line by line, and how it ends.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// No program here takes this long: what waits longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// The command of an example. A plain `cargo test` has built it beside this test.
fn command(example: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let examples: PathBuf = test.ancestors().nth(2).unwrap().join("examples");
    let program = examples.join(example);
    assert!(program.exists(), "{} is built by a plain `cargo test`", program.display());
    Command::new(program)
}

/// A running example. Dropping it kills it.
pub(crate) struct Program {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Every line read so far, of both outputs, for the message of a failure.
    seen: Vec<String>,
}

impl Program {
    /// Starts the example with these arguments.
    pub(crate) fn start<I: IntoIterator<Item: AsRef<OsStr>>>(example: &str, args: I) -> Self {
        let mut command = command(example);
        command.args(args).env("NO_COLOR", "1").env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let errors = sender.clone();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|l| sender.send(l))
        });
        thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|l| errors.send(l))
        });
        let stdin = child.stdin.take();
        Self { name: example.to_owned(), child, stdin, lines, seen: Vec::new() }
    }

    /// The process, to freeze it or to look at its memory.
    #[allow(dead_code, reason = "not every program is frozen or measured")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to the program's input.
    #[allow(dead_code, reason = "not every program reads")]
    pub(crate) fn say(&mut self, line: impl AsRef<[u8]>) {
        let line = [line.as_ref(), b"\n"].concat();
        self.stdin.as_mut().unwrap().write_all(&line).unwrap();
    }

    /// Ends the program's input.
    #[allow(dead_code, reason = "not every program reads")]
    pub(crate) fn hush(&mut self) {
        self.stdin = None;
    }

    /// Waits for the next line that has this piece, and returns it.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, piece: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(piece) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{} never says {piece:?}:\n{}", self.name, self.text())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{} ended without {piece:?}:\n{}", self.name, self.text())
                }
            }
        }
    }

    /// What stands behind this piece in the next line that has it, to the first blank.
    #[track_caller]
    pub(crate) fn word_after(&mut self, piece: &str) -> String {
        let line = self.wait_for(piece);
        let (_, rest) = line.split_once(piece).unwrap();
        rest.split_whitespace().next().unwrap_or_default().to_owned()
    }

    /// Everything read so far.
    pub(crate) fn text(&self) -> String {
        self.seen.join("\n")
    }

    /// Waits for the end of the program; how it ended, and all that it printed.
    #[track_caller]
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        self.stdin = None;
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("{} hangs:\n{}", self.name, self.text()),
            }
        }
        (self.child.wait().unwrap(), self.text())
    }

    /// Waits for a good end of the program, and returns all that it printed.
    #[track_caller]
    pub(crate) fn succeed(self) -> String {
        let name = self.name.clone();
        let (status, text) = self.end();
        assert!(status.success(), "{name} ends with {status}:\n{text}");
        text
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ctrl-C.
pub(crate) fn interrupt(program: &Program) {
    signal("-INT", program.id());
}

/// Sends a signal to a process that this test has started.
pub(crate) fn signal(name: &str, process: u32) {
    let status = Command::new("kill").args([name, &process.to_string()]).status().unwrap();
    assert!(status.success());
}

/// Runs the example, and closes its output behind the first line, and its input; then stops it with Ctrl-C if it is
/// to be stopped. How it ended, and what it had to say of that.
pub(crate) fn unread(example: &str, args: &[&str], stop: bool) -> (ExitStatus, String) {
    let mut command = command(example);
    command.args(args).env("NO_COLOR", "1").env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    drop(stdout);
    if stop {
        signal("-INT", child.id());
    }
    let output = child.wait_with_output().unwrap();
    (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Runs the example to its good end, and returns what it printed.
#[track_caller]
pub(crate) fn run(example: &str, args: &[&str]) -> String {
    Program::start(example, args).succeed()
}

/// What `examples/README.md` shows below `$ cargo run … --example NAME…`: arguments, and lines of output.
pub(crate) fn shown(example: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let page = include_str!("../../examples/README.md");
    let mut shown: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for block in page.split("```console\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        let mut wanted = false;
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                let mut words = command.split_whitespace().skip_while(|word| *word != "--example");
                wanted = words.nth(1) == Some(example);
                if wanted {
                    let args = words.skip_while(|word| *word == "--").map(str::to_owned);
                    shown.push((args.collect(), Vec::new()));
                }
            } else if let (true, Some((_, lines))) = (wanted, shown.last_mut()) {
                lines.push(line.to_owned());
            }
        }
    }
    assert!(!shown.is_empty(), "examples/README.md does not show {example}");
    shown
}

/// The line with every number written as `#`: ports, times and rates differ from run to run.
pub(crate) fn without_numbers(line: &str) -> String {
    let mut plain = String::new();
    for c in line.trim_end().chars() {
        let digit = c.is_ascii_digit();
        if !digit {
            plain.push(c);
        } else if !plain.ends_with('#') {
            plain.push('#');
        }
    }
    plain
}

/// The example prints what the page shows, numbers aside; each time, from the first line to the last.
#[track_caller]
#[allow(dead_code, reason = "some programs print in an order that differs")]
pub(crate) fn assert_prints_as_shown(example: &str) {
    for (args, lines) in shown(example) {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let text = run(example, &args);
        let printed: Vec<_> = text.lines().map(without_numbers).collect();
        let expected: Vec<_> = lines.iter().map(|line| without_numbers(line)).collect();
        assert_eq!(printed, expected, "\n{text}");
    }
}

/// `--help` names every option of `options`, and says nothing else has to be given.
#[track_caller]
pub(crate) fn assert_helps(example: &str, options: &[&str]) {
    let text = run(example, &["--help"]);
    for option in options {
        assert!(text.contains(option), "{option} in\n{text}");
    }
    let (status, text) = Program::start(example, ["--no-such-option"]).end();
    assert!(!status.success() && text.contains("--no-such-option"), "{text}");
}
