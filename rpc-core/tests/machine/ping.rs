//! Signs of life.

use crate::pair::{End, Pair, Told};
use crate::wire;
use rpc_core::connection::State;
use rpc_core::{CloseCode, Side, Time};

#[test]
fn one_pong_with_the_newest_token_answers_all_pings() {
    let mut end = End::open(Side::Dialer);
    end.feed(&[wire::ping(1), wire::ping(2), wire::ping(0xfeed_beef)].concat());
    assert_eq!(end.written(), b"\0\0\0\0\x08\0\0\0\0\0\0\0\xfe\xed\xbe\xef");
    assert_eq!(end.news(), []);
}

#[test]
fn silence_is_asked_about_and_an_answer_is_enough() {
    let mut pair = Pair::open();
    assert_eq!(pair.dialer.machine.timeout(), Some(Time::from_millis(10_000)));
    for _ in 0..5 {
        pair.dialer.advance(10_000);
        assert!(pair.dialer.machine.has_output());
        pair.exchange();
        pair.acceptor.now = pair.dialer.now;
    }
    assert_eq!((pair.dialer.news(), pair.acceptor.news()), (vec![], vec![]));
}

#[test]
fn a_peer_that_does_not_answer_is_given_up() {
    let mut end = End::open(Side::Dialer);
    end.advance(9_999);
    assert!(!end.machine.has_output());
    end.advance(1);
    assert_eq!(end.frames()[0].kind, 7);
    end.advance(9_999);
    assert_eq!(end.news(), []);
    end.advance(1);
    assert_eq!(end.news(), [Told::Silent(CloseCode::TIMEOUT)]);
    assert_eq!(end.frames()[0].kind, 9);
    assert_eq!(end.machine.state(), State::Closed);
}

#[test]
fn any_bytes_are_a_sign_of_life_even_of_a_frame_that_is_not_whole() {
    let mut end = End::open(Side::Acceptor);
    end.advance(10_000);
    end.written();
    let request = wire::request(1, &[0; 100]);
    for (at, byte) in request.iter().enumerate().take(20) {
        end.advance(9_000);
        end.feed(&[*byte]);
        assert_eq!(end.news(), [], "{at}");
    }
    end.advance(9_999);
    assert!(!end.machine.has_output());
}

#[test]
fn looking_again_at_the_same_bytes_is_no_sign_of_life() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request(1, b"")[..5]);
    end.advance(9_000);
    end.feed(&[]);
    end.advance(1_000);
    assert_eq!(end.frames()[0].kind, 7);
}
