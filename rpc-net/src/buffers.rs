//! Buffers that calls use again: a small stock in each thread, so that a small call allocates none.

use std::cell::RefCell;

/// More buffers than this are not kept: a thread that needs more at once is about to need fewer.
const KEPT_BUFFERS: usize = 256;
/// A larger buffer is not kept: it would hold memory that most calls never need.
const KEPT_BYTES: usize = 16 * 1024;

thread_local! {
    static STOCK: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

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
}
