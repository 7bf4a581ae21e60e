//! What the stress server serves, and what the stress client asks: echoes, letter boxes, statistics.

use crate::letters::{Boxes, Letter};
use hton::{Bytes, Rx, Status, Stream, stream};
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

#[hton::service]
pub(crate) trait Stress {
    /// Sends it back.
    async fn echo(&self, bytes: Bytes) -> Bytes;
    /// Puts letters into a box of this name; done when all of them were taken.
    async fn put(&self, name: u64, letters: Rx<Bytes>) -> Result<u64, Status>;
    /// Takes the letters out, in the same order, while somebody puts some in.
    async fn take(&self, name: u64) -> Result<impl Stream<Item = Bytes>, Status>;
    /// What the server has done, and what it takes.
    async fn stats(&self) -> Statistics;
}

/// What the server has done since it began, and what its process takes now.
#[hton::data]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) connections: u64,
    pub(crate) echoes: u64,
    pub(crate) bytes: u64,
    /// Memory that is not swapped out, as the system counts it. `None`: it does not say.
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) threads: Option<u64>,
    pub(crate) descriptors: Option<u64>,
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, echoes, bytes, memory_bytes, threads, descriptors } = self;
        write!(f, "{connections} connections, {echoes} echoes, {bytes} bytes")?;
        for (number, what) in [
            (memory_bytes.map(|bytes| bytes / 1024), "KiB of memory"),
            (*threads, "threads"),
            (*descriptors, "descriptors"),
        ] {
            if let Some(number) = number {
                write!(f, ", {number} {what}")?;
            }
        }
        Ok(())
    }
}

/// How many connections are open: each way of accepting counts its own.
type Count = Box<dyn Fn() -> usize + Send + Sync>;

/// The service.
#[derive(Default)]
pub(crate) struct Echo {
    echoes: AtomicU64,
    bytes: AtomicU64,
    boxes: Boxes,
    connections: OnceLock<Count>,
}

impl Echo {
    /// Says where connections are counted. Only the first to say so is heard.
    pub(crate) fn count_with(&self, count: impl Fn() -> usize + Send + Sync + 'static) {
        self.connections.get_or_init(|| Box::new(count));
    }

    fn count(&self, bytes: &Bytes) {
        self.echoes.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }

    /// As the `stats` of the service.
    pub(crate) fn statistics(&self) -> Statistics {
        let connections = self.connections.get().map_or(0, |count| count() as u64);
        let (memory_bytes, threads) = memory_and_threads();
        let descriptors = std::fs::read_dir("/proc/self/fd").map(|all| all.count() as u64);
        Statistics {
            connections,
            echoes: self.echoes.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            memory_bytes,
            threads,
            // The one with which they are counted is open, too.
            descriptors: descriptors.ok().map(|count| count.saturating_sub(1)),
        }
    }
}

impl Stress for Echo {
    async fn echo(&self, bytes: Bytes) -> Bytes {
        self.count(&bytes);
        bytes
    }

    async fn put(&self, name: u64, mut letters: Rx<Bytes>) -> Result<u64, Status> {
        // The box is gone when this handler is, however it ends.
        let mut slit = self.boxes.open(name)?;
        let mut count = 0;
        while let Some(letter) = letters.recv().await? {
            self.count(&letter);
            slit.put(letter).await;
            count += 1;
        }
        slit.until_empty().await;
        Ok(count)
    }

    async fn take(&self, name: u64) -> Result<impl Stream<Item = Bytes>, Status> {
        let door = self.boxes.empty(name)?;
        Ok(stream::unfold(door, async |mut door| {
            let Letter { bytes, .. } = door.recv().await?;
            Some((bytes, door))
        }))
    }

    async fn stats(&self) -> Statistics {
        self.statistics()
    }
}

/// Memory and threads of this process, where the system has `/proc`.
fn memory_and_threads() -> (Option<u64>, Option<u64>) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse().ok()
    };
    (number("VmRSS:").map(|kib| kib * 1024), number("Threads:"))
}
