//! A search service over a folder of text: it indexes every `.md` and `.txt` file, and several clients
//! ask it at once for ranked passages. Prints the results, what crossed the wire, and how fast.
//!
//! ```text
//! cargo run --release --example search -- [FOLDER] [QUERY …]
//! ```
//!
//! The folder is this repository, with its specification and its documents, unless one is given.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Clients that ask at the same time, and how often each asks every question.
const CLIENTS: usize = 8;
const ROUNDS: usize = 50;

#[hton::service]
trait Search {
    /// The passages that fit the query best, best first.
    async fn find(&self, query: &str, limit: u32) -> Result<Vec<Hit>, SearchError>;
    /// How much is indexed.
    async fn size(&self) -> Size;
}

/// One passage that fits a query.
#[hton::data]
#[derive(Clone, Debug, PartialEq)]
struct Hit {
    file: String,
    line: u32,
    score: f32,
    text: String,
}

/// What the index holds.
#[hton::data]
#[derive(Clone, Debug, PartialEq)]
struct Size {
    files: u64,
    passages: u64,
    words: u64,
}

/// Why there is no answer.
#[hton::data]
#[derive(Debug, PartialEq)]
enum SearchError {
    /// The query has no word in it.
    EmptyQuery,
    /// No passage holds any word of the query.
    NothingFound { words: Vec<String> },
}

/// Passages (runs of lines without an empty one) and where each word stands in them.
struct Index {
    passages: Vec<Passage>,
    /// Word → (passage, how often).
    places: HashMap<String, Vec<(usize, u32)>>,
    files: u64,
}

struct Passage {
    file: String,
    line: u32,
    text: String,
    words: u32,
}

impl Index {
    fn of(folder: &Path) -> io::Result<Self> {
        let mut index = Self { passages: Vec::new(), places: HashMap::new(), files: 0 };
        for file in text_files(folder)? {
            // A file that is not UTF-8 is no text.
            let Ok(text) = std::fs::read_to_string(&file) else {
                continue;
            };
            let name = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
            index.files += 1;
            index.add(&name, &text);
        }
        Ok(index)
    }

    fn add(&mut self, file: &str, text: &str) {
        let mut passage = String::new();
        let mut first = 1;
        for (n, line) in (1..).zip(text.lines().chain([""])) {
            if line.trim().is_empty() {
                self.add_passage(file, first, std::mem::take(&mut passage));
                first = n + 1;
            } else {
                passage.push_str(line.trim());
                passage.push('\n');
            }
        }
    }

    fn add_passage(&mut self, file: &str, line: u32, text: String) {
        let mut counts = BTreeMap::<String, u32>::new();
        for word in words(&text) {
            *counts.entry(word).or_default() += 1;
        }
        if counts.is_empty() {
            return;
        }
        let number = self.passages.len();
        let words = counts.values().sum();
        for (word, count) in counts {
            self.places.entry(word).or_default().push((number, count));
        }
        self.passages.push(Passage { file: file.to_owned(), line, text, words });
    }

    /// BM25: rare words weigh more, and a long passage must say a word more often.
    fn rank(&self, query: &[String], limit: usize) -> Vec<Hit> {
        const SATURATION: f32 = 1.2;
        const LENGTH_WEIGHT: f32 = 0.75;
        let count = self.passages.len() as f32;
        let mean = self.passages.iter().map(|p| p.words as f32).sum::<f32>() / count.max(1.0);
        let mut scores = HashMap::<usize, f32>::new();
        for places in query.iter().filter_map(|word| self.places.get(word)) {
            let holders = places.len() as f32;
            let rarity = ((count - holders + 0.5) / (holders + 0.5) + 1.0).ln();
            for (number, times) in places {
                let length = self.passages[*number].words as f32 / mean;
                let times = *times as f32;
                let damped = times + SATURATION * (1.0 - LENGTH_WEIGHT + LENGTH_WEIGHT * length);
                *scores.entry(*number).or_default() += rarity * times * (SATURATION + 1.0) / damped;
            }
        }
        let mut best: Vec<_> = scores.into_iter().collect();
        best.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        best.truncate(limit);
        let hit = |(number, score): (usize, f32)| {
            let passage = &self.passages[number];
            let text = passage.text.chars().take(200).collect();
            Hit { file: passage.file.clone(), line: passage.line, score, text }
        };
        best.into_iter().map(hit).collect()
    }
}

impl Search for Index {
    async fn find(&self, query: &str, limit: u32) -> Result<Vec<Hit>, SearchError> {
        let query: Vec<String> = words(query).collect();
        if query.is_empty() {
            return Err(SearchError::EmptyQuery);
        }
        match self.rank(&query, limit as usize) {
            hits if hits.is_empty() => Err(SearchError::NothingFound { words: query }),
            hits => Ok(hits),
        }
    }

    async fn size(&self) -> Size {
        let words = self.passages.iter().map(|passage| u64::from(passage.words)).sum();
        Size { files: self.files, passages: self.passages.len() as u64, words }
    }
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let word = |word: &str| word.to_lowercase();
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 1).map(word)
}

fn text_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if entry.file_type()?.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    folders.push(path);
                }
            } else if name.ends_with(".md") || name.ends_with(".txt") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    let mut queries: Vec<String> = args.collect();
    if queries.is_empty() {
        let defaults = ["what happens after a cancel", "length of a frame", "call id parity"];
        queries = defaults.map(str::to_owned).to_vec();
    }

    let index = Index::of(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let server = hton::Server::bind("127.0.0.1:0").await?.serve(SearchServer::new(index))?;
    let search = SearchClient::connect(server.local_addr()).await?;
    let Size { files, passages, words } = search.size().await?;
    println!("{}: {files} files, {passages} passages, {words} words", folder.display());

    for query in &queries {
        println!("\n{query}");
        match search.find(query, 3).await {
            Ok(hits) => hits.iter().for_each(print_hit),
            Err(error) => println!("  {error}"),
        }
    }
    let report =
        ask_at_once(server.local_addr().socket_addr().ok_or("a TCP server")?, Arc::new(queries))
            .await?;
    println!("\n{report}");
    server.drain().await;
    Ok(())
}

fn print_hit(hit: &Hit) {
    let line = hit.text.lines().next().unwrap_or_default();
    println!("  {:5.2}  {}:{}  {line}", hit.score, hit.file, hit.line);
}

/// Every client asks every question many times; every answer must be the one that a lone client got.
async fn ask_at_once(
    server: std::net::SocketAddr,
    queries: Arc<Vec<String>>,
) -> Result<String, Box<dyn Error>> {
    let wire = Arc::new(Wire::default());
    let mut alone = Vec::new();
    let search = SearchClient::connect(server).await?;
    for query in queries.iter() {
        alone.push(search.find(query, 3).await.ok());
    }
    let alone = Arc::new(alone);
    let started = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (queries, alone) = (Arc::clone(&queries), Arc::clone(&alone));
        let stream = Counted { stream: TcpStream::connect(server).await?, wire: Arc::clone(&wire) };
        let search = SearchClient::new(hton::attach(stream, hton::Side::Dialer).start());
        clients.spawn(async move {
            let mut slowest = Duration::ZERO;
            for _ in 0..ROUNDS {
                for (query, expected) in queries.iter().zip(alone.iter()) {
                    let asked = Instant::now();
                    let hits = search.find(query, 3).await.ok();
                    slowest = slowest.max(asked.elapsed());
                    assert_eq!(&hits, expected, "the answer to {query:?} changed under load");
                }
            }
            slowest
        });
    }
    let mut slowest = Duration::ZERO;
    while let Some(client) = clients.join_next().await {
        slowest = slowest.max(client?);
    }
    let took = started.elapsed();
    let calls = (CLIENTS * ROUNDS * queries.len()) as u64;
    let sent = wire.sent.load(Ordering::Relaxed);
    let received = wire.received.load(Ordering::Relaxed);
    Ok(format!(
        "{CLIENTS} clients at once, {calls} calls in {took:.1?}: {:.0} calls/s, slowest {slowest:.1?}\n\
         on the wire: {sent} bytes there ({} a call), {received} bytes back ({} a call)",
        calls as f64 / took.as_secs_f64(),
        sent / calls,
        received / calls,
    ))
}

/// Bytes that crossed, over all connections.
#[derive(Default)]
struct Wire {
    sent: AtomicU64,
    received: AtomicU64,
}

/// A stream that counts its bytes.
struct Counted {
    stream: TcpStream,
    wire: Arc<Wire>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let read = buffer.filled().len() - before;
        self.wire.received.fetch_add(read as u64, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = polled {
            self.wire.sent.fetch_add(written as u64, Ordering::Relaxed);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
