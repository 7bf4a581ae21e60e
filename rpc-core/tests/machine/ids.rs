//! Ids: their order, parity and wrap, and what a frame for a call that is not open means.

use crate::pair::{End, Pair, asked, breach};
use crate::wire;
use rpc_core::{CloseCode, Side};

#[test]
fn a_dialer_counts_odd_and_an_acceptor_even() {
    let mut pair = Pair::open();
    assert_eq!([1, 3, 5], [(); 3].map(|()| pair.dialer.call(b"").unwrap()));
    assert_eq!([2, 4, 6], [(); 3].map(|()| pair.acceptor.call(b"").unwrap()));
}

#[test]
fn a_request_must_come_after_the_last_one() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request(5, b""));
    end.feed(&wire::request(7, b""));
    assert_eq!(end.news(), [asked(5, b""), asked(7, b"")]);
    for id in [7, 5, 3] {
        let mut end = End::open(Side::Acceptor);
        end.feed(&wire::request(7, b""));
        end.reply(7, b"");
        end.feed(&wire::request(id, b""));
        end.is_broken(CloseCode::CALL_ID);
    }
}

#[test]
fn a_request_must_have_the_parity_of_its_sender() {
    for (side, wrong) in [(Side::Acceptor, 2), (Side::Dialer, 1)] {
        let error = breach(side, &wire::request(wrong, b"")).unwrap_err();
        assert_eq!(error.code(), CloseCode::CALL_ID);
        let right = wrong ^ 3;
        assert_eq!(breach(side, &wire::request(right, b"")), Ok(()));
    }
}

#[test]
fn a_response_must_have_the_parity_of_its_receiver() {
    let mut end = End::open(Side::Dialer);
    end.call(b"").unwrap();
    end.feed(&wire::request(2, b""));
    end.feed(&wire::response(2, b""));
    end.is_broken(CloseCode::CALL_ID);
}

#[test]
fn ids_of_the_peer_wrap_in_serial_order() {
    let mut end = End::open(Side::Acceptor);
    for id in [0x7fff_ffff, 0xffff_fffd, 0xffff_ffff, 1, 3] {
        end.feed(&wire::request(id, b""));
        assert_eq!(end.news(), [asked(id, b"")]);
        end.reply(id, b"");
    }
    end.feed(&wire::request(0xffff_ffff, b""));
    end.is_broken(CloseCode::CALL_ID);

    let mut end = End::open(Side::Dialer);
    for id in [0x7fff_fffe, 0xffff_fffc, 0xffff_fffe, 2] {
        end.feed(&wire::request(id, b""));
        assert_eq!(end.news(), [asked(id, b"")]);
    }
}

#[test]
fn a_frame_for_a_call_that_has_ended_is_dropped_and_for_one_that_never_was_is_refused() {
    let frames = |id| {
        [
            wire::data(wire::END, id, b"x"),
            wire::data(wire::MORE, id, b"xxxxx"),
            wire::frame(5, 0, 0, id, 1, &[]),
            wire::cancel(id, 0),
        ]
    };
    for at in 0..4 {
        let mut end = End::open(Side::Acceptor);
        end.feed(&wire::request(5, b""));
        end.reply(5, b"");
        end.call(b"").unwrap();
        end.feed(&wire::response(2, b""));
        end.take(2);
        end.news();
        // Of both parities: ended, skipped by the peer, ended.
        for id in [5, 3, 2] {
            end.feed(&frames(id)[at]);
            assert_eq!(end.news(), [], "{id}");
        }
        for never in [7, 4] {
            assert_eq!(
                breach(Side::Acceptor, &frames(never)[at]).unwrap_err().code(),
                CloseCode::CALL_ID
            );
        }
        end.feed(&frames(7)[at]);
        end.is_broken(CloseCode::CALL_ID);
    }
}

#[test]
fn a_response_to_a_call_that_was_never_opened_is_refused() {
    let mut end = End::open(Side::Dialer);
    end.call(b"").unwrap();
    end.feed(&[wire::response(1, b""), wire::response(1, b"")].concat());
    assert_eq!(end.news().len(), 1, "the second one is late");
    end.feed(&wire::response(3, b""));
    end.is_broken(CloseCode::CALL_ID);
}

// Verifies: call.id.skip
#[test]
fn ids_of_open_calls_are_not_used_again() {
    let mut pair = Pair::open();
    let long = pair.dialer.call(b"long").unwrap();
    let mut seen = std::collections::HashSet::from([long]);
    for _ in 0..500 {
        let id = pair.dialer.call(b"").unwrap();
        assert!(seen.insert(id));
        pair.exchange();
        pair.acceptor.reply(id, b"");
        pair.exchange();
        assert!(pair.dialer.take(id));
    }
    pair.acceptor.reply(long, b"at last");
    pair.exchange();
    assert!(pair.dialer.take(long));
}

#[test]
fn id_0_is_no_call_and_a_call_is_not_the_connection() {
    for (kind, body) in [(2, [0; 8].as_slice()), (3, &[]), (4, &[]), (6, &[])] {
        let flags = if kind == 2 { wire::END } else { 0 };
        let error = breach(Side::Dialer, &wire::frame(kind, flags, 0, 0, 1, body));
        assert_eq!(error.unwrap_err().code(), CloseCode::CALL_ID, "{kind}");
    }
    for (kind, body) in [(7, [].as_slice()), (8, &[]), (9, &[0; 4]), (10, &[])] {
        let error = breach(Side::Dialer, &wire::frame(kind, 0, 0, 1, 1, body));
        assert_eq!(error.unwrap_err().code(), CloseCode::CALL_ID, "{kind}");
        let connection = wire::frame(kind, 0, 0, 0, 1, body);
        assert_eq!(breach(Side::Dialer, &connection), Ok(()), "{kind}");
    }
}

// Verifies: call.id.skip
#[test]
fn an_id_that_is_open_is_not_opened_again_when_ids_have_wrapped() {
    let opening = [
        wire::request(1, b""),
        wire::request_with(0, 1, 0, &[], b""),
        wire::request_cut(1, 9, b"begun"),
    ];
    for (first, again) in [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2), (2, 1), (2, 0)] {
        let mut end = End::open(Side::Acceptor);
        end.feed(&opening[first]);
        for id in [0x7fff_ffff, 0xffff_fffd] {
            end.feed(&wire::request(id, b""));
            end.reply(id, b"");
        }
        end.feed(&opening[again]);
        end.is_broken(CloseCode::CALL_ID);
    }
}
