//! Any bytes as frames, alone and as what one connection reads.
//!
//! Decoding never panics; what was decoded encodes to frames that decode to the same; and the cuts of the
//! stream mean nothing to the machine. Input: one byte that chooses side and cut, then the stream.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rpc_core::connection::{Connection, Transmit};
use rpc_core::frame::{self, Frame};
use rpc_core::{Limits, Side, Time};

fuzz_target!(|data: &[u8]| {
    let Some((&choice, stream)) = data.split_first() else { return };
    frames(stream);
    let side = if choice & 1 == 0 { Side::Dialer } else { Side::Acceptor };
    let whole = written(side, stream, stream.len());
    let cut = written(side, stream, usize::from(choice >> 1));
    assert!(whole == cut, "the cuts of the stream changed what was answered");
});

fn frames(mut stream: &[u8]) {
    while let Ok(Some((frame, consumed))) = frame::decode(stream, 1 << 16) {
        assert!((frame::HEAD_BYTES..=stream.len()).contains(&consumed));
        let mut again = Vec::new();
        frame.encode(&mut again);
        if !matches!(frame, Frame::Skipped) {
            let decoded = frame::decode(&again, 1 << 24).expect("what was decoded is in order");
            assert_eq!(decoded, Some((frame, again.len())));
        }
        stream = &stream[consumed..];
    }
}

/// What a machine answers to a HELLO and the stream, given in pieces of this length.
fn written(side: Side, stream: &[u8], piece: usize) -> Vec<u8> {
    const HELLO: &[u8] = b"\0\0\0\x04\x01\0\0\0\0\0\0\0HTON\x01\x01\0\0";
    let mut machine = Connection::<()>::new(side, Limits::default(), Time::ZERO);
    let mut unread = HELLO.to_vec();
    for piece in stream.chunks(piece.max(1)) {
        unread.extend_from_slice(piece);
        let mut at = 0;
        while let Ok(step) = machine.read(Time::ZERO, &unread[at..]) {
            assert!(step.consumed <= unread.len() - at);
            if step.consumed == 0 && step.event.is_none() {
                break;
            }
            at += step.consumed;
        }
        unread.drain(..at);
    }
    let (mut out, mut bytes) = (Transmit::new(), Vec::new());
    while machine.transmit(&mut out) {
        bytes.extend_from_slice(out.chunk());
        out.advance(out.chunk().len());
    }
    bytes
}
