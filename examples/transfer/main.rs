//! Large files as streams, in both directions: back-pressure instead of memory, a progress bar, uploads and
//! downloads that go on where they were cut off, and hashes compared at the end.
//!
//! ```text
//! cargo run --release --example transfer -- --mib 2048
//! cargo run --release --example transfer -- measure
//! cargo run --release --example transfer -- serve FOLDER
//! cargo run --release --example transfer -- put ADDRESS FILE
//! cargo run --release --example transfer -- get ADDRESS NAME
//! ```

#[macro_use]
#[path = "../shared/ending.rs"]
mod ending;
mod client;
#[path = "../shared/ctrl_c.rs"]
mod ctrl_c;
mod files;
mod measure;

use clap::{Parser, Subcommand};
use client::Moved;
use ending::Failure;
use files::{FilesClient, FilesServer, Folder};
use hton::Server;
use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Moves large files. Without a command it moves one there and back, in one process.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    /// Length of the file that goes there and back, in MiB.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    mib: u64,
}

#[derive(Subcommand)]
enum Command {
    /// Measures what fits a call and what fits a stream.
    Measure {
        /// How many small values.
        #[arg(long, default_value_t = 10_000)]
        numbers: u32,
        /// Length of the larger data, in MiB.
        #[arg(long, default_value_t = 64)]
        mib: u32,
    },
    /// Serves the files of a folder, until Ctrl-C.
    Serve {
        folder: PathBuf,
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: String,
    },
    /// Sends a file, or the rest of it.
    Put { address: String, file: PathBuf },
    /// Fetches a file, or the rest of it.
    Get {
        address: String,
        name: String,
        /// The folder that it is put into.
        #[arg(long, default_value = ".")]
        into: PathBuf,
    },
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let Options { command, mib } = Options::parse();
    match command {
        // What is begun on the disk is removed, however it ends.
        None => tokio::select! {
            ended = there_and_back(mib << 20) => ended?,
            _ = tokio::signal::ctrl_c() => return Err("stopped before its end".into()),
        },
        Some(Command::Measure { numbers, mib }) => {
            measure::measure(numbers, mib.clamp(5, 2048)).await?
        }
        Some(Command::Serve { folder, listen }) => {
            if !folder.is_dir() {
                return Err(format!("cannot serve {}: it is no folder", folder.display()).into());
            }
            let service = FilesServer::new(Folder::new(&folder));
            let server = Server::bind(listen).await?.serve(service)?;
            let stop = ctrl_c::after(format!("listening on {}", server.local_addr()));
            println!("{}", server.serve_until(stop).await);
        }
        Some(Command::Put { address, file }) => {
            let files = FilesClient::connect(address).await?;
            println!("put: {}", client::put(&files, &file, None).await?);
        }
        Some(Command::Get { address, name, into }) => {
            let files = FilesClient::connect(address).await?;
            println!("get: {}", client::get(&files, &name, &into, None).await?);
        }
    }
    if let Some(kib) = peak_memory_kib() {
        println!("memory of this process: {kib} KiB at the most");
    }
    Ok(())
}

/// One file, sent and fetched in one process, with an accident on either way.
async fn there_and_back(bytes: u64) -> Result<(), Box<dyn Error>> {
    let home = Scratch::new()?;
    let [here, there, back] = ["here", "there", "back"].map(|folder| home.0.join(folder));
    for folder in [&here, &there, &back] {
        std::fs::create_dir_all(folder)?;
    }
    let file = here.join("large");
    make(&file, bytes)?;
    visit(&file, &there, &back).await
}

/// A folder that goes with this value.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("hton-transfer-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nobody could be told.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn visit(file: &Path, there: &Path, back: &Path) -> Result<(), Box<dyn Error>> {
    let folder = Folder::new(there);
    let read = Arc::clone(&folder.read);
    let server = Server::bind("127.0.0.1:0").await?.serve(FilesServer::new(folder))?;
    let files = FilesClient::connect(server.local_addr()).await?;

    let half = Some(std::fs::metadata(file)?.len() / 2);
    tell_accident("put", client::put(&files, file, half).await);
    println!("put: {}", client::put(&files, file, None).await?);

    let mut chunks = files.get("large".into(), 0);
    let first = chunks.recv().await?.map_or(0, |chunk| chunk.len());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let ahead = read.load(Ordering::Relaxed) - first as u64;
    println!("a reader that rests: its sender has read {} KiB ahead, and rests too", ahead >> 10);
    drop(chunks);

    tell_accident("get", client::get(&files, "large", back, half).await);
    println!("get: {}", client::get(&files, "large", back, None).await?);
    server.drain().await;
    Ok(())
}

/// The first attempt ends as it was asked to. A file without a middle may be there before.
fn tell_accident(what: &str, outcome: Result<Moved, Box<dyn Error>>) {
    match outcome {
        Ok(moved) => println!("{what}: {moved}"),
        Err(error) => println!("{what}: {error}"),
    }
}

/// Writes a file of which no two blocks are alike.
fn make(path: &Path, bytes: u64) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?);
    for word in 0..bytes / 8 {
        file.write_all(&word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes())?;
    }
    Ok(file.flush()?)
}

/// The most memory that this process ever held, where the system tells.
fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
