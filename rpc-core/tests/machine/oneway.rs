//! One-way calls: one frame, no answer, and a credit that the whole connection shares.

use crate::pair::{DOWNLOAD, End, Pair, Told, asked, limits};
use crate::wire::{self, END, ONEWAY};
use rpc_core::connection::Refusal;
use rpc_core::{CloseCode, Side};

fn told(message: &[u8]) -> Told {
    let cost = 24 + u32::try_from(message.len()).unwrap();
    Told::OneWay { message: message.to_vec(), cost }
}

/// Verifies: call.oneway.frame, call.oneway.open
#[test]
fn a_one_way_call_is_one_frame_with_an_id_and_no_slot() {
    let mut pair = Pair::open();
    let before = pair.dialer.machine.open_calls();
    let position = pair.dialer.oneway(b"log").unwrap();
    assert!(!pair.dialer.machine.has_left(position));
    assert_eq!(pair.dialer.machine.open_calls(), before);
    let bytes = pair.dialer.written();
    assert!(pair.dialer.machine.has_left(position));
    assert_eq!(bytes, wire::request_with(END | ONEWAY, 1, 0, &[], b"log"));
    pair.acceptor.feed(&bytes);
    assert_eq!(pair.acceptor.news(), [told(b"log")]);
    assert_eq!(pair.acceptor.machine.served_calls(), 0);
    let id = pair.dialer.call(b"").unwrap();
    assert_eq!(id, 3, "ids go on");
    pair.exchange();
    assert_eq!(pair.acceptor.news(), [asked(3, b"")]);
}

/// Verifies: call.oneway.credit
#[test]
fn credit_goes_back_in_one_frame_when_the_last_handler_ends() {
    let mut end = End::open(Side::Acceptor);
    for id in [1, 3] {
        end.feed(&wire::request_with(END | ONEWAY, id, 0, &[], b"12345"));
    }
    assert_eq!(end.news(), [told(b"12345"), told(b"12345")]);
    end.machine.oneway_done(29);
    assert_eq!(end.written(), b"", "another runs, and it is little");
    end.machine.oneway_done(29);
    assert_eq!(end.written(), wire::frame(5, 0, 0, 0, 58, &[]));
    end.machine.oneway_done(29);
    assert_eq!(end.written(), b"", "nothing more was taken");
}

/// Verifies: call.oneway.credit
#[test]
fn much_credit_goes_back_while_other_handlers_run() {
    let mut end = End::open(Side::Acceptor);
    for id in [1, 3, 5] {
        end.feed(&wire::request_with(END | ONEWAY, id, 0, &[], &[0; 40_000]));
    }
    end.machine.oneway_done(40_024);
    assert_eq!(end.written(), b"");
    end.machine.oneway_done(40_024);
    assert_eq!(end.written(), wire::frame(5, 0, 0, 0, 80_048, &[]));
}

/// Verifies: call.oneway.credit
#[test]
fn a_sender_without_credit_is_busy_until_it_gets_some() {
    let mut pair = Pair::open();
    let payload = vec![7; 60_000];
    for _ in 0..4 {
        pair.dialer.oneway(&payload).unwrap();
    }
    assert_eq!(pair.dialer.oneway(&payload), Err(Refusal::Busy));
    pair.dialer.oneway(&payload[..20_000]).unwrap();
    pair.exchange();
    assert_eq!(pair.acceptor.news().len(), 5);
    pair.acceptor.machine.oneway_done(60_024);
    pair.exchange();
    assert_eq!(pair.dialer.news(), [Told::MoreCalls]);
    pair.dialer.oneway(&payload).unwrap();
    assert_eq!(pair.dialer.oneway(&payload), Err(Refusal::Busy));
}

/// Verifies: call.oneway.credit
#[test]
fn one_way_calls_beyond_their_credit_are_a_breach() {
    let mut end = End::open(Side::Acceptor);
    let body = vec![0; 65_536 - 16 - 8];
    for id in [1, 3, 5, 7] {
        end.feed(&wire::request_with(END | ONEWAY, id, 0, &[], &body));
    }
    assert_eq!(end.news().len(), 4);
    // Credit that is on its way back is not the peer's yet.
    end.machine.oneway_done(2 * 65_536);
    end.feed(&wire::request_with(END | ONEWAY, 9, 0, &[], b""));
    end.is_broken(CloseCode::CREDIT);
}

/// Verifies: call.oneway.over
#[test]
fn credit_that_was_never_taken_is_a_breach() {
    let mut end = End::open(Side::Dialer);
    end.oneway(b"12345").unwrap();
    end.feed(&wire::frame(5, 0, 0, 0, 29, &[]));
    assert_eq!(end.news(), []);
    end.feed(&wire::frame(5, 0, 0, 0, 1, &[]));
    end.is_broken(CloseCode::CREDIT);
}

/// Verifies: call.oneway.frame
#[test]
fn a_one_way_call_beyond_one_frame_is_too_large() {
    let mut end = End::open(Side::Dialer);
    let (len, max) = (65_529, 65_528);
    assert_eq!(end.oneway(&vec![0; len]), Err(Refusal::TooLarge { len, max }));
    end.oneway(&vec![0; max]).unwrap();
    let hello = wire::hello_tags(&[(1, &(1_u32 << 20).to_be_bytes())]);
    let mut end = End::new(Side::Dialer, limits(|limits| limits.frame_bytes = 1 << 20));
    end.feed(&hello);
    let max = 262_144 - 16 - 8;
    assert_eq!(end.oneway(&vec![0; max + 1]), Err(Refusal::TooLarge { len: max + 1, max }));
    end.oneway(&vec![0; max]).unwrap();
}

#[test]
fn a_one_way_call_beyond_the_message_limit_is_too_large() {
    let mut end = End::new(Side::Dialer, limits(|_| {}));
    end.feed(&wire::hello_tags(&[(2, &10_u32.to_be_bytes())]));
    assert_eq!(end.oneway(&[0; 11]), Err(Refusal::TooLarge { len: 11, max: 10 }));
    end.oneway(&[0; 10]).unwrap();
}

/// Verifies: call.oneway.unserved
#[test]
fn what_may_not_run_is_dropped_counted_and_paid_back() {
    let mut end = End::open_with(Side::Acceptor, limits(|limits| limits.message_bytes = 4));
    end.feed(&wire::request_with(END | ONEWAY, 1, 0, &[], b"12345"));
    end.feed(&wire::request_with(END | ONEWAY | wire::TIMEOUT, 3, 0, &[0; 4], b""));
    end.feed(&wire::request_with(END | ONEWAY, 5, 4, b"\x01K\0\0", b""));
    assert_eq!((end.news(), end.machine.dropped_oneways()), (vec![], 3));
    assert_eq!(end.written(), wire::frame(5, 0, 0, 0, 29 + 28 + 28, &[]));
    end.machine.close(CloseCode::GRACEFUL, "");
    end.written();
    end.feed(&wire::request_with(END | ONEWAY, 7, 0, &[], b""));
    assert_eq!((end.news(), end.machine.dropped_oneways()), (vec![], 4));
    assert_eq!(end.written(), wire::frame(5, 0, 0, 0, 24, &[]));
}

#[test]
fn a_one_way_call_needs_no_room_among_the_calls() {
    let few = limits(|limits| (limits.calls, limits.streams) = (0, 0));
    let mut pair = Pair::with(few.clone(), few);
    pair.exchange();
    assert_eq!(pair.dialer.call(b""), Err(Refusal::Busy));
    assert_eq!(pair.dialer.stream(DOWNLOAD, b""), Err(Refusal::Busy));
    pair.dialer.oneway(b"").unwrap();
    pair.exchange();
    assert_eq!(pair.acceptor.news(), [Told::Opened, told(b"")]);
}

#[test]
fn nobody_sends_a_one_way_call_to_a_peer_that_goes_or_has_gone() {
    let mut end = End::open(Side::Dialer);
    end.feed(&wire::goaway(0, 0, ""));
    assert_eq!(end.oneway(b""), Err(Refusal::Closing));
    end.machine.fail();
    assert_eq!(end.oneway(b""), Err(Refusal::Closed));
}

/// Verifies: call.oneway.return
#[test]
fn handlers_that_never_end_do_not_keep_back_the_credit_of_those_that_do() {
    let mut pair = Pair::open();
    for _ in 0..3 {
        pair.dialer.oneway(&[7; 65_528]).unwrap();
    }
    pair.exchange();
    assert_eq!(pair.acceptor.news().len(), 3);
    for round in 0..200 {
        assert_eq!(pair.dialer.oneway(&[7; 1_000]).err(), None, "round {round}");
        pair.exchange();
        assert_eq!(pair.acceptor.news().len(), 1);
        pair.acceptor.machine.oneway_done(1_024);
        pair.exchange();
        pair.dialer.news();
    }
}
