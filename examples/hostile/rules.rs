//! Bytes that break a rule: each with the refusal that the specification names.

use crate::frames::*;

/// What the server must do.
#[derive(Clone, Copy)]
pub(crate) enum Refusal {
    /// It says goodbye with this code, and closes.
    Goodbye(u32),
    /// It answers call 1 with this code, and the next call on the connection works.
    Answer(u8),
}

/// One attack of a few bytes.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) refusal: Refusal,
}

/// First bytes that are not those of hton.
pub(crate) fn strangers() -> Vec<Rule> {
    let tls = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 9, 9, 9, 9, 9, 9, 9, 9];
    let random = [0x00, 0x9b, 0x11, 0x7f, 0xe2, 0x01, 0xaa, 0x54, 0x10, 0x7d];
    let versions = frame(HELLO, 0, 0, 0, MAGIC, &[2, 9, 0, 0]);
    let critical = frame(HELLO, 0, 0, 0, MAGIC, &[1, 1, 0, 0, 0x80, 0x63, 0, 0]);
    let cut_tag = frame(HELLO, 0, 0, 0, MAGIC, &[1, 1, 0, 0, 0, 9, 0xff, 0xff]);
    [
        ("an HTTP request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 1),
        ("a TLS hello", tls.to_vec(), 1),
        ("an SSH banner", b"SSH-2.0-Go\r\n".to_vec(), 1),
        ("random bytes", random.to_vec(), 1),
        ("versions that do not exist", versions, 2),
        ("a call before the greeting", add(1), 3),
        ("a critical option that nobody knows", critical, 3),
        ("an option longer than the greeting", cut_tag, 3),
    ]
    .map(|(name, bytes, code)| Rule { name, bytes, refusal: Refusal::Goodbye(code) })
    .into()
}

/// Frames that end the connection.
pub(crate) fn breaches() -> Vec<Rule> {
    let huge = |length: u32| {
        let mut head = request(1, "Victim/sum", &[]);
        head.truncate(16);
        head[..4].copy_from_slice(&length.to_be_bytes());
        head
    };
    let more = [&[0; 8][..], &4_u32.to_be_bytes(), &[1, 2]].concat();
    let cut = frame(REQUEST, MORE, 0, 1, method("Victim/sum"), &more);
    [
        ("a frame of 4 GiB", huge(u32::MAX), 4),
        ("a frame one byte too long", huge(65_537), 4),
        ("a frame of an unknown type", frame(0x0b, 0, 0, 0, 0, &[]), 5),
        ("unknown flags", frame(REQUEST, END | 0x80, 0, 1, 7, &[0; 24]), 6),
        ("a body too short", frame(REQUEST, END, 0, 1, 7, &[0; 7]), 7),
        ("metadata longer than the body", frame(REQUEST, END, 100, 1, 7, &[0; 24]), 7),
        ("a second greeting", hello(), 3),
        ("the same call twice", [add(1), add(1)].concat(), 8),
        ("a call with the other side's id", add(2), 8),
        ("an answer to no question", frame(RESPONSE, 0, 0, 2, 0, &[]), 8),
        ("items for no call", frame(DATA, END, 0, 5, 0, &[1]), 8),
        ("fragments beyond their total", [cut, frame(DATA, END, 0, 1, 0, &[3; 9])].concat(), 9),
        ("a gift of no credit", frame(CREDIT, 0, 0, 0, 0, &[]), 10),
    ]
    .map(|(name, bytes, code)| {
        let bytes = [hello(), bytes].concat();
        Rule { name, bytes, refusal: Refusal::Goodbye(code) }
    })
    .into()
}

/// Calls that are refused, and cost nobody else anything.
pub(crate) fn bad_calls() -> Vec<Rule> {
    let sum = |count: u64, rest: &[u8]| {
        request(1, "Victim/sum", &[&count.to_be_bytes()[..], rest].concat())
    };
    let text = [&3_u64.to_be_bytes()[..], &[0xff, 0xfe, 0xfd]].concat();
    let too_long = [&[0; 8][..], &u32::MAX.to_be_bytes(), &[1]].concat();
    let metadata = frame(REQUEST, END, 9_000, 1, method("Victim/add"), &[0; 9_024]);
    let types = [&[7; 8][..], &[0; 16]].concat();
    [
        ("4 GiB of numbers, announced", sum(1 << 32, &[0; 8]), 3),
        ("2^64 - 1 numbers, announced", sum(u64::MAX, &[]), 3),
        ("60,000 values in each other", request(1, "Victim/depth", &[1; 60_000]), 3),
        ("text that is no UTF-8", request(1, "Victim/shout", &text), 3),
        ("arguments that stop short", request(1, "Victim/add", &[0; 15]), 3),
        ("arguments that go on", request(1, "Victim/add", &[0; 17]), 3),
        ("a message of 4 GiB", frame(REQUEST, MORE, 0, 1, method("Victim/sum"), &too_long), 8),
        ("too much metadata", metadata, 8),
        ("a method that is not there", request(1, "Victim/kill", &[]), 12),
        ("arguments of other types", frame(REQUEST, END, 0, 1, method("Victim/add"), &types), 18),
    ]
    .map(|(name, bytes, code)| {
        let bytes = [hello(), bytes, add(3)].concat();
        Rule { name, bytes, refusal: Refusal::Answer(code) }
    })
    .into()
}
