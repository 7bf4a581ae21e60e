//! Deadlines: kept at both ends, without a timer for each call.

use crate::pair::{End, Pair, Told, asked};
use crate::wire::{self, END, MORE, TIMEOUT};
use rpc_core::{Code, Side, Time};

#[test]
fn a_caller_is_answered_at_its_deadline_and_the_peer_is_told_why() {
    let mut end = End::open(Side::Dialer);
    let deadline = Time::from_millis(1_000);
    end.call_until(b"", Some(deadline)).unwrap();
    end.written();
    assert_eq!(end.machine.timeout(), Some(deadline));
    end.advance(999);
    assert_eq!(end.news(), []);
    end.advance(1);
    assert_eq!(end.news(), [Told::CallExpired(1)]);
    assert_eq!(end.written(), wire::cancel(1, 2));
    assert!(end.take(1));
    assert_eq!(end.machine.open_calls(), 1, "the RESPONSE is due");
    end.feed(&wire::response_code(1, 4, 0));
    assert_eq!(end.news(), [Told::MoreCalls]);
    assert_eq!(end.machine.open_calls(), 0);
}

#[test]
fn a_callee_is_told_at_the_deadline_and_replies() {
    let mut end = End::open(Side::Acceptor);
    end.now = Time::from_millis(500);
    end.feed(&wire::request_with(END | TIMEOUT, 1, 0, &[0, 0, 3, 0xe8], b""));
    assert_eq!(end.news(), [asked(1, b"")]);
    assert_eq!(end.machine.timeout(), Some(Time::from_millis(1_500)));
    end.advance(999);
    assert_eq!(end.news(), []);
    end.advance(1);
    assert_eq!(end.news(), [Told::ServedExpired(1)]);
    end.advance(10);
    assert_eq!(end.news(), [], "once");
    end.reply_code(1, Code::DEADLINE_EXCEEDED);
    assert_eq!(end.written(), wire::response_code(1, 4, 0));
}

#[test]
fn a_deadline_that_passes_while_the_message_comes_is_answered_by_the_machine() {
    let mut end = End::open(Side::Acceptor);
    let between = [0, 0, 0, 50, 0, 0, 0, 10];
    end.feed(&wire::request_with(MORE | TIMEOUT, 1, 0, &between, b"12345"));
    end.advance(50);
    assert_eq!(end.news(), []);
    assert_eq!(end.frames()[0].outcome(), (1, 4, 1));
    end.feed(&wire::data(END, 1, b"67890"));
    assert_eq!((end.news(), end.machine.served_calls()), (vec![], 0));
}

#[test]
fn a_cut_request_keeps_its_deadline() {
    let mut end = End::open(Side::Acceptor);
    let between = [0, 0, 0, 50, 0, 0, 0, 2];
    end.feed(&wire::request_with(MORE | TIMEOUT, 1, 0, &between, b"1"));
    end.feed(&wire::data(END, 1, b"2"));
    end.advance(50);
    assert_eq!(end.news(), [asked(1, b"12"), Told::ServedExpired(1)]);
}

#[test]
fn a_deadline_that_passes_while_the_request_is_sent_stops_it() {
    let mut end = End::open(Side::Dialer);
    end.call_until(&vec![0; 1 << 20], Some(Time::from_millis(5))).unwrap();
    end.batch(&mut Vec::new());
    end.advance(5);
    assert_eq!(end.news(), [Told::CallExpired(1)]);
    assert_eq!(end.written(), wire::cancel(1, 2));
}

#[test]
fn a_deadline_travels_as_what_remains_of_at_most_a_day() {
    let mut end = End::open(Side::Dialer);
    end.now = Time::from_millis(700);
    for (deadline, sent) in [
        (Time::from_millis(1_000), 300),
        (Time::from_millis(600), 0),
        (Time::from_millis(u64::MAX), 86_400_000),
        (Time::from_millis(700 + 86_400_001), 86_400_000_u32),
    ] {
        end.call_until(b"", Some(deadline)).unwrap();
        let request = end.frames().remove(0);
        assert_eq!(request.flags, END | TIMEOUT);
        assert_eq!(request.body[8..12], sent.to_be_bytes());
    }
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request_with(END | TIMEOUT, 1, 0, &[0xff; 4], b""));
    end.machine.reply(
        rpc_core::CallId::new(1),
        rpc_core::connection::Reply::empty(Code::OK, rpc_core::Retry::Unknown),
    );
    end.feed(&wire::request_with(END | TIMEOUT, 3, 0, &[0xff; 4], b""));
    end.news();
    // Keepalive is kept up until the day is over.
    for _ in 0..86_400_000 / 9_000 - 1 {
        end.advance(9_000);
        end.feed(&wire::pong(0));
        assert_eq!(end.news(), []);
    }
    end.advance(9_000);
    assert_eq!(end.news(), [Told::ServedExpired(3)]);
}

#[test]
fn many_deadlines_expire_each_once_in_the_order_of_ids() {
    let mut pair = Pair::open();
    let mut ids = Vec::new();
    for n in 0..200 {
        let deadline = Time::from_millis(100 + n * 7 % 50);
        ids.push(pair.dialer.call_until(b"", Some(deadline)).unwrap());
    }
    pair.exchange();
    pair.acceptor.news();
    let answered: Vec<_> = ids.iter().copied().filter(|id| id % 3 == 0).collect();
    for id in &answered {
        pair.acceptor.reply(*id, b"");
    }
    pair.exchange();
    pair.dialer.news();
    pair.advance(99);
    assert_eq!(pair.dialer.news(), []);
    let mut expired = Vec::new();
    for _ in 0..60 {
        pair.advance(1);
        let told = pair.dialer.news();
        assert!(told.is_sorted_by_key(|told| match told {
            Told::CallExpired(id) => *id,
            other => panic!("{other:?}"),
        }));
        expired.extend(told);
    }
    assert_eq!(expired.len(), ids.len() - answered.len());
    let served = pair.acceptor.news();
    assert_eq!(served.len(), expired.len());
}

#[test]
fn the_next_moment_is_never_too_late() {
    let mut end = End::open(Side::Dialer);
    end.call_until(b"", Some(Time::from_millis(5_000))).unwrap();
    end.call_until(b"", Some(Time::from_millis(3_000))).unwrap();
    assert_eq!(end.machine.timeout(), Some(Time::from_millis(3_000)));
    end.advance(3_000);
    assert_eq!(end.news(), [Told::CallExpired(3)]);
    assert_eq!(end.machine.timeout(), Some(Time::from_millis(5_000)));
    end.call_until(b"", Some(Time::from_millis(4_000))).unwrap();
    end.advance(1_000);
    assert_eq!(end.news(), [Told::CallExpired(5)]);
}
