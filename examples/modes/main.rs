//! One service served in four ways: a thread for each connection, a runtime of one thread, a pool of worker
//! threads, and a poll loop by hand over the machine without I/O. The same typed client calls all of them, and a
//! table shows what they make of few and of many connections.
//!
//! ```text
//! cargo run --release --example modes -- --connections 1,100,5000 --millis 3000
//! ```

#[macro_use]
#[path = "../shared/ending.rs"]
mod ending;
#[path = "../shared/ctrl_c.rs"]
mod ctrl_c;
mod load;
mod poll_loop;
mod session;
mod threads;
mod words;

use clap::{Parser, Subcommand, ValueEnum};
use ending::Failure;
use hton::{Address, Server};
use std::error::Error;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::runtime::Builder;
use words::{MyWords, WordsServer};

/// Serves one service in four ways, and compares them.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    role: Option<Role>,
    /// How many connections, each with one call after the other.
    #[arg(long, value_delimiter = ',', default_value = "1,50")]
    connections: Vec<usize>,
    /// Which ways.
    #[arg(long, value_delimiter = ',', default_value = "threads,single,pool,poll")]
    modes: Vec<Mode>,
    /// How long each is measured, in milliseconds.
    #[arg(long, default_value_t = 200)]
    millis: u64,
}

#[derive(Subcommand)]
enum Role {
    /// Serves in one of the ways, until its input ends.
    Serve {
        mode: Mode,
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// A thread for each connection, which blocks.
    Threads,
    /// A runtime of one thread.
    Single,
    /// A runtime with a thread for each processor.
    Pool,
    /// A poll loop by hand, without a runtime.
    Poll,
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    match options.role {
        Some(Role::Serve { mode, listen }) => serve(mode, &listen)?,
        None => compare(&options)?,
    }
    Ok(())
}

fn serve(mode: Mode, listen: &str) -> Result<(), Box<dyn Error>> {
    match mode {
        Mode::Threads => threads::serve(&listener(listen)?)?,
        Mode::Poll => poll_loop::serve(listener(listen)?)?,
        Mode::Single => serve_within(&mut Builder::new_current_thread(), listen)?,
        Mode::Pool => serve_within(&mut Builder::new_multi_thread(), listen)?,
    }
    Ok(())
}

/// A socket that listens, for those who have no runtime.
fn listener(address: &str) -> Result<TcpListener, Box<dyn Error>> {
    let listener = TcpListener::bind(address);
    let listener = listener.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    println!("listening on {}", listener.local_addr()?);
    end_with_input();
    Ok(listener)
}

/// Whoever started a server holds the other end of its input, and needs nothing more to end it.
fn end_with_input() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0)
    });
}

/// The two ways of a runtime differ in the runtime alone.
fn serve_within(builder: &mut Builder, listen: &str) -> Result<(), Box<dyn Error>> {
    builder.enable_all().build()?.block_on(async {
        let server = Server::bind(listen).await?.serve(WordsServer::new(MyWords))?;
        end_with_input();
        let stop = ctrl_c::after(format!("listening on {}", server.local_addr()));
        println!("{}", server.serve_until(stop).await);
        Ok(())
    })
}

/// A server in a process of its own, so that its threads, memory and descriptors are its own. Ends when dropped.
struct Running {
    process: Child,
    address: Address,
}

impl Running {
    fn start(mode: Mode) -> Result<Self, Box<dyn Error>> {
        let mode = mode.to_possible_value().ok_or("every mode has a name")?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", mode.get_name()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().ok_or("its output is ours")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on ").ok_or("it does not listen")?;
        Ok(Self { process, address: address.into() })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn compare(options: &Options) -> Result<(), Box<dyn Error>> {
    println!("connections mode     calls/s  p50 µs  p99 µs  threads  memory KiB");
    let number =
        |number: Option<u64>| number.map_or_else(|| "-".into(), |number| number.to_string());
    for &connections in &options.connections {
        for &mode in &options.modes {
            let server = Running::start(mode)?;
            let time = Duration::from_millis(options.millis);
            let figures = load::load(&server.address, server.process.id(), connections, time)?;
            println!(
                "{connections:>11} {:<8} {:>7.0} {:>7} {:>7} {:>8} {:>11}",
                mode.to_possible_value().as_ref().map_or("", |mode| mode.get_name()),
                figures.calls_per_second,
                figures.p50_us,
                figures.p99_us,
                number(figures.threads),
                number(figures.memory_kib),
            );
        }
    }
    Ok(())
}
