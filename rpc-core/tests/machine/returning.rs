//! A stream that goes on after the connection: the last frame of each side, and nothing behind it.

use crate::pair::{End, Pair, Told, answered, asked};
use crate::wire;
use rpc_core::connection::State;
use rpc_core::{CloseCode, Side};

const GRACEFUL: CloseCode = CloseCode::GRACEFUL;

fn open(side: Side) -> End {
    let mut end = End::open(side);
    end.machine.return_stream();
    end
}

/// The types of the frames that wait to be written.
fn kinds(end: &mut End) -> Vec<u8> {
    end.frames().iter().map(|frame| frame.kind).collect()
}

// Verifies: conn.return.last
#[test]
fn the_last_frame_waits_for_both_goodbyes_and_for_every_call() {
    let mut end = open(Side::Acceptor);
    end.feed(&wire::request(1, b"ask"));
    end.machine.close(GRACEFUL, "");
    end.machine.part();
    assert_eq!(kinds(&mut end), [9], "a call of the peer is open");
    end.reply(1, b"told");
    end.machine.part();
    assert_eq!(kinds(&mut end), [3], "the peer has not said goodbye");
    end.feed(&wire::goaway(0, 0, ""));
    end.machine.part();
    end.machine.part();
    assert_eq!(kinds(&mut end), [9], "once");
    assert!(!end.machine.has_parted());
    end.feed(&wire::goaway(0, 0, ""));
    assert!(end.machine.has_parted());
    assert_eq!(end.news().len(), 2, "the request and the first goodbye");
}

#[test]
fn an_own_call_that_is_open_keeps_the_last_frame_back() {
    let mut pair = Pair::open();
    for end in [&mut pair.dialer, &mut pair.acceptor] {
        end.machine.return_stream();
    }
    let id = pair.dialer.call(b"ask").unwrap();
    pair.exchange();
    pair.dialer.machine.close(GRACEFUL, "");
    pair.acceptor.machine.close(GRACEFUL, "");
    pair.exchange();
    for end in [&mut pair.dialer, &mut pair.acceptor] {
        end.machine.part();
        assert!(!end.machine.has_output(), "nobody is done");
    }
    pair.acceptor.reply(id, b"told");
    pair.exchange();
    assert_eq!(pair.dialer.news().last(), Some(&answered(id, b"told")));
    assert!(pair.dialer.take(id));
    for end in [&mut pair.dialer, &mut pair.acceptor] {
        assert_eq!(end.machine.state(), State::Drained);
        end.machine.part();
    }
    pair.exchange();
    assert!(pair.dialer.machine.has_parted() && pair.acceptor.machine.has_parted());
}

// Verifies: conn.return.behind
#[test]
fn nothing_behind_the_last_frame_is_taken_for_a_frame() {
    let mut end = open(Side::Acceptor);
    end.machine.close(GRACEFUL, "");
    end.feed(&wire::goaway(0, 0, ""));
    let bytes = [wire::goaway(0, 0, ""), b"GET / HTTP/1.1\r\n\r\n".to_vec()].concat();
    let step = end.machine.read(end.now, &bytes).unwrap();
    assert_eq!((step.consumed, step.event), (bytes.len() - 18, None));
    let step = end.machine.read(end.now, &bytes[step.consumed..]).unwrap();
    assert_eq!((step.consumed, step.event), (0, None));
    assert!(!end.machine.wants_read());
}

// Verifies: conn.return.last
#[test]
fn nothing_is_sent_behind_the_last_frame() {
    let mut end = open(Side::Acceptor);
    end.machine.close(GRACEFUL, "");
    end.feed(&wire::goaway(0, 0, ""));
    end.machine.part();
    assert_eq!(kinds(&mut end), [9, 9]);
    end.feed(&wire::ping(7));
    end.feed(&wire::request(1, b"too late"));
    end.advance(60_000); // No PING either.
    assert_eq!(kinds(&mut end), [0; 0]);
}

#[test]
fn a_second_goodbye_with_another_code_is_an_end_at_once() {
    let mut end = open(Side::Dialer);
    end.machine.close(GRACEFUL, "");
    end.feed(&[wire::goaway(0, 0, ""), wire::goaway(0, 12, "late")].concat());
    assert_eq!(end.machine.state(), State::Closed);
    assert!(!end.machine.has_parted());
}

#[test]
fn who_returns_nothing_reads_on_behind_a_second_goodbye() {
    let mut end = End::open(Side::Acceptor);
    let goodbyes = [wire::goaway(0, 0, ""), wire::goaway(0, 0, "")].concat();
    end.feed(&[goodbyes, wire::request(1, b"back")].concat());
    let goodbye = || Told::GoAway(GRACEFUL, String::new());
    assert_eq!(end.news(), [goodbye(), goodbye(), asked(1, b"back")]);
}

// Verifies: conn.return.last
#[test]
fn what_waited_leaves_before_the_last_frame_and_not_behind_it() {
    let mut end = open(Side::Acceptor);
    end.feed(&wire::request_with(wire::ONEWAY | wire::END, 1, 0, &[], b"log"));
    let Some(Told::OneWay { cost, .. }) = end.news().pop() else { panic!("it is served") };
    end.machine.close(GRACEFUL, "");
    end.feed(&[wire::goaway(0, 0, ""), wire::ping(7)].concat());
    end.machine.oneway_done(cost);
    end.machine.allow_calls(3);
    end.machine.part();
    end.machine.allow_calls(4);
    assert_eq!(kinds(&mut end), [9, 8, 10, 5, 9]);
}

// Verifies: conn.return.last
#[test]
fn not_even_a_breach_is_answered_behind_the_last_frame() {
    let parted = || {
        let mut end = open(Side::Acceptor);
        end.machine.close(GRACEFUL, "");
        end.feed(&wire::goaway(0, 0, ""));
        end.machine.part();
        assert_eq!(kinds(&mut end), [9, 9]);
        end.news();
        end
    };
    let mut end = parted();
    end.feed(&wire::response(2, b""));
    assert_eq!(end.news(), [Told::Broken(CloseCode::CALL_ID)]);
    assert_eq!(kinds(&mut end), [0; 0]);

    let mut end = parted();
    end.machine.close(CloseCode::INTERNAL, "");
    assert_eq!(kinds(&mut end), [0; 0]);

    let mut end = parted();
    end.advance(60_000);
    end.advance(60_000);
    assert_eq!(kinds(&mut end), [0; 0]);
}

// Verifies: conn.return.owed
#[test]
fn a_peer_does_not_say_its_last_frame_while_it_owes_an_answer() {
    for answers in [true, false] {
        let mut end = open(Side::Dialer);
        let id = end.call(b"ask").unwrap();
        end.machine.close(GRACEFUL, "");
        end.feed(&wire::goaway(id, 0, ""));
        if answers {
            end.feed(&wire::response(id, b"told"));
        }
        end.feed(&wire::goaway(id, 0, ""));
        match answers {
            true => assert_eq!(end.machine.state(), State::Drained),
            false => end.is_broken(CloseCode::CALL_ID),
        }
    }
}
