//! The cuts of the byte stream mean nothing: the same bytes give the same events.

use crate::pair::{DUPLEX, End, Told, limits};
use crate::wire::{self, END, MORE, NOMSG, ONEWAY};
use rpc_core::{CloseCode, Side};
use std::time::{Duration, Instant};

fn conversation() -> Vec<u8> {
    let metadata = wire::entry("key", b"value");
    let len = u16::try_from(metadata.len()).unwrap();
    [
        wire::hello(),
        wire::request(1, b"one"),
        wire::ping(4),
        wire::request_cut(3, 300, &[1; 100]),
        wire::frame(0x99, 1, 2, 3, 4, &[5; 50]),
        wire::data(MORE, 3, &[2; 150]),
        wire::request_with(END, 5, len, &metadata, b"five"),
        wire::data(END, 3, &[3; 50]),
        wire::cancel(1, 1),
        wire::limits(9),
        wire::limits(999),
        wire::response(2, b"two"),
        wire::goaway(2, 0, "enough"),
        wire::request_cut(7, 2, b"123"),
        wire::request(9, b"not read"),
    ]
    .concat()
}

fn replay(cut: usize) -> (Vec<Told>, Vec<u8>) {
    let mut end = End::new(Side::Acceptor, limits(|_| {}));
    end.call(b"").unwrap();
    for bytes in conversation().chunks(cut) {
        end.feed(bytes);
    }
    let told = end.news();
    (told, end.written())
}

#[test]
fn every_cut_of_the_stream_gives_the_same_events_and_bytes() {
    let whole = replay(usize::MAX);
    assert_eq!(whole.0.len(), 9, "{:?}", whole.0);
    for cut in 1..100 {
        assert_eq!(replay(cut), whole, "{cut}");
    }
}

/// What a peer says on streams that both sides have opened, and one-way.
fn streams() -> Vec<u8> {
    [
        wire::hello(),
        wire::request_with(0, 1, 0, &[], b"args"),
        wire::data(0, 1, b""),
        wire::result_cut(1, 10, b"12345"),
        wire::frame(4, NOMSG, 0, 2, 1, &[]),
        wire::data(MORE, 1, b"678"),
        wire::data(0, 2, b"item"),
        wire::request_with(END | ONEWAY, 3, 0, &[], b"log"),
        wire::data(END, 1, b"90"),
        wire::result_cut(2, 6, b"abc"),
        wire::cancel(2, 4),
        wire::frame(5, 0, 0, 2, 19, &[]),
        wire::data(END, 2, b"def"),
        wire::request_cut(5, 6, b"abc"),
        wire::data(0, 5, b"def"),
        wire::request_with(END | NOMSG, 7, 0, &[], b""),
        wire::data(END | NOMSG, 5, b""),
        wire::frame(3, NOMSG, 0, 2, 0, &[]),
        wire::cancel(7, 1),
        wire::data(0, 1, b"after the end"),
        wire::request(9, b"not read"),
    ]
    .concat()
}

fn replay_streams(cut: usize) -> (Vec<Told>, Vec<u8>) {
    let mut end = End::new(Side::Acceptor, limits(|_| {}));
    let id = end.stream(DUPLEX, b"").unwrap();
    end.item(id, b"1234").unwrap();
    end.starving(id);
    for bytes in streams().chunks(cut) {
        end.feed(bytes);
    }
    (end.news(), end.written())
}

#[test]
fn every_cut_of_streams_gives_the_same_events_and_bytes() {
    let whole = replay_streams(usize::MAX);
    assert_eq!(whole.0.len(), 14, "{:?}", whole.0);
    assert_eq!(whole.0.last(), Some(&Told::Broken(CloseCode::FRAGMENT)));
    for cut in 1..100 {
        assert_eq!(replay_streams(cut), whole, "{cut}");
    }
}

/// How long 60,000 looks at growing prefixes of frames with this many bytes take, at best of three.
#[expect(clippy::disallowed_methods, reason = "the cost of the machine is what is measured")]
fn dribble(len: usize) -> Duration {
    let request = wire::request(1, &vec![7; len - 24]);
    let once = || {
        let begun = Instant::now();
        for _ in 0..60_000 / len {
            let mut end = End::open(Side::Acceptor);
            for come in 0..len {
                let step = end.machine.read(end.now, &request[..come]).unwrap();
                assert!(step.consumed == 0 && step.event.is_none());
            }
            assert_eq!(end.machine.read(end.now, &request).unwrap().consumed, len);
        }
        begun.elapsed()
    };
    [(); 3].map(|()| once()).into_iter().min().unwrap()
}

#[test]
fn a_frame_that_comes_byte_by_byte_costs_one_look_a_byte() {
    let (short, long) = (dribble(600), dribble(60_000));
    assert!(
        long < 10 * short,
        "a hundred short frames took {short:?}, one as long as all of them {long:?}"
    );
}
