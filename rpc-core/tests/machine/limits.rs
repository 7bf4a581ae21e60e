//! Bounds: excess is refused call by call, and nothing grows beyond them.

use crate::pair::{End, Pair, Told, answered, asked, limits};
use crate::wire;
use rpc_core::connection::Refusal;
use rpc_core::{Limits, Side};

#[test]
fn a_caller_keeps_the_peers_limit_of_calls() {
    let mut end = End::new(Side::Dialer, Limits::default());
    end.feed(&wire::hello_tags(&[(4, &[0, 0, 0, 2])]));
    end.call(b"").unwrap();
    end.call(b"").unwrap();
    assert_eq!(end.call(b""), Err(Refusal::Busy));
    end.news();
    end.feed(&wire::response(1, b""));
    assert_eq!(end.news(), [answered(1, b"")]);
    assert_eq!(end.call(b""), Ok(5), "answered, though not taken yet");
    end.cancel(3);
    assert_eq!(end.call(b""), Err(Refusal::Busy), "its RESPONSE is due");
}

#[test]
fn no_calls_at_all_may_be_allowed() {
    let mut end = End::new(Side::Dialer, Limits::default());
    end.feed(&wire::hello_tags(&[(4, &[0; 4])]));
    assert_eq!(end.news(), [Told::Opened]);
    assert_eq!(end.call(b""), Err(Refusal::Busy));
    end.feed(&wire::limits(1));
    assert_eq!(end.news(), [Told::MoreCalls]);
    assert_eq!(end.call(b""), Ok(1));
}

#[test]
fn calls_beyond_the_limit_are_refused_and_the_others_live() {
    let mut end = End::open_with(Side::Acceptor, limits(|limits| limits.calls = 2));
    let cut = [wire::request_cut(5, 4, b"ab"), wire::data(wire::END, 5, b"cd")].concat();
    end.feed(&[wire::request(1, b"a"), wire::request(3, b"b"), cut].concat());
    end.feed(&wire::request(7, b"d"));
    assert_eq!(end.news(), [asked(1, b"a"), asked(3, b"b")]);
    let outcomes: Vec<_> = end.frames().iter().map(wire::Seen::outcome).collect();
    assert_eq!(outcomes, [(5, 8, 1), (7, 8, 1)]);
    end.reply(3, b"");
    end.feed(&wire::request(9, b"e"));
    assert_eq!(end.news(), [asked(9, b"e")]);
}

#[test]
fn a_lowered_limit_refuses_excess_and_leaves_open_calls_alone() {
    let mut pair = Pair::open();
    let ids = [(); 3].map(|()| pair.dialer.call(b"").unwrap());
    pair.exchange();
    pair.acceptor.machine.allow_calls(1);
    let crossing = pair.dialer.call(b"crossing").unwrap();
    pair.exchange();
    let news = pair.dialer.news();
    assert!(matches!(&news[..], [Told::Response { id, .. }] if *id == crossing), "{news:?}");
    assert_eq!(pair.dialer.call(b""), Err(Refusal::Busy));
    for id in ids {
        pair.acceptor.reply(id, b"");
    }
    pair.exchange();
    assert_eq!(pair.dialer.news().len(), 3);
    assert!(pair.dialer.call(b"").is_ok());
    assert_eq!(pair.dialer.call(b""), Err(Refusal::Busy));
    pair.acceptor.machine.allow_calls(2);
    pair.exchange();
    assert_eq!(pair.dialer.news(), [Told::MoreCalls]);
}

#[test]
fn limits_have_these_bytes_and_the_newest_is_enough() {
    let mut end = End::open(Side::Dialer);
    end.machine.allow_calls(1);
    end.machine.allow_calls(0x0102_0304);
    assert_eq!(end.written(), b"\0\0\0\0\x0a\0\0\0\0\0\0\0\x01\x02\x03\x04");
}

#[test]
fn a_full_send_buffer_refuses_calls_until_it_is_written() {
    let small = limits(|limits| limits.send_buffer_bytes = 100);
    let mut end = End::open_with(Side::Dialer, small);
    end.call(&[0; 90]).unwrap();
    assert!(end.machine.unsent_bytes() >= 100);
    assert_eq!(end.call(b""), Err(Refusal::SendBufferFull));
    end.written();
    assert_eq!(end.machine.unsent_bytes(), 0);
    assert!(end.call(b"").is_ok());
}

#[test]
fn metadata_beyond_the_peers_limit_are_refused_here() {
    let mut end = End::open(Side::Dialer);
    assert!(end.call_with(b"", None, &[b'm'; 8_192]).is_ok());
    assert_eq!(
        end.call_with(b"", None, &[b'm'; 8_193]),
        Err(Refusal::MetadataTooLarge { len: 8_193, max: 8_192 })
    );
}

#[test]
fn reading_pauses_while_replies_that_no_handler_gave_wait() {
    let mut end = End::open_with(Side::Acceptor, limits(|limits| limits.calls = 0));
    for n in 0..100 {
        end.feed(&wire::request(2 * n + 1, b""));
    }
    assert!(end.machine.wants_read());
    end.feed(&wire::request(201, b""));
    assert!(!end.machine.wants_read());
    assert_eq!(end.frames().len(), 101);
    assert!(end.machine.wants_read());
}

#[test]
fn limits_below_the_floors_are_raised() {
    let low = limits(|limits| {
        limits.frame_bytes = 1;
        limits.metadata_bytes = 1;
        limits.window_bytes = 1;
        limits.reassembly_bytes = 1;
    });
    let mut pair = Pair::with(low, limits(|limits| limits.frame_bytes = u32::MAX));
    pair.exchange();
    assert_eq!(pair.acceptor.news(), [Told::Opened]);
    assert_eq!(pair.dialer.news(), [Told::Opened]);
    let peer = pair.dialer.machine.peer().unwrap();
    assert_eq!(peer.frame_bytes, (1 << 24) - 1);
}
