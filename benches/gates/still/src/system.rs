//! The C library's functions that tell the time and give random bytes, in its stead.

use crate::LOOK;
use std::sync::atomic::{AtomicI64, Ordering};

const SECOND: i64 = 1_000_000_000;

static NOW: AtomicI64 = AtomicI64::new(SECOND);

/// What the C library calls `struct timespec`.
#[repr(C)]
pub(crate) struct Timespec {
    seconds: i64,
    nanos: i64,
}

/// The clock that the standard library looks at, whichever it asks for.
// SAFETY: the C library's function of this name takes and returns the same; an absent place is allowed there,
// too, and says that nothing is to be written.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn clock_gettime(_clock: i32, time: Option<&mut Timespec>) -> i32 {
    let now = NOW.fetch_add(LOOK.as_nanos() as i64, Ordering::Relaxed);
    if let Some(time) = time {
        *time = Timespec { seconds: now / SECOND, nanos: now % SECOND };
    }
    0
}

/// What the standard library makes the seeds of its hash tables of.
///
/// # Safety
///
/// `bytes` points to so many that may be written.
// SAFETY: the C library's function of this name takes and returns the same.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn getrandom(bytes: *mut u8, len: usize, _flags: u32) -> isize {
    // SAFETY: the caller's promise.
    unsafe { bytes.write_bytes(0x5a, len) };
    len as isize
}
