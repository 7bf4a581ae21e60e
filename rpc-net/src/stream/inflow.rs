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
use rpc_core::{CallId, Code, Payload};
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

/// Credit is reported when this many bytes were consumed, or when the reader has nothing left to do.
const REPORT_BYTES: u32 = 64 * 1024;
/// A buffer of at most this size is kept while it is empty.
const KEPT_BYTES: usize = 16 * 1024;
/// So is a list of at most so many items.
const KEPT_ITEMS: usize = 256;

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
    packed: Vec<u8>,
    /// How much of `packed` was taken.
    taken: usize,
    items: VecDeque<(u32, Body)>,
}

#[derive(Debug)]
enum Body {
    /// So many bytes of the packed ones.
    Packed(usize),
    Shared(Bytes),
}

impl Batch {
    fn push(&mut self, message: Inbound<'_>, cost: u32) {
        let body = match message {
            Inbound::Gathered(bytes) => Body::Shared(buffers::share(bytes)),
            Inbound::Borrowed(bytes) if bytes.len() >= Payload::SHARE_FROM_BYTES => {
                Body::Shared(Bytes::copy_from_slice(bytes))
            }
            Inbound::Borrowed(bytes) => {
                self.packed.extend_from_slice(bytes);
                Body::Packed(bytes.len())
            }
        };
        self.items.push_back((cost, body));
    }

    /// Takes the first item. `read` gets its bytes.
    fn take<R>(&mut self, read: impl FnOnce(&[u8], Option<&Bytes>) -> R) -> Option<(u32, R)> {
        let (cost, body) = self.items.pop_front()?;
        let value = match body {
            Body::Shared(bytes) => read(&bytes, Some(&bytes)),
            Body::Packed(len) => {
                let from = self.taken;
                self.taken = from.saturating_add(len);
                read(self.packed.get(from..self.taken).unwrap_or_default(), None)
            }
        };
        if self.items.is_empty() {
            self.packed.clear();
            self.packed.shrink_to(KEPT_BYTES);
            self.items.shrink_to(KEPT_ITEMS);
            self.taken = 0;
        }
        Some((cost, value))
    }

    fn cost(&self) -> u32 {
        self.items.iter().fold(0, |sum, (cost, _)| sum.saturating_add(*cost))
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
}

impl Reader {
    pub(crate) fn new(inflow: Arc<Inflow>) -> Self {
        Self { inflow, batch: Batch::default(), consumed: 0 }
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
        if !shared.batch.items.is_empty() {
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
        }
        while batch.take(|_, _| ()).is_some() {}
        assert!(batch.items.capacity() <= 2 * KEPT_ITEMS, "{}", batch.items.capacity());
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
