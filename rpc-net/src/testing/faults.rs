//! A stream on which things go wrong, the same things for the same seed.

use fastrand::Rng;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What goes wrong on a stream. Without any fault set, bytes pass as they are.
///
/// Whatever is drawn by chance is drawn from the seed, for reading and for writing apart: the same seed
/// cuts the same bytes into the same pieces. In one thread under paused time, a whole test runs the same
/// again.
///
/// ```
/// use rpc_net::testing::Faults;
/// use std::time::Duration;
///
/// // Pieces of at most 7 bytes, each held up for up to 20 ms, until the near end has written 1,000 bytes.
/// let faults = Faults::seeded(42)
///     .dribble(7)
///     .delay(Duration::ZERO..Duration::from_millis(20))
///     .cut_after_writing(1000);
/// let (near, far) = rpc_net::memory();
/// let near = faults.wrap(near);
/// # let _ = (near, far);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Faults {
    seed: u64,
    piece_bytes: Option<usize>,
    delay: Option<Range<Duration>>,
    reading: Bounds,
    writing: Bounds,
}

/// After how many bytes a direction ends, or stands still.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    cut: Option<u64>,
    stall: Option<u64>,
}

impl Faults {
    /// No faults yet, and chance that begins with this seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Passes bytes in pieces of 1 to `piece_bytes` bytes.
    #[must_use]
    pub fn dribble(mut self, piece_bytes: usize) -> Self {
        self.piece_bytes = Some(piece_bytes.max(1));
        self
    }

    /// Holds each piece up for a time out of this range, by tokio's clock. Order is kept.
    #[must_use]
    pub fn delay(mut self, range: Range<Duration>) -> Self {
        self.delay = Some(range);
        self
    }

    /// Cuts the connection, both ways, when so many bytes have been written.
    #[must_use]
    pub fn cut_after_writing(mut self, bytes: u64) -> Self {
        self.writing.cut = Some(bytes);
        self
    }

    /// Cuts the connection, both ways, when so many bytes have been read.
    #[must_use]
    pub fn cut_after_reading(mut self, bytes: u64) -> Self {
        self.reading.cut = Some(bytes);
        self
    }

    /// Takes no more bytes when so many have been written, without an error.
    #[must_use]
    pub fn stall_after_writing(mut self, bytes: u64) -> Self {
        self.writing.stall = Some(bytes);
        self
    }

    /// Gives no more bytes when so many have been read, without an error.
    #[must_use]
    pub fn stall_after_reading(mut self, bytes: u64) -> Self {
        self.reading.stall = Some(bytes);
        self
    }

    /// The stream with these faults.
    pub fn wrap<S>(&self, stream: S) -> Faulty<S> {
        let way = |bounds, salt| Way {
            rng: Rng::with_seed(self.seed ^ salt),
            piece_bytes: self.piece_bytes,
            delay: self.delay.clone(),
            bounds,
            passed: 0,
            piece: None,
            sleep: None,
        };
        Faulty {
            stream: Some(stream),
            reads: way(self.reading, 0),
            writes: way(self.writing, 0x9e37_79b9_7f4a_7c15),
            held: Vec::new(),
        }
    }
}

/// A stream with [`Faults`].
#[derive(Debug)]
pub struct Faulty<S> {
    /// Gone when it was cut.
    stream: Option<S>,
    reads: Way,
    writes: Way,
    /// Read, and held up.
    held: Vec<u8>,
}

/// One direction.
#[derive(Debug)]
struct Way {
    rng: Rng,
    piece_bytes: Option<usize>,
    delay: Option<Range<Duration>>,
    bounds: Bounds,
    passed: u64,
    /// Length of the piece that passes next.
    piece: Option<usize>,
    /// Until when it is held up.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Way {
    fn is_cut(&self) -> bool {
        self.bounds.cut.is_some_and(|at| self.passed >= at)
    }

    fn is_stalled(&self) -> bool {
        self.bounds.stall.is_some_and(|at| self.passed >= at)
    }

    /// How many of `len` bytes may pass next.
    fn piece(&mut self, len: usize) -> usize {
        let Self { rng, piece_bytes, .. } = self;
        let drawn = || piece_bytes.map_or(usize::MAX, |most| rng.usize(1..=most));
        let piece = *self.piece.get_or_insert_with(drawn);
        let bounds = [self.bounds.cut, self.bounds.stall].into_iter().flatten();
        let left = bounds.map(|at| at.saturating_sub(self.passed)).min().unwrap_or(u64::MAX);
        len.min(piece).min(usize::try_from(left).unwrap_or(usize::MAX))
    }

    /// Waits until the next piece may pass.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(Range { start, end }) = &self.delay else { return Poll::Ready(()) };
        let rng = &mut self.rng;
        let sleep = self.sleep.get_or_insert_with(|| {
            let spread = u64::try_from(end.saturating_sub(*start).as_nanos()).unwrap_or(u64::MAX);
            let extra = if spread == 0 { 0 } else { rng.u64(0..spread) };
            Box::pin(tokio::time::sleep(start.saturating_add(Duration::from_nanos(extra))))
        });
        sleep.as_mut().poll(cx)
    }

    fn pass(&mut self, bytes: usize) {
        self.passed = self.passed.saturating_add(bytes as u64);
        (self.piece, self.sleep) = (None, None);
    }
}

impl<S> Faulty<S> {
    /// Cuts the connection if it is time, and says so.
    fn check(&mut self) -> io::Result<&mut S> {
        if self.reads.is_cut() || self.writes.is_cut() {
            self.stream = None;
        }
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::ConnectionReset.into())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Faulty<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.check()?;
        if this.reads.is_stalled() {
            return Poll::Pending;
        }
        if this.held.is_empty() {
            let mut piece = vec![0; this.reads.piece(buffer.remaining().min(64 * 1024))];
            let mut read = ReadBuf::new(&mut piece);
            ready!(Pin::new(this.check()?).poll_read(cx, &mut read))?;
            this.held.extend_from_slice(read.filled());
            if this.held.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        ready!(this.reads.poll_due(cx));
        let len = this.held.len().min(buffer.remaining());
        buffer.put_slice(this.held.get(..len).unwrap_or_default());
        this.held.drain(..len);
        this.reads.pass(len);
        // The other end learns of a cut now, not when somebody looks.
        let _ = this.check();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Faulty<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.check()?;
        if this.writes.is_stalled() {
            return Poll::Pending;
        }
        let piece = bytes.get(..this.writes.piece(bytes.len())).unwrap_or_default();
        ready!(this.writes.poll_due(cx));
        let written = ready!(Pin::new(this.check()?).poll_write(cx, piece))?;
        this.writes.pass(written);
        let _ = this.check();
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.check()?).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.check()?).poll_shutdown(cx)
    }
}
