//! The caller's side: a file there or back, with a progress bar, and the hashes compared at the end.

use super::files::{Digest, FilesClient, digest_of, length_of_part, open_part, part, read_chunk};
use hton::stream;
use indicatif::{ProgressBar, ProgressStyle};
use std::error::Error;
use std::fmt;
use std::io::SeekFrom;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::fs::{self, File};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

/// How long the other end may read the whole file for its hash.
const DIGEST_TIMEOUT: Duration = Duration::from_secs(600);

/// A file that has arrived, and is the same at both ends.
pub(crate) struct Moved {
    digest: Digest,
    /// What did not have to travel again.
    from: u64,
    took: Duration,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Digest { bytes, sha256 } = &self.digest;
        let seconds = self.took.as_secs_f64();
        let rate = (bytes - self.from) as f64 / seconds / f64::from(1 << 20);
        write!(
            f,
            "{bytes} bytes, from {} on, in {seconds:.2} s: {rate:.0} MiB/s; sha256 ",
            self.from
        )?;
        sha256.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("… at both ends")
    }
}

/// Sends a file, from where an earlier attempt ended. An accident at `stop_at` may be asked for.
pub(crate) async fn put(
    files: &FilesClient,
    path: &Path,
    stop_at: Option<u64>,
) -> Result<Moved, Box<dyn Error>> {
    let started = Instant::now();
    let name = name_of(path)?;
    let mut file =
        File::open(path).await.map_err(|error| format!("{}: {error}", path.display()))?;
    let bytes = file.metadata().await?.len();
    let from = files.look(&name).await?.part.min(bytes);
    file.seek(SeekFrom::Start(from)).await?;
    let bar = progress("put", from, bytes);
    let (send, sent) = stream::channel(1);
    // A stream that ends says that all was sent. Whoever cannot read on must end the call instead, and
    // does: `try_join` drops it when the other future fails.
    let feed = async {
        let send = send;
        loop {
            accident(stop_at, bar.position())?;
            let chunk = read_chunk(&mut file).await?;
            let len = chunk.len() as u64;
            if len == 0 || send.send(chunk).await.is_err() {
                return Ok::<_, Box<dyn Error>>(());
            }
            bar.inc(len);
        }
    };
    let call = async { Ok(files.put(name.clone(), from, bytes, sent).await?) };
    tokio::try_join!(call, feed)?;
    bar.finish_and_clear();
    let took = started.elapsed();
    Ok(Moved { digest: compare(files, &name, path).await?, from, took })
}

/// Fetches a file into a folder, from where an earlier attempt ended. An accident at `stop_at` may be asked
/// for.
pub(crate) async fn get(
    files: &FilesClient,
    name: &str,
    folder: &Path,
    stop_at: Option<u64>,
) -> Result<Moved, Box<dyn Error>> {
    let started = Instant::now();
    let path = folder.join(name_of(Path::new(name))?);
    let bytes = files.look(name).await?.whole.ok_or("there is no such file")?;
    let from = length_of_part(&path).await.min(bytes);
    let mut file = open_part(&part(&path), from)
        .await
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let bar = progress("get", from, bytes);
    let mut chunks = files.get(name.to_owned(), from);
    while let Some(chunk) = chunks.recv().await? {
        file.write_all(&chunk).await?;
        bar.inc(chunk.len() as u64);
        if let Err(accident) = accident(stop_at, bar.position()) {
            // What has come stays for the next attempt.
            file.flush().await?;
            return Err(accident);
        }
    }
    file.flush().await?;
    bar.finish_and_clear();
    fs::rename(part(&path), &path).await?;
    let took = started.elapsed();
    Ok(Moved { digest: compare(files, name, &path).await?, from, took })
}

/// Both ends read what lies on their disks, and it must be the same.
async fn compare(files: &FilesClient, name: &str, path: &Path) -> Result<Digest, Box<dyn Error>> {
    let there = async { Ok(files.digest(name.to_owned()).timeout(DIGEST_TIMEOUT).await?) };
    let here = async { Ok::<_, Box<dyn Error>>(digest_of(path).await?) };
    let (there, here) = tokio::try_join!(there, here)?;
    if there == here {
        Ok(here)
    } else {
        Err("the files differ: what was kept of an earlier attempt was of another file; move it again".into())
    }
}

fn accident(stop_at: Option<u64>, at: u64) -> Result<(), Box<dyn Error>> {
    match stop_at {
        Some(stop) if at >= stop => Err(format!("cut off on purpose after {at} bytes").into()),
        _ => Ok(()),
    }
}

fn name_of(path: &Path) -> Result<String, Box<dyn Error>> {
    let name = path.file_name().and_then(|name| name.to_str());
    Ok(name.ok_or("the file has no name that could travel")?.to_owned())
}

/// A bar that is seen in a terminal and nowhere else.
fn progress(what: &'static str, from: u64, bytes: u64) -> ProgressBar {
    let look = "{prefix} [{bar:40}] {bytes}/{total_bytes} {binary_bytes_per_sec}, {eta} left";
    let style = ProgressStyle::with_template(look).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(bytes).with_style(style).with_prefix(what).with_position(from);
    bar.reset_eta();
    bar
}
