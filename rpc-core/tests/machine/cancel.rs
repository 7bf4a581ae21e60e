//! CANCEL is a hint: the RESPONSE is still due, and until it comes the id is taken.

use crate::pair::{End, Pair, Told, answered, asked};
use crate::wire::{self, END, MORE};
use rpc_core::{CallId, CloseCode, Code, Side};

#[test]
fn a_cancelled_call_holds_its_slot_until_the_response() {
    let mut pair = Pair::open();
    let id = pair.dialer.call(b"").unwrap();
    pair.exchange();
    assert!(pair.dialer.cancel(id));
    assert!(!pair.dialer.cancel(id), "once");
    assert_eq!(pair.dialer.machine.open_calls(), 1);
    pair.exchange();
    assert_eq!(pair.acceptor.news(), [asked(id, b""), Told::Cancelled(id)]);
    pair.acceptor.reply_code(id, Code::CANCELLED);
    pair.exchange();
    assert_eq!(pair.dialer.news(), [Told::MoreCalls]);
    assert_eq!(pair.dialer.machine.open_calls(), 0);
    assert!(pair.dialer.machine.waiter(CallId::new(id)).is_none());
}

#[test]
fn a_cancel_has_these_bytes() {
    let mut end = End::open(Side::Dialer);
    end.call(b"").unwrap();
    end.written();
    end.cancel(1);
    assert_eq!(end.written(), b"\0\0\0\0\x06\0\0\0\0\0\0\x01\0\0\0\x01");
}

#[test]
fn cancelling_an_answered_call_frees_its_slot_and_says_nothing() {
    let mut end = End::open(Side::Dialer);
    end.call(b"").unwrap();
    end.written();
    end.feed(&wire::response(1, b""));
    assert!(end.cancel(1));
    assert!(!end.machine.has_output());
    assert!(!end.take(1));
}

#[test]
fn the_peer_is_told_once_and_may_still_succeed() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&[wire::request(1, b""), wire::cancel(1, 1), wire::cancel(1, 99)].concat());
    assert_eq!(end.news(), [asked(1, b""), Told::Cancelled(1)]);
    end.reply(1, b"done");
    assert_eq!(end.written(), wire::response(1, b"done"));
}

#[test]
fn cancelling_a_request_that_is_being_sent_sends_nothing_more_of_it() {
    let mut end = End::open(Side::Dialer);
    let message = vec![7; 1 << 20];
    end.call(&message).unwrap();
    end.batch(&mut Vec::new());
    end.cancel(1);
    assert_eq!(end.written(), wire::cancel(1, 1));
    end.feed(&wire::response_code(1, 1, 1));
    assert_eq!(end.news(), [Told::MoreCalls]);
    assert!(end.call(&vec![7; 4 << 20]).is_ok(), "its total counts no more");
}

#[test]
fn a_request_that_is_being_gathered_is_cancelled_by_the_machine() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&[wire::request_cut(1, 10, b"12345"), wire::cancel(1, 1)].concat());
    assert_eq!(end.news(), [], "no handler was told");
    assert_eq!(end.frames()[0].outcome(), (1, 1, 1));
    assert_eq!(end.machine.served_calls(), 0);
    end.feed(&wire::data(END, 1, b"67890"));
    assert_eq!(end.news(), [], "late");
}

#[test]
fn a_result_that_is_being_sent_ends_with_its_cancel() {
    for batches in [0, 1, 2] {
        let mut end = End::open(Side::Acceptor);
        end.feed(&wire::request(1, b""));
        end.reply(1, &vec![7; 1 << 20]);
        for _ in 0..batches {
            end.batch(&mut Vec::new());
        }
        end.feed(&wire::cancel(1, 1));
        assert_eq!(end.written(), wire::response_code(1, 1, 0), "{batches}");
        assert_eq!(end.machine.served_calls(), 0);
    }
}

#[test]
fn a_cancel_from_the_callee_of_a_unary_call_is_ignored() {
    let mut end = End::open(Side::Dialer);
    end.call(b"").unwrap();
    end.feed(&wire::cancel(1, 4));
    assert_eq!(end.news(), []);
    end.feed(&wire::response(1, b"r"));
    assert_eq!(end.news(), [answered(1, b"r")]);
}

#[test]
fn fragments_of_a_result_that_nobody_wants_are_dropped() {
    let mut end = End::open(Side::Dialer);
    end.call(b"").unwrap();
    end.feed(&wire::result_cut(1, 10, b"12345"));
    end.cancel(1);
    end.feed(&wire::data(MORE, 1, b"678"));
    end.feed(&wire::response(1, b"90"));
    assert_eq!(end.news(), [Told::MoreCalls]);
    let mut end = End::open(Side::Dialer);
    end.call(b"").unwrap();
    end.cancel(1);
    end.feed(&wire::data(MORE, 1, b"").repeat(10_000));
    assert_eq!(end.news(), []);
    end.feed(&wire::data(MORE, 1, b""));
    end.is_broken(CloseCode::FLOOD);
}

#[test]
fn many_cancels_at_once_are_spread_so_that_the_peer_bears_them() {
    let mut pair = Pair::open();
    for round in 0..10 {
        let ids: Vec<_> = (0..200).map(|_| pair.dialer.call(b"").unwrap()).collect();
        pair.exchange();
        for id in &ids {
            assert!(pair.dialer.cancel(*id));
        }
        while pair.dialer.machine.open_calls() > 0 {
            pair.exchange();
            let told = pair.acceptor.news();
            for event in told {
                match event {
                    Told::Cancelled(id) => pair.acceptor.reply_code(id, Code::CANCELLED),
                    Told::Request { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
            pair.exchange();
            if pair.dialer.machine.open_calls() > 0 {
                let next = pair.dialer.machine.timeout().unwrap();
                let ms = next.millis_since(pair.dialer.now);
                assert!((1..=1_000).contains(&ms), "{round}: {ms}");
                pair.advance(ms);
            }
        }
    }
    assert!(!pair.dialer.news().contains(&Told::Broken(CloseCode::FLOOD)));
}

#[test]
fn a_cancel_that_waits_is_forgotten_when_its_response_comes() {
    let mut pair = Pair::open();
    for _ in 0..3 {
        let ids: Vec<_> = (0..250).map(|_| pair.dialer.call(b"").unwrap()).collect();
        pair.exchange();
        for id in &ids {
            pair.dialer.cancel(*id);
        }
        for id in &ids {
            pair.acceptor.reply(*id, b"");
        }
        pair.exchange();
    }
    assert_eq!(pair.dialer.machine.open_calls(), 0);
    pair.advance(5_000);
    assert!(!pair.dialer.machine.has_output());
}
