//! One document, stored by the same two functions in a file and through a socket: an archive does not know what it
//! writes to. Authors that several chapters share are stored once, and are shared again where they are loaded.
//!
//! ```text
//! cargo run --example file-and-socket -- [--keep FILE] [--chapters N]
//! ```

#[macro_use]
#[path = "shared/ending.rs"]
mod ending;

use clap::Parser;
use ending::Failure;
use hton::archive::{self, Load, LoadError, SharedArc, Store, StoreError};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::{env, fs, process, thread};

/// Saves a document to a file and sends it over TCP with the same code, and compares the bytes.
#[derive(Parser)]
struct Options {
    /// Saves to this file and keeps it, instead of one that is removed at the end.
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
    /// Chapters of the document.
    #[arg(long, default_value_t = 4)]
    chapters: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Document {
    title: String,
    chapters: Vec<Chapter>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chapter {
    heading: String,
    author: SharedArc<Author>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Author {
    name: String,
    biography: String,
}

/// Stores the document in whatever can be written.
fn save(document: &Document, to: impl Write) -> Result<(), StoreError> {
    let mut archive = Store::new(to);
    archive.store(document)?;
    archive.close()?;
    Ok(())
}

/// Loads a document from whatever can be read.
fn open(from: impl Read) -> Result<Document, LoadError> {
    Load::new(from).load()
}

fn main() -> Result<(), Failure> {
    let Options { keep, chapters } = Options::parse();
    let document = write_document(chapters);

    let kept = keep.is_some();
    let file = format!("hton-{}.document", process::id());
    let file = keep.unwrap_or_else(|| env::temp_dir().join(file));
    let created = File::create(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    save(&document, created)?;
    let mut bytes_of_file = Copied { from: File::open(&file)?, bytes: Vec::new() };
    let from_file = open(&mut bytes_of_file)?;
    if !kept {
        fs::remove_file(&file)?;
    }
    report("from the file", &document, &from_file, &bytes_of_file.bytes);

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    let receiver = thread::spawn(move || {
        let mut bytes = Copied { from: far, bytes: Vec::new() };
        open(&mut bytes).map(|document| (document, bytes.bytes))
    });
    save(&document, near)?;
    let (from_socket, bytes_of_socket) = receiver.join().map_err(|_| "the receiver panicked")??;
    report("from the socket", &document, &from_socket, &bytes_of_socket);

    println!("file and socket have the same bytes: {}", bytes_of_file.bytes == bytes_of_socket);
    let body = archive::to_vec(&document)?;
    let behind_length = bytes_of_socket.get(4..) == Some(&body);
    println!("they are a length and the {} bytes of the value: {behind_length}", body.len());
    let each: Vec<_> = document.chapters.iter().map(|c| (&c.heading, &*c.author)).collect();
    let unshared = archive::encoded_len(&(&document.title, each))?;
    println!("with an author in each chapter: {unshared} bytes");
    Ok(())
}

fn report(whence: &str, stored: &Document, loaded: &Document, bytes: &[u8]) {
    println!("{whence}: {} bytes, the same document: {}", bytes.len(), loaded == stored);
    if let [first, second, third, ..] = &loaded.chapters[..] {
        let (second, third) = (first.author.is(&second.author), first.author.is(&third.author));
        println!("  chapters 1 and 3 share one author: {third}; 1 and 2: {second}");
    }
}

/// Keeps what was read, to be compared.
struct Copied<R> {
    from: R,
    bytes: Vec<u8>,
}

impl<R: Read> Read for Copied<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.bytes.extend(buffer.iter().take(count));
        Ok(count)
    }
}

/// Two authors write the chapters in turns.
fn write_document(chapters: u32) -> Document {
    let author = |name: &str| {
        let biography = format!("{name} has written about networks for many years.");
        SharedArc::new(Author { name: name.to_owned(), biography })
    };
    let authors = [author("Ada"), author("Grace")];
    let chapter = |(number, author): (u32, &SharedArc<Author>)| Chapter {
        heading: format!("Chapter {number}"),
        author: author.clone(),
    };
    let chapters = (1..=chapters).zip(authors.iter().cycle()).map(chapter).collect();
    Document { title: "Host to network".to_owned(), chapters }
}
