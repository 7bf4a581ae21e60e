//! A global allocator that counts what each thread of a test allocates.
//!
//! ```
//! #[global_allocator]
//! static COUNTER: hton_alloc_counter::Counter = hton_alloc_counter::Counter;
//!
//! let (bytes, cost) = hton_alloc_counter::measure(|| vec![0_u8; 1000]);
//! assert_eq!((cost.peak_bytes, cost.allocations, cost.bytes), (1000, 1, 1000));
//! # drop(bytes);
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<isize> = const { Cell::new(0) };
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, with counts per thread.
#[derive(Debug)]
pub struct Counter;

/// What a piece of code allocated on its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Most bytes that were held at one time beyond those held before.
    pub peak_bytes: usize,
    /// How often memory was asked for, growing included.
    pub allocations: usize,
    /// How many bytes were asked for, whether or not they were given back.
    pub bytes: usize,
}

/// Runs `code` and tells what it allocated on this thread.
pub fn measure<T>(code: impl FnOnce() -> T) -> (T, Cost) {
    let live = LIVE_BYTES.get();
    let (allocations, bytes) = (ALLOCATIONS.get(), BYTES.get());
    PEAK_BYTES.set(live);
    let value = code();
    let cost = Cost {
        peak_bytes: usize::try_from(PEAK_BYTES.get() - live).unwrap_or(0),
        allocations: ALLOCATIONS.get() - allocations,
        bytes: BYTES.get() - bytes,
    };
    (value, cost)
}

/// Bytes that this thread has allocated and not freed. Whoever frees what another thread has allocated is
/// below zero by as much.
#[must_use]
pub fn live_bytes() -> isize {
    LIVE_BYTES.get()
}

fn allocated(bytes: usize) {
    let live = LIVE_BYTES.get() + bytes as isize;
    LIVE_BYTES.set(live);
    PEAK_BYTES.set(PEAK_BYTES.get().max(live));
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    BYTES.set(BYTES.get() + bytes);
}

fn freed(bytes: usize) {
    LIVE_BYTES.set(LIVE_BYTES.get() - bytes as isize);
}

// SAFETY: every request goes to the system's allocator unchanged; the counters are plain cells
// without a destructor, so they may be used at any time in a thread's life and never allocate.
unsafe impl GlobalAlloc for Counter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        allocated(layout.size());
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        allocated(layout.size());
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // Old and new are counted as if both were held during the copy.
        allocated(new_size);
        freed(layout.size());
        // SAFETY: the caller's promises about all three are passed on.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        freed(layout.size());
        // SAFETY: the caller's promises about both are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}
