//! One small value: what the small calls carry.

use crate::arrived;
use hton::archive::{Decoder, Encoder};
use hton::{Bytes, Limits, archive};
use rpc_core::Payload;

/// A text of 32 bytes.
pub const TEXT: &str = "thirty-two bytes of a small text";

/// The text `n` times as an argument, in the same buffer. Returns the last as it arrives.
///
/// # Panics
///
/// Never: a text has an encoding.
#[must_use]
pub fn encode_texts(n: usize) -> Bytes {
    let mut argument = Payload::with_buffer(Vec::with_capacity(64));
    for _ in 0..n {
        let mut encoder = Encoder::new(argument.into_buffer(), usize::MAX);
        encoder.value(std::hint::black_box(TEXT)).expect("a text has an encoding");
        argument = encoder.finish().expect("no limit is set");
    }
    arrived(&argument)
}

/// Decodes the argument `n` times, as a text that is borrowed from it.
///
/// # Panics
///
/// If the bytes are not those of [`TEXT`].
pub fn decode_texts(bytes: &Bytes, n: usize) {
    for _ in 0..n {
        let limits = archive::DecodeLimits::from(&Limits::default());
        let text: &str = Decoder::shared(std::hint::black_box(bytes), limits)
            .value("text")
            .expect("it was encoded");
        assert_eq!(text, TEXT);
    }
}
