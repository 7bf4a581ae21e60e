//! How a connection of messages ends from this side: in halves, in good order, or at once.

use super::Connection;
use rpc_core::archive::StoreError;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::time::Duration;
use tokio::task::consume_budget;
use tokio::time::{Instant, timeout_at};

/// What [`Connection::close`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReport {
    /// The other end has finished, too, within the time. If it does so only after the end of what it
    /// receives, it has received everything that was sent.
    pub peer_finished: bool,
    /// Bytes that came and were not received by this program: they are lost.
    pub discarded_bytes: u64,
}

impl CloseReport {
    pub(crate) fn new(unread: usize) -> Self {
        Self { peer_finished: false, discarded_bytes: unread as u64 }
    }

    pub(crate) fn discard(&mut self, bytes: usize) {
        self.discarded_bytes = self.discarded_bytes.saturating_add(bytes as u64);
    }
}

impl fmt::Display for CloseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer_finished, discarded_bytes } = self;
        let peer =
            if *peer_finished { "the peer finished" } else { "the peer did not finish in time" };
        write!(f, "{peer}; {discarded_bytes} bytes of its messages were discarded")
    }
}

/// The end.
impl Connection {
    /// Flushes, and tells the other end that nothing follows. What it sends is still received.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the stream fails.
    ///
    /// # Cancel safety
    ///
    /// What a dropped `finish` has not written goes with the next one.
    pub async fn finish(&mut self) -> Result<(), StoreError> {
        self.store.finish().await
    }

    /// Closes in good order, within a time: flushes, finishes, and reads on until the other end has finished,
    /// too, so that nothing that was sent is lost to a reset. What comes meanwhile is discarded; the report
    /// says how much.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the stream fails before the other end has finished, so that it may not have received
    /// everything; [`TimedOut`](io::ErrorKind::TimedOut) when the time passes before all is written.
    ///
    /// # Cancel safety
    ///
    /// Dropping it closes the connection as it is.
    pub async fn close(mut self, within: Duration) -> Result<CloseReport, StoreError> {
        let now = Instant::now();
        let until = now.checked_add(within).unwrap_or_else(|| now + FAR);
        let finished = timeout_at(until, self.store.finish()).await;
        finished.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))?;
        let mut report = CloseReport::new(self.load.buffered());
        let read_on = async {
            loop {
                match poll_fn(|cx| self.load.poll_discard(cx)).await? {
                    0 => return Ok::<_, io::Error>(()),
                    read => report.discard(read),
                }
                // A stream that always has more would let no time limit pass.
                consume_budget().await;
            }
        };
        if let Ok(ended) = timeout_at(until, read_on).await {
            ended?;
            report.peer_finished = true;
        }
        Ok(report)
    }

    /// Cuts the connection at once: what is not flushed is discarded, what is on its way may be lost, and the other
    /// end of a TCP connection sees a reset. Unix sockets and memory know no reset: their end is as when dropped.
    pub fn abort(self) {
        self.store.get_ref().abort();
    }
}

/// Stands for a time that no clock reaches.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
