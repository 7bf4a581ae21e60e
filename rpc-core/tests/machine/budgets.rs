//! Floods: a burst is borne, a rate is borne, more is not.

use crate::pair::{End, Told, limits};
use crate::wire;
use rpc_core::{CloseCode, Side};

/// An acceptor with call 1 of its peer ended.
fn end() -> End {
    let mut end = End::open_with(Side::Acceptor, limits(|limits| limits.calls = 1));
    end.feed(&wire::request(1, b""));
    end.reply(1, b"");
    end.news();
    end.written();
    end
}

/// `burst` frames at once and one more after `interval_ms` are borne; one more at once is not.
fn bears(frame: &[u8], burst: usize, interval_ms: u64) {
    let mut first = end();
    first.feed(&frame.repeat(burst));
    assert!(!first.news().contains(&Told::Broken(CloseCode::FLOOD)));
    first.advance(interval_ms);
    first.feed(frame);
    assert!(!first.news().contains(&Told::Broken(CloseCode::FLOOD)));
    first.feed(frame);
    first.is_broken(CloseCode::FLOOD);
}

#[test]
fn skippable_frames_are_borne_100_a_second_after_1000() {
    bears(&wire::frame(0x80, 0, 0, 0, 0, b"x"), 1_000, 10);
}

#[test]
fn late_frames_are_borne_1000_a_second_after_10_000() {
    bears(&wire::data(wire::END, 1, b"x"), 10_000, 1);
}

#[test]
fn pings_are_borne_10_a_second_after_100() {
    bears(&wire::ping(1), 100, 100);
}

#[test]
fn cancels_are_borne_100_a_second_after_1000() {
    bears(&wire::cancel(1, 0), 1_000, 10);
}

#[test]
fn limits_are_borne_10_a_second_after_100() {
    bears(&wire::limits(7), 100, 100);
}

/// Verifies: conn.budget.limits
#[test]
fn goodbyes_are_borne_10_a_second_after_100() {
    bears(&wire::frame(9, 0, 0, 0, 0, &[0; 4]), 100, 100);
}
