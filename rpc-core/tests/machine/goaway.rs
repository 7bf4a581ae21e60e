//! The end: announced, and no call is left in doubt about whether it ran.

use crate::pair::{End, Pair, Told, answered, asked};
use crate::wire;
use rpc_core::connection::{Refusal, State};
use rpc_core::{CloseCode, Code, Executed, Side};

const GRACEFUL: CloseCode = CloseCode::GRACEFUL;

#[test]
fn a_goaway_has_these_bytes_and_its_reason_is_cut() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request(5, b""));
    end.machine.close(GRACEFUL, "bye");
    end.machine.close(GRACEFUL, "again");
    assert_eq!(end.written(), b"\0\0\0\x07\x09\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\0bye");
    let long = format!("{}é", "r".repeat(255));
    end.machine.close(CloseCode::INTERNAL, &long);
    let goaway = end.frames().remove(0);
    assert_eq!(goaway.body, [&[0, 0, 0, 13], "r".repeat(255).as_bytes()].concat());
}

#[test]
fn a_drain_finishes_accepted_calls_and_takes_up_no_others() {
    let mut pair = Pair::open();
    let id = pair.dialer.call(b"accepted").unwrap();
    pair.exchange();
    pair.acceptor.machine.close(GRACEFUL, "");
    assert_eq!(pair.acceptor.machine.state(), State::Draining);
    pair.exchange();
    assert_eq!(pair.dialer.news(), [Told::GoAway(GRACEFUL, String::new())]);
    pair.dialer.fail_calls();
    assert_eq!(pair.dialer.news(), [], "it was accepted");
    assert_eq!(pair.dialer.call(b""), Err(Refusal::Closing));
    // The side that goes away may call to finish.
    let back = pair.acceptor.call(b"back").unwrap();
    pair.exchange();
    assert_eq!(pair.dialer.news(), [asked(back, b"back")]);
    pair.dialer.reply(back, b"b");
    pair.exchange();
    assert_eq!(pair.acceptor.machine.state(), State::Draining);
    pair.acceptor.reply(id, b"a");
    assert_eq!(pair.acceptor.machine.state(), State::Drained);
    pair.exchange();
    assert_eq!(pair.dialer.news(), [answered(id, b"a")]);
    assert_eq!(pair.dialer.machine.state(), State::Draining, "it waits for the end");
}

#[test]
fn a_drain_waits_for_large_results() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request(1, b""));
    end.machine.close(GRACEFUL, "");
    end.reply(1, &vec![0; 1 << 20]);
    assert_eq!(end.machine.state(), State::Draining);
    end.written();
    assert_eq!(end.machine.state(), State::Drained);
}

#[test]
fn a_cut_request_that_was_begun_before_the_goaway_is_finished() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request_cut(1, 4, b"ab"));
    end.machine.close(GRACEFUL, "");
    end.feed(&[wire::request(3, b"new"), wire::cancel(3, 0)].concat());
    end.feed(&wire::data(wire::END, 1, b"cd"));
    assert_eq!(end.news(), [asked(1, b"abcd")]);
    assert_eq!(end.frames().len(), 1, "only the GOAWAY");
}

#[test]
fn calls_above_the_last_accepted_were_not_executed() {
    for (last, lost) in [(0, vec![1, 3, 5]), (1, vec![3, 5]), (3, vec![5]), (5, vec![])] {
        let mut end = End::open(Side::Dialer);
        let ids = [(); 3].map(|()| end.call(b"").unwrap());
        end.written();
        end.feed(&wire::goaway(last, 0, "later"));
        assert_eq!(end.news(), [Told::GoAway(GRACEFUL, "later".into())]);
        end.fail_calls();
        let told: Vec<_> = lost.iter().map(|id| Told::Failed(*id, Executed::No)).collect();
        assert_eq!(end.news(), told);
        end.fail_calls();
        assert_eq!(end.news(), [], "once");
        assert!(lost.iter().all(|id| end.take(*id)));
        assert_eq!(end.machine.open_calls(), ids.len() - lost.len());
    }
}

#[test]
fn a_goaway_with_another_code_ends_every_call() {
    let mut end = End::open(Side::Dialer);
    let ids = [(); 3].map(|()| end.call(b"").unwrap());
    end.written();
    let unsent = end.call(b"").unwrap();
    end.feed(&[wire::goaway(3, 13, "oh"), wire::response(1, b"")].concat());
    assert_eq!(end.news(), [Told::GoAway(CloseCode::INTERNAL, "oh".into())]);
    assert_eq!(end.machine.state(), State::Closed);
    end.fail_calls();
    let told = [
        Told::Failed(ids[0], Executed::Maybe),
        Told::Failed(ids[1], Executed::Maybe),
        Told::Failed(ids[2], Executed::No),
        Told::Failed(unsent, Executed::No),
    ];
    assert_eq!(end.news(), told);
    assert_eq!(end.call(b""), Err(Refusal::Closed));
    assert!(!end.machine.has_output());
}

#[test]
fn a_request_that_never_left_was_not_executed() {
    let mut end = End::open(Side::Dialer);
    let left = end.call(b"").unwrap();
    let cut = end.call(&vec![0; 1 << 20]).unwrap();
    let mut bytes = Vec::new();
    end.batch(&mut bytes);
    let inside = end.call(b"").unwrap();
    let cut_inside = end.call(&vec![0; 100_000]).unwrap();
    end.machine.fail();
    end.fail_calls();
    let told = [
        Told::Failed(left, Executed::Maybe),
        Told::Failed(cut, Executed::Maybe),
        Told::Failed(inside, Executed::No),
        Told::Failed(cut_inside, Executed::No),
    ];
    assert_eq!(end.news(), told);
    assert_eq!(end.machine.open_calls(), 0);
}

// Verifies: errors.executed
#[test]
fn a_request_that_leaves_before_the_last_words_may_have_been_executed() {
    let mut end = End::open(Side::Dialer);
    end.call(b"").unwrap();
    end.machine.close(CloseCode::TIMEOUT, "");
    end.fail_calls();
    assert_eq!(end.news(), [Told::Failed(1, Executed::Maybe)]);
    assert_eq!(end.frames().len(), 2, "the REQUEST, and the GOAWAY behind it");
}

#[test]
fn after_a_failed_transport_nothing_is_written_and_replies_are_ignored() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request(1, b""));
    end.call(b"").unwrap();
    end.machine.fail();
    end.reply(1, b"");
    end.machine.close(CloseCode::INTERNAL, "");
    assert!(!end.machine.has_output());
    assert_eq!(end.machine.served_calls(), 0);
    assert_eq!(end.machine.state(), State::Closed);
}

#[test]
fn answered_calls_are_not_told_again() {
    let mut end = End::open(Side::Dialer);
    end.call(b"").unwrap();
    end.call_until(b"", Some(end.now.plus_millis(5))).unwrap();
    end.call(b"").unwrap();
    end.cancel(5);
    end.feed(&wire::response(1, b"r"));
    end.advance(5);
    assert_eq!(end.news(), [answered(1, b"r"), Told::CallExpired(3)]);
    end.machine.fail();
    end.fail_calls();
    assert_eq!(end.news(), []);
    assert!(end.take(1) && end.take(3) && !end.take(5));
}

#[test]
fn a_large_request_that_the_peer_does_not_take_up_is_not_sent_on() {
    let mut end = End::open(Side::Dialer);
    end.call(&vec![0; 1 << 20]).unwrap();
    end.batch(&mut Vec::new());
    end.feed(&wire::goaway(0, 0, ""));
    end.fail_calls();
    assert_eq!(end.news()[1..], [Told::Failed(1, Executed::No)]);
    assert!(!end.machine.has_output());
}

#[test]
fn the_last_goaway_comes_behind_the_replies_that_were_given() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request(1, b""));
    end.reply_code(1, Code::OK);
    end.feed(&wire::frame(0x7f, 0, 0, 0, 0, &[]));
    let frames = end.frames();
    assert_eq!((frames[0].kind, frames[1].kind), (3, 9));
    assert_eq!(frames[1].arg, 1);
    end.is_closed();
}

impl End {
    fn is_closed(&mut self) {
        assert_eq!(self.machine.state(), State::Closed);
        assert!(!self.machine.wants_read());
        assert!(!self.machine.has_output());
    }
}

#[test]
fn only_calls_that_get_a_response_are_accepted() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request(1, b""));
    end.feed(&wire::request_with(wire::END | wire::ONEWAY, 3, 0, &[], b""));
    end.machine.close(GRACEFUL, "");
    assert_eq!(end.frames()[0].arg, 1);
}

#[test]
fn a_reason_that_is_no_text_is_shown_within_its_limit() {
    let mut frame = b"\0\0\x01\x04\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    frame.extend([0xff; 256]);
    let decoded = rpc_core::frame::decode(&frame, 1 << 16);
    let Ok(Some((rpc_core::frame::Frame::GoAway(goaway), 276))) = decoded else {
        panic!("{decoded:?}")
    };
    assert_eq!(goaway.reason, "\u{fffd}".repeat(85));
}
