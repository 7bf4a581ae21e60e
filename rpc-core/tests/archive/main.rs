//! What the archive promises: the bytes of the spec, and no harm from any other bytes.

mod attacks;
mod borrowing;
mod byte_order;
mod depth;
mod dynamic;
mod errors;
mod forms;
mod loading;
#[cfg(unix)]
mod media;
mod numbers;
#[cfg(feature = "bincode")]
mod other_codec;
mod panics;
mod raw;
mod shapes;
mod sharing;
mod storing;
mod vectors;

#[global_allocator]
static COUNTER: alloc_counter::Counter = alloc_counter::Counter;

use rpc_core::archive::{DecodeError, DecodeLimits, from_slice};
use serde::Deserialize;

/// Decodes within the default limits.
fn decode<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, DecodeError> {
    from_slice(bytes, DecodeLimits::default())
}

/// Runs `test` on a thread with the stack that tokio gives its workers.
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let handle = thread.spawn(test).unwrap();
    if let Err(panic) = handle.join() {
        std::panic::resume_unwind(panic);
    }
}
