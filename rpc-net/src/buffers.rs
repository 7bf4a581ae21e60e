//! Buffers that are used again: small ones for calls, in each thread, and large ones for messages that
//! come in fragments and for items that come in crowds, in the process.

use bytes::Bytes;
use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

/// More buffers than this are not kept: a thread that needs more at once is about to need fewer.
const KEPT_BUFFERS: usize = 256;
/// A larger buffer is not kept: it would hold memory that most calls never need.
const KEPT_BYTES: usize = 16 * 1024;

/// Smaller space is as quickly had from the allocator, which keeps it.
const SPACE_BYTES_MIN: usize = 64 * 1024;
/// All space that waits to be used again, in the whole process.
const SPACE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Space that nobody has asked for or brought back for so long goes back to the system.
const SPACE_REST: Duration = Duration::from_secs(5);

thread_local! {
    static STOCK: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

static SPACES: Mutex<Spaces> = Mutex::new(Spaces::NONE);

/// An empty buffer, used before or new.
pub(crate) fn take() -> Vec<u8> {
    // The thread may be ending, and its stock gone.
    STOCK.try_with(|stock| stock.borrow_mut().pop()).ok().flatten().unwrap_or_default()
}

/// Gives a buffer back; its content is dropped.
pub(crate) fn give(mut buffer: Vec<u8>) {
    if buffer.capacity() == 0 || buffer.capacity() > KEPT_BYTES {
        return;
    }
    buffer.clear();
    let _ = STOCK.try_with(|stock| {
        let mut stock = stock.borrow_mut();
        if stock.len() < KEPT_BUFFERS {
            stock.push(buffer);
        }
    });
}

/// An empty buffer with room for a message of so many bytes.
///
/// A large one that the allocator gets back goes on to the system, which hands it out again page by page:
/// that costs about as much as filling it.
pub(crate) fn space(bytes: usize) -> Vec<u8> {
    let used_before = match bytes {
        0..SPACE_BYTES_MIN => None,
        _ => spaces().and_then(|mut spaces| spaces.take(bytes)),
    };
    used_before.unwrap_or_else(|| Vec::with_capacity(bytes))
}

/// Gives such a buffer back; its content is dropped.
pub(crate) fn give_space(buffer: Vec<u8>) {
    if buffer.capacity() < SPACE_BYTES_MIN {
        return;
    }
    let refused = match spaces() {
        Some(mut spaces) => spaces.give(buffer, Instant::now()),
        None => Some(buffer),
    };
    // Behind the lock: it takes the system a while.
    drop(refused);
}

/// The message that came into such a buffer, which is used again when nobody needs it any more.
pub(crate) fn share(message: Vec<u8>) -> Bytes {
    match message.capacity() {
        0..SPACE_BYTES_MIN => Bytes::from(message),
        _ => Bytes::from_owner(Message(message)),
    }
}

/// Gives space back to the system that nobody has used for a while. Asked for by every connection that
/// finds that nothing has come for long.
pub(crate) fn tidy() {
    let resting = spaces().and_then(|mut spaces| spaces.clear_if_unused(Instant::now()));
    drop(resting);
}

/// Nobody waits for space: whoever finds it taken does without.
fn spaces() -> Option<MutexGuard<'static, Spaces>> {
    match SPACES.try_lock() {
        Ok(spaces) => Some(spaces),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// A message that came in fragments.
struct Message(Vec<u8>);

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        give_space(std::mem::take(&mut self.0));
    }
}

/// Space that waits to be used again.
struct Spaces {
    buffers: Vec<Vec<u8>>,
    /// Their capacities together, at most [`SPACE_BYTES_MAX`].
    bytes: usize,
    used: Option<Instant>,
}

impl Spaces {
    const NONE: Self = Self { buffers: Vec::new(), bytes: 0, used: None };

    /// The smallest that has room, if it is not far too large.
    fn take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let fits = bytes..=bytes.saturating_mul(2);
        let sizes = self.buffers.iter().map(Vec::capacity).enumerate();
        let (at, _) =
            sizes.filter(|(_, size)| fits.contains(size)).min_by_key(|(_, size)| *size)?;
        let buffer = self.buffers.swap_remove(at);
        self.bytes = self.bytes.saturating_sub(buffer.capacity());
        Some(buffer)
    }

    /// Keeps a buffer, or returns it if there is enough.
    fn give(&mut self, mut buffer: Vec<u8>, now: Instant) -> Option<Vec<u8>> {
        self.used = Some(now);
        if buffer.capacity() > SPACE_BYTES_MAX - self.bytes {
            return Some(buffer);
        }
        buffer.clear();
        self.bytes += buffer.capacity();
        self.buffers.push(buffer);
        None
    }

    fn clear_if_unused(&mut self, now: Instant) -> Option<Self> {
        let used = self.used?;
        let is_unused = now.saturating_duration_since(used) >= SPACE_REST;
        is_unused.then(|| std::mem::replace(self, Self::NONE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_with_its_capacity() {
        let mut buffer = Vec::with_capacity(100);
        buffer.extend_from_slice(b"secret");
        let place = buffer.as_ptr();
        give(buffer);
        let again = take();
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
    }

    #[test]
    fn a_large_buffer_is_not_kept() {
        while take().capacity() > 0 {}
        give(Vec::with_capacity(KEPT_BYTES + 1));
        assert_eq!(take().capacity(), 0);
    }

    #[test]
    fn space_is_used_again_for_what_is_about_as_large() {
        let now = Instant::now();
        let mut spaces = Spaces::NONE;
        let buffer = |bytes| vec![7; bytes];
        for bytes in [SPACE_BYTES_MIN, 4 * SPACE_BYTES_MIN] {
            assert_eq!(spaces.give(buffer(bytes), now), None);
        }
        assert_eq!(spaces.take(4 * SPACE_BYTES_MIN + 1), None);
        assert_eq!(spaces.take(2 * SPACE_BYTES_MIN - 1), None, "it would waste more than half");
        let again = spaces.take(2 * SPACE_BYTES_MIN).unwrap();
        assert_eq!((again.len(), again.capacity()), (0, 4 * SPACE_BYTES_MIN));
        assert_eq!(spaces.bytes, SPACE_BYTES_MIN);
    }

    #[test]
    fn space_is_kept_up_to_its_bound_and_not_for_ever() {
        let now = Instant::now();
        let mut spaces = Spaces::NONE;
        assert_eq!(spaces.give(Vec::with_capacity(SPACE_BYTES_MAX), now), None);
        assert!(spaces.give(Vec::with_capacity(SPACE_BYTES_MIN), now).is_some());
        assert!(spaces.clear_if_unused(now + SPACE_REST - Duration::from_nanos(1)).is_none());
        assert!(spaces.clear_if_unused(now + SPACE_REST).is_some());
        assert_eq!((spaces.bytes, spaces.take(SPACE_BYTES_MAX)), (0, None));
    }

    #[test]
    fn a_message_reads_the_same_whether_its_buffer_comes_back_or_not() {
        for bytes in [SPACE_BYTES_MIN - 1, SPACE_BYTES_MIN] {
            let mut message = space(bytes);
            message.resize(bytes, 7);
            let shared = share(message);
            assert_eq!(shared.slice(1..), vec![7; bytes - 1]);
        }
    }
}
