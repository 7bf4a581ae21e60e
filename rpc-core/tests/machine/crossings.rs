//! Frames that pass each other on the way.

use crate::pair::{Pair, Told, answered, asked, limits};
use rpc_core::{CallId, Code, Limits};

#[test]
fn a_response_that_crosses_a_cancel_ends_the_call() {
    let mut pair = Pair::open();
    let id = pair.dialer.call(b"").unwrap();
    pair.exchange();
    pair.acceptor.news();
    pair.acceptor.reply(id, b"r");
    let back = pair.acceptor.written();
    pair.dialer.cancel(id);
    let there = pair.dialer.written();
    pair.dialer.feed(&back);
    pair.acceptor.feed(&there);
    assert_eq!(pair.dialer.news(), [Told::MoreCalls]);
    assert_eq!(pair.acceptor.news(), [], "the CANCEL is late");
    assert_eq!(pair.dialer.machine.open_calls(), 0);
    let next = pair.dialer.call(b"next").unwrap();
    pair.exchange();
    assert_eq!(pair.acceptor.news(), [asked(next, b"next")]);
}

#[test]
fn a_response_that_comes_while_its_request_is_being_sent_stops_it() {
    // The callee refuses the total; the caller learns of it in the middle.
    let mut pair = Pair::with(Limits::default(), limits(|limits| limits.message_bytes = 100_000));
    let id = pair.dialer.call(&vec![7; 1 << 20]).unwrap();
    let mut there = Vec::new();
    pair.dialer.batch(&mut there);
    pair.acceptor.feed(&there);
    let back = pair.acceptor.written();
    pair.dialer.feed(&back);
    let news = pair.dialer.news();
    assert!(
        matches!(&news[1], Told::Response { id: told, code: Code::RESOURCE_EXHAUSTED, .. } if *told == id),
        "{news:?}"
    );
    assert!(!pair.dialer.machine.has_output(), "nothing more of it is sent");
    assert_eq!(pair.acceptor.news(), [Told::Opened]);
}

#[test]
fn a_response_that_comes_after_the_deadline_is_dropped() {
    let mut pair = Pair::open();
    let deadline = pair.dialer.now.plus_millis(50);
    let id = pair.dialer.call_until(b"", Some(deadline)).unwrap();
    pair.exchange();
    pair.acceptor.news();
    pair.acceptor.reply(id, b"too late");
    pair.dialer.advance(50);
    assert_eq!(pair.dialer.news(), [Told::CallExpired(id)]);
    assert!(pair.dialer.machine.waiter(CallId::new(id)).is_some());
    pair.exchange();
    assert_eq!(pair.dialer.news(), [Told::MoreCalls]);
    assert!(pair.dialer.take(id));
    assert_eq!(pair.acceptor.news(), []);
}

#[test]
fn a_goaway_that_crosses_a_request_leaves_it_not_executed() {
    let mut pair = Pair::open();
    let first = pair.dialer.call(b"first").unwrap();
    pair.exchange();
    pair.acceptor.news();
    pair.acceptor.machine.close(rpc_core::CloseCode::GRACEFUL, "bye");
    let second = pair.dialer.call(b"second").unwrap();
    let there = pair.dialer.written();
    pair.acceptor.feed(&there);
    assert_eq!(pair.acceptor.news(), [], "ignored");
    pair.acceptor.reply(first, b"f");
    pair.exchange();
    assert_eq!(
        pair.dialer.news(),
        [Told::GoAway(rpc_core::CloseCode::GRACEFUL, "bye".into()), answered(first, b"f")]
    );
    pair.dialer.fail_calls();
    assert_eq!(pair.dialer.news(), [Told::Failed(second, rpc_core::Executed::No)]);
}

#[test]
fn calls_of_both_sides_cross_with_the_goaways_of_both() {
    let mut pair = Pair::open();
    let (a, b) = (pair.dialer.call(b"a").unwrap(), pair.acceptor.call(b"b").unwrap());
    pair.exchange();
    for end in [&mut pair.dialer, &mut pair.acceptor] {
        end.machine.close(rpc_core::CloseCode::GRACEFUL, "");
    }
    pair.exchange();
    for end in [&mut pair.dialer, &mut pair.acceptor] {
        end.news();
        end.fail_calls();
        assert_eq!(end.news(), [], "both calls were taken up");
    }
    pair.acceptor.reply(a, b"A");
    pair.dialer.reply(b, b"B");
    pair.exchange();
    assert_eq!(pair.dialer.news(), [answered(a, b"A")]);
    assert_eq!(pair.acceptor.news(), [answered(b, b"B")]);
    for end in [&pair.dialer, &pair.acceptor] {
        assert_eq!(end.machine.state(), rpc_core::connection::State::Drained);
    }
}
