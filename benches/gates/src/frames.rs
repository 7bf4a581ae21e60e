//! Frames: the head of every frame, there and back.

use rpc_core::CallId;
use rpc_core::frame::{Flags, Head, kind};

/// Writes and reads `n` heads; what they add up to.
#[must_use]
pub fn heads(n: u32) -> u64 {
    let head = |id: u32| Head {
        length: 40,
        kind: kind::REQUEST,
        flags: Flags::END,
        metadata_len: 0,
        id: CallId::new(id),
        arg: 0x0102_0304,
    };
    (0..n)
        .map(|id| {
            let bytes = std::hint::black_box(head(id).encode());
            let back = Head::decode(&bytes);
            u64::from(back.id.get()) + u64::from(back.length)
        })
        .sum()
}
