//! Every bound of a connection, with its unit in its name and its reason beside it.

/// The bounds of one connection. Every constructor of hton begins with the defaults.
///
/// HELLO tells the peer those that bind the peer. A field ending in `_bytes` or `_ms` has that unit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest frame body that is accepted. 64 KiB lets a small frame pass a large message after
    /// at most one frame of it.
    pub frame_bytes: u32,
    /// Largest message (arguments or result) that is accepted or sent. Larger data belongs in a stream.
    pub message_bytes: u32,
    /// Largest metadata of one call.
    pub metadata_bytes: u32,
    /// Unary calls of the peer that may be open at once.
    pub calls: u32,
    /// Streaming calls of the peer that may be open at once.
    pub streams: u32,
    /// Stream items, in bytes, that the peer may send on one call before they are consumed.
    pub window_bytes: u32,
    /// Sum of the announced totals of cut messages that are not yet complete.
    pub reassembly_bytes: u32,
    /// Bytes that may wait to be written. Above it new calls are refused and results wait unencoded.
    pub send_buffer_bytes: usize,
    /// Memory that decoding one message may take.
    pub decode_bytes: usize,
    /// How deeply values may nest.
    pub decode_depth: u16,
    /// Longest text in an error that is sent; longer text is cut on a character boundary.
    pub error_text_bytes: usize,
    /// Calls that may wait on this side for the peer's limit to allow them.
    pub queued_calls: usize,
    /// How long the peer may take to send its HELLO.
    pub hello_ms: u64,
    /// Silence after which the peer is pinged.
    pub keepalive_after_ms: u64,
    /// How long the peer may take to answer a ping.
    pub keepalive_answer_ms: u64,
    /// How long a write may make no progress.
    pub write_stall_ms: u64,
    /// Deadline of a unary call that sets none; 0 = none.
    pub default_deadline_ms: u32,
    /// How long a graceful close waits for open calls.
    pub drain_ms: u64,
}

impl Limits {
    /// What every peer must accept before it has seen this side's HELLO.
    ///
    /// Spec: `conn.hello.floors`.
    pub const FLOOR_FRAME_BYTES: u32 = 64 * 1024;
    /// Floor of `metadata_bytes`.
    pub const FLOOR_METADATA_BYTES: u32 = 8 * 1024;
    /// Floor of `window_bytes`.
    pub const FLOOR_WINDOW_BYTES: u32 = 256 * 1024;
    /// Floor of `reassembly_bytes`.
    pub const FLOOR_REASSEMBLY_BYTES: u32 = 4 * 1024 * 1024;
    /// Largest frame that the length field can announce: its top byte is always 0.
    pub const FRAME_BYTES_CEILING: u32 = (1 << 24) - 1;
}

impl Default for Limits {
    fn default() -> Self {
        const MESSAGE_BYTES: u32 = 4 * 1024 * 1024;
        Self {
            frame_bytes: Self::FLOOR_FRAME_BYTES,
            message_bytes: MESSAGE_BYTES,
            metadata_bytes: Self::FLOOR_METADATA_BYTES,
            calls: 256,
            streams: 64,
            window_bytes: Self::FLOOR_WINDOW_BYTES,
            reassembly_bytes: 2 * MESSAGE_BYTES,
            send_buffer_bytes: 16 * 1024 * 1024,
            decode_bytes: 4 * MESSAGE_BYTES as usize,
            decode_depth: 128,
            error_text_bytes: 4 * 1024,
            queued_calls: 65_536,
            hello_ms: 5_000,
            keepalive_after_ms: 10_000,
            keepalive_answer_ms: 10_000,
            write_stall_ms: 10_000,
            default_deadline_ms: 30_000,
            drain_ms: 10_000,
        }
    }
}
