//! A clock that moves only when it is looked at, and chance that is always the same: a program that links them
//! does the same in each run, however slow the machine is.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! hton_still::assert_still();
//! let before = Instant::now();
//! std::thread::sleep(Duration::from_millis(2));
//! assert!(before.elapsed() < Duration::from_millis(1));
//! ```

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod system;

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// How far one look moves the clock.
pub const LOOK: Duration = Duration::from_nanos(100);

/// To be called by the program, so that the linker takes what is here.
///
/// # Panics
///
/// Where the standard library asks others for time and chance: on anything but 64-bit Linux.
pub fn assert_still() {
    let before = Instant::now();
    assert_eq!(Instant::now() - before, LOOK, "the standard library looks at another clock");
    let hash = || std::thread::spawn(|| RandomState::new().hash_one(1)).join().unwrap_or_default();
    assert_eq!(hash(), hash(), "the standard library has another source of chance");
}
