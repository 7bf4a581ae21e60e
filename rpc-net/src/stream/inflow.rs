//! Items that have come for one call and wait for whoever reads them.
//!
//! The driver puts them in, encoded, under the connection's lock; the reader takes all that are there at
//! once and decodes them in its own task. The lock here is always the inner one of the two.

use crate::buffers;
use crate::link::{self, Link};
use crate::sync::{Mutex, MutexGuard};
use bytes::Bytes;
use rpc_core::archive::{DecodeError, DecodeLimits, Decoder};
use rpc_core::connection::Inbound;
use rpc_core::frame::{Data, Flags, split_judged};
use rpc_core::{CallId, Code, Payload};
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use tokio::task::coop::{self, RestoreOnPending};

/// Items that are read for one unit of what a task may do in one turn: an item is far cheaper than what else
/// takes one.
const ITEMS_PER_UNIT: u8 = 4;

/// Credit is reported when this many bytes were consumed, or when the reader has nothing left to do.
const REPORT_BYTES: u32 = 64 * 1024;
/// A buffer of at most this size is kept while it is empty.
const KEPT_BYTES: usize = 16 * 1024;
/// Room for items that do not fit into such a buffer.
const CROWD_BYTES: usize = 64 * 1024;
/// So is a list of at most so many large items and runs of small ones.
const KEPT_RUNS: usize = 256;

/// Where the items of one call wait, between the connection and their reader.
#[derive(Debug, Default)]
pub(crate) struct Inflow {
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    batch: Batch,
    end: Option<End>,
    /// The reader, while it waits.
    reader: Option<Waker>,
    /// Which call the items are of, once it is open.
    origin: Option<(Arc<Link>, CallId)>,
    /// Nobody reads any more.
    abandoned: bool,
}

/// Why no more items come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The sender has finished.
    Finished,
    /// The call is over, and its sender had not finished.
    CutOff(Code, &'static str),
}

/// Encoded items, small ones one after the other in one buffer.
#[derive(Debug, Default)]
struct Batch {
    /// Small items, as frames. Each costs what it has bytes here.
    packed: Vec<u8>,
    /// How much of `packed` was taken.
    taken: usize,
    runs: VecDeque<Run>,
}

#[derive(Debug)]
enum Run {
    /// So many bytes of the packed ones, which are at least one item.
    Packed(usize),
    /// One item, and what it costs.
    Shared(Bytes, u32),
}

impl Batch {
    fn push(&mut self, message: Inbound<'_>, cost: u32) {
        let shared = match message {
            Inbound::Gathered(bytes) => buffers::share(bytes),
            Inbound::Borrowed(bytes) if bytes.len() >= Payload::SHARE_FROM_BYTES => {
                Bytes::copy_from_slice(bytes)
            }
            Inbound::Borrowed(bytes) => {
                let before = self.packed.len();
                let (id, flags) = (CallId::CONNECTION, Flags::NONE);
                Data { id, flags, credit: 0, rest: bytes }.encode(&mut self.packed);
                return self.packed(self.packed.len().saturating_sub(before));
            }
        };
        self.runs.push_back(Run::Shared(shared, cost));
    }

    fn push_frames(&mut self, frames: &[u8]) {
        if self.packed.is_empty() && self.packed.capacity() < frames.len() {
            // Crowds come one after the other.
            self.packed = buffers::space(frames.len().max(CROWD_BYTES));
        }
        self.packed.extend_from_slice(frames);
        self.packed(frames.len());
    }

    /// So many bytes were packed.
    fn packed(&mut self, more: usize) {
        match self.runs.back_mut() {
            Some(Run::Packed(bytes)) => *bytes = bytes.saturating_add(more),
            _ => self.runs.push_back(Run::Packed(more)),
        }
    }

    /// Takes the first item. `read` gets its bytes.
    #[inline]
    fn take<R>(&mut self, read: impl FnOnce(&[u8], Option<&Bytes>) -> R) -> Option<(u32, R)> {
        let (mut body, mut shared): (&[u8], _) = (&[], None);
        // It is gone before it is read: who cannot read it must not find it again.
        let cost = match self.runs.front_mut()? {
            Run::Packed(left) => {
                let rest = self.packed.get(self.taken..).unwrap_or_default();
                let (first, behind) = split_judged(rest).unwrap_or_default();
                let bytes = rest.len().saturating_sub(behind.len());
                body = first;
                self.taken = self.taken.saturating_add(bytes);
                *left = left.saturating_sub(bytes);
                if *left == 0 {
                    self.runs.pop_front();
                }
                u32::try_from(bytes).unwrap_or(u32::MAX)
            }
            Run::Shared(bytes, cost) => {
                let (bytes, cost) = (std::mem::take(bytes), *cost);
                self.runs.pop_front();
                shared = Some(bytes);
                cost
            }
        };
        let value = read(shared.as_deref().unwrap_or(body), shared.as_ref());
        if self.runs.is_empty() {
            self.packed.clear();
            if self.packed.capacity() > KEPT_BYTES {
                buffers::give_space(std::mem::take(&mut self.packed));
            }
            self.runs.shrink_to(KEPT_RUNS);
            self.taken = 0;
        }
        Some((cost, value))
    }

    fn cost(&self) -> u32 {
        self.runs.iter().fold(0, |sum, run| {
            sum.saturating_add(match run {
                Run::Packed(bytes) => u32::try_from(*bytes).unwrap_or(u32::MAX),
                Run::Shared(_, cost) => *cost,
            })
        })
    }
}

impl Inflow {
    /// Where the items of this open call are to wait.
    pub(crate) fn of(link: Arc<Link>, id: CallId) -> Arc<Self> {
        let inflow = Self::default();
        inflow.open(link, id);
        Arc::new(inflow)
    }

    /// Where nothing is and nothing will come.
    pub(crate) fn finished() -> Arc<Self> {
        let inflow = Self::default();
        inflow.end(End::Finished);
        Arc::new(inflow)
    }

    /// The call has been opened.
    pub(crate) fn open(&self, link: Arc<Link>, id: CallId) {
        self.lock().origin = Some((link, id));
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An item has come. Returns whom to wake, or its cost back if nobody reads any more.
    pub(crate) fn push(&self, message: Inbound<'_>, cost: u32) -> Result<Option<Waker>, u32> {
        let mut shared = self.lock();
        if shared.abandoned {
            return Err(cost);
        }
        shared.batch.push(message, cost);
        Ok(shared.reader.take())
    }

    /// Small items have come, in these frames. As [`push`](Self::push); they cost as many bytes as they have.
    pub(crate) fn push_frames(&self, frames: &[u8]) -> Result<Option<Waker>, u32> {
        let mut shared = self.lock();
        if shared.abandoned {
            return Err(u32::try_from(frames.len()).unwrap_or(u32::MAX));
        }
        shared.batch.push_frames(frames);
        Ok(shared.reader.take())
    }

    /// No more items come; the first reason stays. Returns whom to wake.
    pub(crate) fn end(&self, end: End) -> Option<Waker> {
        let mut shared = self.lock();
        shared.end.get_or_insert(end);
        shared.reader.take()
    }
}

/// The reading end of an [`Inflow`]. Dropping it tells the sender to stop.
#[derive(Debug)]
pub(crate) struct Reader {
    inflow: Arc<Inflow>,
    /// What was taken and is not read yet.
    batch: Batch,
    /// Consumed and not reported.
    consumed: u32,
    /// Items that were read for the last unit of the task's turn.
    of_unit: u8,
}

impl Reader {
    pub(crate) fn new(inflow: Arc<Inflow>) -> Self {
        Self { inflow, batch: Batch::default(), consumed: 0, of_unit: 0 }
    }

    /// A reader that always finds an item must let others of its thread have their turn: ready when this one
    /// may go on. What is returned is told if there was an item.
    #[inline]
    pub(crate) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Option<RestoreOnPending>> {
        if self.of_unit > 0 {
            self.of_unit = self.of_unit.saturating_sub(1);
            return Poll::Ready(None);
        }
        let unit = ready!(coop::poll_proceed(cx));
        self.of_unit = ITEMS_PER_UNIT.saturating_sub(1);
        Poll::Ready(Some(unit))
    }

    /// Reads the next item of those that were taken.
    pub(crate) fn next<T>(
        &mut self,
        limits: DecodeLimits,
        decode: fn(&mut Decoder<'_>) -> Result<T, DecodeError>,
    ) -> Option<Result<T, DecodeError>> {
        let (cost, item) = self.batch.take(|bytes, shared| {
            let mut decoder = match shared {
                Some(bytes) => Decoder::shared(bytes, limits),
                None => Decoder::new(bytes, limits),
            };
            decode(&mut decoder).and_then(|item| decoder.finish().map(|()| item))
        })?;
        self.consumed = self.consumed.saturating_add(cost);
        if self.consumed >= REPORT_BYTES {
            self.report(false);
        }
        Some(item)
    }

    /// Takes what has come, when everything before has been read. Ready with `Err` when nothing is left
    /// and nothing will come.
    pub(crate) fn poll_more(&mut self, cx: &Context<'_>) -> Poll<Result<(), End>> {
        let mut shared = self.inflow.lock();
        if !shared.batch.runs.is_empty() {
            std::mem::swap(&mut shared.batch, &mut self.batch);
            return Poll::Ready(Ok(()));
        }
        if let Some(end) = &shared.end {
            return Poll::Ready(Err(end.clone()));
        }
        let old = match &shared.reader {
            Some(reader) if reader.will_wake(cx.waker()) => None,
            _ => shared.reader.replace(cx.waker().clone()),
        };
        drop(shared);
        drop(old);
        self.report(true);
        Poll::Pending
    }

    /// Gives credit for what was consumed; `waits` if there is nothing left to read.
    fn report(&mut self, waits: bool) {
        let Some((link, id)) = self.inflow.lock().origin.clone() else { return };
        let consumed = std::mem::take(&mut self.consumed);
        let mut state = link.lock();
        if consumed > 0 {
            state.machine.consumed(id, consumed);
        }
        if waits {
            state.machine.starving(id);
        }
        let driver = if state.machine.has_output() { state.driver() } else { None };
        drop(state);
        link::wake(driver);
    }

    /// Forgets everything that has not been read.
    pub(crate) fn clear(&mut self) {
        let queued = std::mem::take(&mut self.inflow.lock().batch);
        let taken = std::mem::take(&mut self.batch);
        self.consumed = self.consumed.saturating_add(queued.cost()).saturating_add(taken.cost());
    }

    /// Reads nothing more: what is here is forgotten, and what comes is dropped as it comes.
    pub(crate) fn abandon(&mut self) {
        let (origin, reader, finished) = {
            let mut shared = self.inflow.lock();
            shared.abandoned = true;
            let finished = shared.end.is_some();
            (shared.origin.clone(), shared.reader.take(), finished)
        };
        drop(reader);
        self.clear();
        if let (Some((link, id)), false) = (origin, finished) {
            let driver = link.lock().unwanted(id, std::mem::take(&mut self.consumed));
            link::wake(driver);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_items_back_in_order_whether_packed_or_shared() {
        let large = vec![7; Payload::SHARE_FROM_BYTES];
        let mut batch = Batch::default();
        batch.push(Inbound::Borrowed(b"one"), 19);
        batch.push(Inbound::Borrowed(&large), 20_000);
        batch.push(Inbound::Borrowed(b""), 16);
        batch.push(Inbound::Gathered(b"two".to_vec()), 19);
        assert_eq!(batch.cost(), 19 + 20_000 + 16 + 19);
        let mut read = Vec::new();
        while let Some((_, (bytes, shared))) =
            batch.take(|bytes, shared| (bytes.to_vec(), shared.is_some()))
        {
            read.push((bytes, shared));
        }
        let expected =
            [(b"one".to_vec(), false), (large, true), (Vec::new(), false), (b"two".to_vec(), true)];
        assert_eq!(read, expected);
        assert_eq!((batch.taken, batch.packed.len()), (0, 0));
    }

    #[test]
    fn what_a_crowd_of_small_items_took_is_given_back_when_they_are_read() {
        let mut batch = Batch::default();
        for _ in 0..16 * 1024 {
            batch.push(Inbound::Borrowed(b""), 16);
            batch.push(Inbound::Gathered(Vec::new()), 16);
        }
        while batch.take(|_, _| ()).is_some() {}
        assert!(batch.runs.capacity() <= 2 * KEPT_RUNS, "{}", batch.runs.capacity());
        assert!(batch.packed.capacity() <= 2 * KEPT_BYTES, "{}", batch.packed.capacity());
    }

    #[test]
    fn the_first_end_stays_and_what_came_before_it_is_still_read() {
        let inflow = Arc::new(Inflow::default());
        assert!(inflow.push(Inbound::Borrowed(b""), 16).is_ok_and(|reader| reader.is_none()));
        inflow.end(End::Finished);
        inflow.end(End::CutOff(Code::CANCELLED, "later"));
        let mut reader = Reader::new(inflow);
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(reader.poll_more(&cx), Poll::Ready(Ok(())));
        let nothing = |_: &mut Decoder<'_>| Ok(());
        assert!(reader.next(DecodeLimits::default(), nothing).is_some_and(|item| item.is_ok()));
        assert_eq!(reader.poll_more(&cx), Poll::Ready(Err(End::Finished)));
    }

    #[test]
    fn what_comes_for_a_reader_that_left_is_given_back() {
        let inflow = Arc::new(Inflow::default());
        Reader::new(Arc::clone(&inflow)).abandon();
        assert_eq!(inflow.push(Inbound::Borrowed(b"x"), 17).err(), Some(17));
    }
}
