//! The service: files of one folder, as streams of chunks in both directions.
//!
//! What is not complete has the name `NAME.part`, so that nobody takes it for the file, and an upload that was
//! cut off goes on where it ended.

use hton::{Bytes, Rx, Status, Stream, stream};
use sha2::{Digest as _, Sha256};
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// What one item of a stream carries: with its head it fits one frame of 64 KiB.
const CHUNK_BYTES: usize = 60 * 1024;

/// Moves files of any length.
#[hton::service]
pub(crate) trait Files {
    /// What there is of a file.
    async fn look(&self, name: &str) -> Result<Found, Status>;
    /// Stores a file of this length. The chunks begin at `from`: behind the part that is here already.
    async fn put(
        &self,
        name: String,
        from: u64,
        bytes: u64,
        chunks: Rx<Bytes>,
    ) -> Result<(), Status>;
    /// The bytes of a file from an offset on.
    async fn get(
        &self,
        name: String,
        from: u64,
    ) -> Result<impl Stream<Item = Result<Bytes, Status>>, Status>;
    /// Length and hash of a file, read from the disk again.
    async fn digest(&self, name: String) -> Result<Digest, Status>;
}

/// Lengths in bytes.
#[hton::data]
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Of the file, if it is here.
    pub(crate) whole: Option<u64>,
    /// Of an upload that was cut off.
    pub(crate) part: u64,
}

/// What a file is.
#[hton::data]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
}

/// The files of a folder.
pub(crate) struct Folder {
    path: PathBuf,
    /// Bytes that were read to be sent.
    pub(crate) read: Arc<AtomicU64>,
}

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: Arc::default() }
    }

    /// Where a file lies, if its name is the name of a file and no way to elsewhere.
    fn file(&self, name: &str) -> Result<PathBuf, Status> {
        let is_plain = Path::new(name).file_name().is_some_and(|plain| plain == name);
        if is_plain && !name.ends_with(".part") {
            Ok(self.path.join(name))
        } else {
            Err(Status::invalid_argument("a file has a plain name here, without folders"))
        }
    }
}

impl Files for Folder {
    async fn look(&self, name: &str) -> Result<Found, Status> {
        let path = self.file(name)?;
        let whole = fs::metadata(&path).await.map(|found| found.len()).ok();
        Ok(Found { whole, part: length_of_part(&path).await })
    }

    async fn put(
        &self,
        name: String,
        from: u64,
        bytes: u64,
        mut chunks: Rx<Bytes>,
    ) -> Result<(), Status> {
        let path = self.file(&name)?;
        let part = part(&path);
        let mut file = open_part(&part, from).await.map_err(refused)?;
        let mut at = from;
        // Nothing is asked for before this chunk is written: a slow disk slows its sender down.
        while let Some(chunk) = chunks.recv().await? {
            at += chunk.len() as u64;
            if at > bytes {
                return Err(Status::out_of_range("more came than was announced"));
            }
            file.write_all(&chunk).await.map_err(refused)?;
        }
        file.flush().await.map_err(refused)?;
        if at != bytes {
            return Err(Status::out_of_range("less came than was announced"));
        }
        fs::rename(part, path).await.map_err(refused)
    }

    async fn get(
        &self,
        name: String,
        from: u64,
    ) -> Result<impl Stream<Item = Result<Bytes, Status>>, Status> {
        let mut file = File::open(self.file(&name)?).await.map_err(refused)?;
        file.seek(SeekFrom::Start(from)).await.map_err(refused)?;
        // Nothing is read before there is room for it: a slow reader slows the disk down.
        Ok(stream::unfold(Some((file, Arc::clone(&self.read))), async |state| {
            let (mut file, read) = state?;
            match read_chunk(&mut file).await {
                Ok(chunk) if chunk.is_empty() => None,
                Ok(chunk) => {
                    read.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                    Some((Ok(chunk), Some((file, read))))
                }
                Err(error) => Some((Err(refused(error)), None)),
            }
        }))
    }

    async fn digest(&self, name: String) -> Result<Digest, Status> {
        digest_of(&self.file(&name)?).await.map_err(refused)
    }
}

/// The name under which a file grows.
pub(crate) fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// How much of a file there is under that name.
pub(crate) async fn length_of_part(path: &Path) -> u64 {
    fs::metadata(part(path)).await.map_or(0, |found| found.len())
}

/// Opens what there is of a file, to go on at `from`.
pub(crate) async fn open_part(part: &Path, from: u64) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(part).await?;
    if file.metadata().await?.len() < from {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is less of it here"));
    }
    file.set_len(from).await?;
    // Not to its end: the last chunk of the attempt that was cut off may still be on its way to the disk, and is the
    // same as what comes again.
    file.seek(SeekFrom::Start(from)).await?;
    Ok(file)
}

/// The next bytes of a file; none at its end.
pub(crate) async fn read_chunk(file: &mut File) -> io::Result<Bytes> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    file.take(CHUNK_BYTES as u64).read_to_end(&mut chunk).await?;
    Ok(chunk.into())
}

/// Reads a file and tells what it is.
pub(crate) async fn digest_of(path: &Path) -> io::Result<Digest> {
    let (mut sha256, mut bytes) = (Sha256::new(), 0);
    let mut file = File::open(path).await?;
    loop {
        let chunk = read_chunk(&mut file).await?;
        if chunk.is_empty() {
            return Ok(Digest { bytes, sha256: sha256.finalize().into() });
        }
        sha256.update(&chunk);
        bytes += chunk.len() as u64;
    }
}

fn refused(error: io::Error) -> Status {
    match error.kind() {
        io::ErrorKind::NotFound => Status::not_found("there is no such file"),
        io::ErrorKind::InvalidInput => Status::out_of_range(error.to_string()),
        // The rest is nobody's business at the other end.
        _ => Status::internal("the file cannot be read or written"),
    }
}
