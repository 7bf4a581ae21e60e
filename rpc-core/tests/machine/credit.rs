//! Credit of streams: what a reader who stopped leaves unsent, and what a breach of it is.

use crate::pair::{DOWNLOAD, DUPLEX, End, Pair, Told, UPLOAD, item, limits, streams};
use crate::streams::pattern;
use crate::wire::{self, END, MORE, NOMSG};
use rpc_core::connection::{ItemRefusal, Refusal};
use rpc_core::{CloseCode, Code, Limits, Side};

const WINDOW: u32 = 262_144;

/// A callee with one streaming call, id 1, whose caller is played by hand.
fn callee() -> End {
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request_with(0, 1, 0, &[], b""));
    assert_eq!(end.news(), [streams(1, b"")]);
    end
}

/// Bytes of items in these frames as credit counts them.
fn cost(bytes: &[u8]) -> usize {
    let frames = wire::frames(bytes);
    let items = frames.iter().filter(|frame| frame.kind == 4 && frame.flags & NOMSG == 0);
    items.map(|frame| 16 + frame.body.len()).sum()
}

/// Verifies: stream.credit.cost
#[test]
fn a_reader_who_stops_bounds_its_sender_to_one_window() {
    for len in [0, 1, 1_000, 65_536, 65_537, 262_060] {
        let mut end = End::open(Side::Dialer);
        let id = end.stream(UPLOAD, b"").unwrap();
        let mut sent = 0;
        let payload = pattern(len);
        for _ in 0..100_000 {
            match end.item(id, &payload) {
                Ok(()) => {}
                Err(refusal) => {
                    assert_eq!(refusal, ItemRefusal::Wait);
                    let more = cost(&end.written());
                    if more == 0 {
                        break;
                    }
                    sent += more;
                }
            }
        }
        assert!(sent <= WINDOW as usize, "{sent} bytes of items of {len}");
        assert!(sent + 16 + len.max(65_536) > WINDOW as usize || len > 200_000, "{sent} of {len}");
        assert!(!end.machine.has_output());
        assert_eq!(end.machine.unsent_bytes(), 0);
        end.feed(&wire::frame(5, 0, 0, id, 1, &[]));
        end.feed(&[]);
        assert_eq!(end.written(), b"");
    }
}

/// Verifies: stream.item.window
#[test]
fn the_longest_item_passes_and_one_byte_more_is_too_large() {
    for before in [0, 1, 5_000, 200_000, 262_000, 262_107, 262_108] {
        let mut pair = Pair::open();
        let id = pair.dialer.stream(UPLOAD, b"").unwrap();
        let max = 262_060;
        assert_eq!(
            pair.dialer.item(id, &pattern(max + 1)),
            Err(ItemRefusal::TooLarge { len: max + 1, max })
        );
        if before > 0 {
            // Little credit is left: the longest item begins with a short fragment.
            for piece in pattern(before).chunks(60_000) {
                pair.dialer.item(id, piece).unwrap();
            }
        }
        pair.exchange();
        let message = pattern(max);
        let mut taken = false;
        let mut came = false;
        for _ in 0..20 {
            taken = taken || pair.dialer.item(id, &message).is_ok();
            pair.exchange();
            pair.dialer.news();
            for told in pair.acceptor.news() {
                if let Told::Item { message: told, cost, .. } = told {
                    came |= told == message;
                    pair.acceptor.consumed(id, cost);
                }
            }
            pair.acceptor.starving(id);
        }
        assert!(taken && came, "{before}");
    }
}

/// Verifies: stream.credit.partial, stream.credit.starving
#[test]
fn an_item_begins_with_what_credit_there_is_and_goes_on_when_there_is_more() {
    let mut pair = Pair::open();
    let id = pair.dialer.stream(UPLOAD, b"").unwrap();
    for _ in 0..4 {
        pair.dialer.item(id, &pattern(60_000)).unwrap();
    }
    let left = WINDOW - 4 * 60_016;
    let message = pattern(50_000);
    pair.dialer.item(id, &message).unwrap();
    pair.exchange();
    let news = pair.acceptor.news();
    assert_eq!(news.len(), 5, "an item that is not whole is not told");
    assert_eq!(pair.dialer.item(id, b""), Err(ItemRefusal::Wait));
    pair.acceptor.consumed(id, 60_016);
    assert_eq!(pair.acceptor.written(), b"", "less than half of the window");
    pair.acceptor.starving(id);
    let credit = pair.acceptor.written();
    assert_eq!(credit, wire::frame(5, 0, 0, id, 60_016, &[]));
    pair.dialer.feed(&credit);
    assert_eq!(pair.dialer.news(), []);
    pair.exchange();
    let cost = 50_000 + 4 + 2 * 16;
    assert!(left < cost);
    assert!(pair.acceptor.news() == [Told::Item { id, message, cost, last: false }]);
    pair.dialer.feed(&[]);
    assert_eq!(pair.dialer.news(), [Told::Writable(id)]);
}

/// Verifies: stream.credit.starving
#[test]
fn who_waits_before_the_item_begins_gives_back_when_it_does() {
    let mut end = callee();
    end.feed(&wire::data(0, 1, &[7; 1_000]));
    end.consumed(1, 1_016);
    end.starving(1);
    assert_eq!(end.written(), b"");
    end.feed(&wire::result_cut(1, 10, b"12345"));
    assert_eq!(end.written(), wire::frame(5, 0, 0, 1, 1_016, &[]));
    end.feed(&wire::data(0, 1, b"67890"));
    let cost = 16 + 9 + 16 + 5;
    assert_eq!(
        end.news(),
        [
            item(1, &[7; 1_000]),
            Told::Item { id: 1, message: b"1234567890".to_vec(), cost, last: false }
        ]
    );
    end.consumed(1, cost);
    end.feed(&wire::result_cut(1, 10, b"12345"));
    assert_eq!(end.written(), b"", "it does not wait any more");
}

/// Verifies: stream.credit.return
#[test]
fn credit_goes_back_by_half_windows() {
    let mut end = callee();
    for n in 1..=10 {
        end.feed(&wire::data(0, 1, &[7; 26_214 - 16]));
        end.consumed(1, 26_214);
        let expected = match n {
            5 => Vec::new(),
            6 => wire::frame(5, 0, 0, 1, 6 * 26_214, &[]),
            _ => Vec::new(),
        };
        assert_eq!(end.written(), expected, "{n}");
    }
}

/// Verifies: stream.credit.return
#[test]
fn credit_goes_back_with_any_item_of_the_other_direction() {
    let mut end = callee();
    end.feed(&wire::data(0, 1, b"12345"));
    end.consumed(1, 21);
    end.item(1, b"x").unwrap();
    end.finish(1);
    let piggyback = wire::frame(4, 0, 0, 1, 21, b"x");
    assert_eq!(end.written(), [piggyback, wire::data(END | NOMSG, 1, b"")].concat());

    let mut pair = Pair::open();
    let id = pair.dialer.stream(DUPLEX, b"").unwrap();
    pair.exchange();
    pair.acceptor.item(id, b"12345").unwrap();
    pair.exchange();
    pair.dialer.consumed(id, 21);
    pair.dialer.item(id, &pattern(70_000)).unwrap();
    let frames = pair.dialer.frames();
    assert_eq!(frames.iter().map(|frame| frame.arg).collect::<Vec<_>>(), [21, 0]);
}

/// Verifies: stream.credit.return
#[test]
fn no_credit_is_given_when_nothing_more_can_come() {
    let mut end = callee();
    for _ in 0..4 {
        end.feed(&wire::data(0, 1, &[7; 60_000]));
    }
    end.feed(&wire::data(END | NOMSG, 1, b""));
    end.consumed(1, 240_064);
    end.starving(1);
    end.item(1, b"x").unwrap();
    assert_eq!(end.written(), wire::data(0, 1, b"x"));

    let mut pair = Pair::open();
    let id = pair.dialer.stream(DOWNLOAD, b"").unwrap();
    pair.exchange();
    for _ in 0..4 {
        pair.acceptor.item(id, &[7; 60_000]).unwrap();
    }
    pair.exchange();
    assert!(pair.dialer.cancel(id));
    pair.dialer.consumed(id, 240_064);
    assert_eq!(pair.dialer.frames().len(), 1, "the CANCEL alone");
}

/// Verifies: stream.credit.bound
#[test]
fn items_beyond_the_credit_are_a_breach() {
    for last in
        [wire::data(0, 1, b""), wire::data(END, 1, b""), wire::data(MORE, 1, &[0, 0, 0, 2, 1])]
    {
        let mut end = callee();
        for _ in 0..4 {
            end.feed(&wire::data(0, 1, &[7; 65_520]));
        }
        assert_eq!(end.news().len(), 4, "a whole window");
        end.feed(&last);
        end.is_broken(CloseCode::CREDIT);
    }
    let mut end = callee();
    for _ in 0..4 {
        end.feed(&wire::data(0, 1, &[7; 65_520]));
    }
    end.feed(&wire::data(END | NOMSG, 1, b""));
    assert_eq!(end.news().last(), Some(&Told::End(1)), "END costs nothing");
}

/// Verifies: stream.credit.over
#[test]
fn more_credit_than_a_window_holds_is_a_breach() {
    let mut end = callee();
    end.item(1, b"12345").unwrap();
    end.feed(&wire::frame(5, 0, 0, 1, 20, &[]));
    end.feed(&wire::frame(4, NOMSG, 0, 1, 1, &[]));
    assert_eq!(end.news(), []);
    end.feed(&wire::frame(4, 0, 0, 1, 1, b"item"));
    end.is_broken(CloseCode::CREDIT);
    let mut end = callee();
    end.feed(&wire::frame(5, 0, 0, 1, u32::MAX, &[]));
    end.is_broken(CloseCode::CREDIT);
}

/// Verifies: stream.credit.ended
#[test]
fn credit_behind_the_end_is_ignored() {
    let mut end = callee();
    end.item(1, b"12345").unwrap();
    end.finish(1);
    let mut cancelled = End::open(Side::Dialer);
    cancelled.stream(DUPLEX, b"").unwrap();
    assert!(cancelled.cancel(1));
    for mut end in [end, cancelled] {
        end.feed(&wire::frame(5, 0, 0, 1, u32::MAX, &[]));
        end.feed(&wire::frame(4, NOMSG, 0, 1, 22, &[]));
        assert_eq!(end.news(), []);
        assert_eq!(end.machine.state(), rpc_core::connection::State::Open);
    }
}

/// Verifies: stream.item.limit
#[test]
fn an_item_that_no_window_could_hold_is_a_breach() {
    let mut end = callee();
    end.feed(&wire::result_cut(1, WINDOW, b"x"));
    assert_eq!(end.news(), []);
    let mut end = callee();
    end.feed(&wire::result_cut(1, WINDOW + 1, b"x"));
    end.is_broken(CloseCode::CREDIT);
}

/// Verifies: stream.item.limit
#[test]
fn an_item_beyond_the_message_limit_fails_its_call_only() {
    let small = || limits(|limits| limits.message_bytes = 10);
    for frame in [wire::data(0, 1, &[0; 11]), wire::result_cut(1, 11, b"x")] {
        let mut end = End::open_with(Side::Acceptor, small());
        end.feed(&[wire::request_with(0, 1, 0, &[], b""), wire::data(0, 1, &[0; 10])].concat());
        end.feed(&frame);
        end.feed(&wire::data(0, 1, b"on its way"));
        assert_eq!(end.news(), [streams(1, b""), item(1, &[0; 10]), Told::Cancelled(1)]);
        assert_eq!(end.item(1, b""), Err(ItemRefusal::Stopped));
        end.reply_code(1, Code::CANCELLED);
        let frame = end.frames().remove(0);
        assert_eq!(frame.outcome(), (1, 8, 2));
        assert!(frame.text().contains("11") && frame.text().contains("10"));
    }
    for frame in [wire::data(0, 1, &[0; 11]), wire::result_cut(1, 11, b"x")] {
        let mut end = End::open_with(Side::Dialer, small());
        end.stream(DOWNLOAD, b"").unwrap();
        end.written();
        end.feed(&[frame, wire::data(0, 1, b"late")].concat());
        let news = end.news();
        assert!(matches!(news[..], [Told::Response { code: Code::RESOURCE_EXHAUSTED, .. }]));
        assert_eq!(end.written(), wire::cancel(1, 3));
        assert!(end.take(1));
        end.feed(&wire::response_code(1, 1, 0));
        assert_eq!(end.machine.open_calls(), 0);
    }
    let mut end = End::new(Side::Dialer, Limits::default());
    end.feed(&wire::hello_tags(&[(2, &10_u32.to_be_bytes())]));
    let id = end.stream(UPLOAD, b"").unwrap();
    assert_eq!(end.item(id, &[0; 11]), Err(ItemRefusal::TooLarge { len: 11, max: 10 }));
    end.item(id, &[0; 10]).unwrap();
}

/// Verifies: stream.cut.form
#[test]
fn fragments_of_an_item_meet_its_total() {
    for (second, code) in [
        (wire::data(0, 1, b"6789"), CloseCode::FRAGMENT),
        (wire::data(0, 1, b"67890a"), CloseCode::FRAGMENT),
        (wire::data(MORE, 1, b"67890a"), CloseCode::FRAGMENT),
        (wire::data(MORE, 1, b""), CloseCode::FRAGMENT),
    ] {
        let mut end = callee();
        end.feed(&wire::result_cut(1, 10, b"12345"));
        end.feed(&second);
        end.is_broken(code);
    }
    for (first, code) in [
        (wire::result_cut(1, 10, b""), CloseCode::FRAGMENT),
        (wire::result_cut(1, 2, b"123"), CloseCode::FRAGMENT),
        (wire::data(MORE, 1, b"123"), CloseCode::LENGTH),
    ] {
        let mut end = callee();
        end.feed(&first);
        end.is_broken(code);
    }
    let mut end = callee();
    end.feed(&wire::result_cut(1, 10, b"12345"));
    end.feed(&wire::data(MORE, 1, b"67890"));
    end.feed(&wire::data(END, 1, b""));
    assert!(matches!(end.news()[..], [Told::Item { last: true, .. }]), "the last may be empty");
}

/// Verifies: stream.credit.hello
#[test]
fn a_hello_raises_the_credit_of_calls_that_were_opened_before_it() {
    let large = limits(|limits| limits.window_bytes = 1 << 20);
    let mut pair = Pair::with(Limits::default(), large);
    let id = pair.dialer.stream(UPLOAD, b"").unwrap();
    for _ in 0..4 {
        pair.dialer.item(id, &pattern(65_000)).unwrap();
    }
    let message = pattern(500_000);
    let (len, max) = (500_000, 262_060);
    assert_eq!(pair.dialer.item(id, &message), Err(ItemRefusal::TooLarge { len, max }));
    pair.dialer.item(id, &pattern(65_000)).unwrap();
    assert_eq!(pair.dialer.item(id, b"x"), Err(ItemRefusal::Wait));
    pair.exchange();
    assert_eq!(pair.dialer.news(), [Told::Opened, Told::Writable(id)]);
    pair.dialer.item(id, &message).unwrap();
    pair.exchange();
    assert_eq!(pair.acceptor.news().len(), 2 + 6);
}

/// Verifies: stream.stop.answer
#[test]
fn a_callee_that_wants_no_more_is_sent_no_more() {
    let mut pair = Pair::open();
    let id = pair.dialer.stream(UPLOAD, b"").unwrap();
    pair.exchange();
    pair.acceptor.news();
    pair.dialer.item(id, b"seen").unwrap();
    pair.exchange();
    assert_eq!(pair.acceptor.news(), [item(id, b"seen")]);
    pair.dialer.item(id, b"on its way").unwrap();
    pair.dialer.item(id, &pattern(200_000)).unwrap();
    let mut there = Vec::new();
    pair.dialer.batch(&mut there);
    assert!(pair.acceptor.stop(id) && !pair.acceptor.stop(id));
    let back = pair.acceptor.written();
    assert_eq!(back, wire::cancel(id, 4));
    pair.acceptor.feed(&there);
    pair.dialer.feed(&back);
    assert_eq!(pair.dialer.news(), [Told::Stopped(id)]);
    assert_eq!(pair.dialer.item(id, b"x"), Err(ItemRefusal::Stopped));
    assert_eq!(pair.dialer.written(), wire::data(END | NOMSG, id, b""));
    pair.acceptor.feed(&wire::data(END | NOMSG, id, b""));
    assert_eq!(pair.acceptor.news(), [], "what was on its way is dropped, inside an item or not");
    pair.acceptor.reply(id, b"enough");
    pair.exchange();
    assert!(matches!(pair.dialer.news()[..], [Told::Response { code: Code::OK, .. }]));
}

/// Verifies: stream.stop.answer
#[test]
fn a_caller_that_has_ended_is_told_nothing_of_a_stop() {
    let mut end = End::open(Side::Dialer);
    end.stream(UPLOAD, b"").unwrap();
    end.finish(1);
    end.stream(DOWNLOAD, b"").unwrap();
    end.call(b"").unwrap();
    end.written();
    for id in [1, 3, 5] {
        end.feed(&wire::cancel(id, 4));
    }
    assert_eq!((end.news(), end.written()), (vec![], vec![]));
    let mut end = End::open(Side::Dialer);
    end.stream(UPLOAD, b"").unwrap();
    end.feed(&wire::cancel(1, 99));
    assert_eq!(end.news(), [Told::Stopped(1)], "whatever the reason says");
}

/// Verifies: stream.stop.answer
#[test]
fn who_may_not_say_stop_drops_what_comes_and_pays_it_back() {
    let mut end = End::open_with(Side::Acceptor, limits(|limits| limits.streams = 600));
    for n in 0..501 {
        end.feed(&wire::request_with(0, 2 * n + 1, 0, &[], b""));
    }
    end.news();
    for n in 0..500 {
        assert!(end.stop(2 * n + 1));
    }
    end.feed(&wire::data(0, 1_001, &[7; 60_000]));
    assert_eq!(end.news().len(), 1);
    assert!(!end.stop(1_001), "the budget of its CANCELs is spent");
    end.written();
    for _ in 0..2 {
        end.feed(&wire::data(0, 1_001, &[7; 60_000]));
    }
    assert_eq!(end.news(), []);
    assert_eq!(end.written(), wire::frame(5, 0, 0, 1_001, 3 * 60_016, &[]));
    end.feed(&wire::data(END | NOMSG, 1_001, b""));
    assert_eq!(end.news(), []);
}

/// Verifies: stream.late.allowance
#[test]
fn what_was_on_its_way_when_a_stream_ended_is_no_flood() {
    let mut end = callee();
    end.reply_code(1, Code::ABORTED);
    end.written();
    // The whole window in the smallest items, and the four that cost nothing.
    for _ in 0..WINDOW / 16 + 4 {
        end.feed(&wire::data(0, 1, b""));
    }
    for _ in 0..10_000 {
        end.feed(&wire::data(0, 1, b""));
    }
    assert_eq!(end.news(), []);
    end.feed(&wire::data(0, 1, b""));
    end.is_broken(CloseCode::FLOOD);

    // A stream whose caller had ended leaves nothing on its way but four frames.
    let mut end = callee();
    end.feed(&wire::data(END | NOMSG, 1, b""));
    end.reply_code(1, Code::OK);
    end.news();
    for _ in 0..10_004 {
        end.feed(&wire::frame(5, 0, 0, 1, 1, &[]));
    }
    assert_eq!(end.news(), []);
    end.feed(&wire::frame(5, 0, 0, 1, 1, &[]));
    end.is_broken(CloseCode::FLOOD);
}

/// Verifies: stream.late.allowance
#[test]
fn what_follows_a_stream_that_was_refused_is_no_flood_either() {
    let none = || limits(|limits| limits.streams = 0);
    let mut refused = End::open_with(Side::Acceptor, none());
    refused.feed(&wire::request_with(0, 1, 0, &[], b""));
    let mut leaving = End::open(Side::Acceptor);
    leaving.machine.close(CloseCode::GRACEFUL, "");
    leaving.feed(&wire::request_with(0, 1, 0, &[], b""));
    let mut cut = End::open_with(Side::Acceptor, none());
    cut.feed(&[wire::request_cut(1, 2, b"a"), wire::data(0, 1, b"b")].concat());
    for mut end in [refused, leaving, cut] {
        for _ in 0..WINDOW / 16 + 4 + 10_000 {
            end.feed(&wire::data(0, 1, b""));
        }
        assert_eq!(end.news(), []);
        end.feed(&wire::data(0, 1, b""));
        end.is_broken(CloseCode::FLOOD);
    }
}

/// A caller that gave up still counts what comes.
///
/// Verifies: stream.credit.bound
#[test]
fn items_of_a_call_that_was_given_up_are_dropped_within_the_credit() {
    let mut end = End::open(Side::Dialer);
    let id = end.stream(DOWNLOAD, b"").unwrap();
    assert!(end.cancel(id));
    for _ in 0..WINDOW / 16 {
        end.feed(&wire::data(0, id, b""));
    }
    assert_eq!(end.news(), []);
    end.feed(&wire::data(0, id, b""));
    end.is_broken(CloseCode::CREDIT);
}

/// Verifies: conn.budget.cancel
#[test]
fn streams_that_are_opened_and_cancelled_without_end_are_a_flood() {
    let mut end = End::open(Side::Acceptor);
    for n in 0..1_001 {
        let id = 2 * n + 1;
        end.feed(&[wire::request_with(0, id, 0, &[], b""), wire::cancel(id, 1)].concat());
        for told in end.news() {
            if let Told::Cancelled(id) = told {
                end.reply_code(id, Code::CANCELLED);
            }
        }
    }
    end.feed(&[]);
    assert!(end.frames().iter().any(|frame| frame.kind == 9));
    assert_eq!(end.machine.state(), rpc_core::connection::State::Closed);
}

#[test]
fn a_thousand_cancelled_streams_leave_room_for_a_thousand_good_ones() {
    let mut pair = Pair::open();
    let mut cancelled = 0;
    let mut good = 0;
    for round in 0..4_000 {
        match pair.dialer.stream(DUPLEX, b"") {
            Ok(id) if cancelled < 1_000 => {
                pair.dialer.item(id, &pattern(if round % 3 == 0 { 70_000 } else { 10 })).unwrap();
                assert!(pair.dialer.cancel(id));
                cancelled += 1;
            }
            Ok(id) => {
                pair.dialer.last_item(id, b"good").unwrap();
                good += 1;
            }
            Err(refusal) => assert_eq!(refusal, Refusal::Busy),
        }
        pair.exchange();
        for told in pair.acceptor.news() {
            match told {
                Told::Cancelled(id) => pair.acceptor.reply_code(id, Code::CANCELLED),
                Told::Item { id, last: true, .. } => pair.acceptor.reply_code(id, Code::OK),
                Told::Broken(code) => panic!("{code}"),
                _ => {}
            }
        }
        pair.advance(20);
        pair.exchange();
        for told in pair.dialer.news() {
            if let Told::Response { id, code, .. } = told {
                assert_eq!(code, Code::OK);
                assert!(pair.dialer.take(id));
            }
        }
        if good == 1_000 {
            break;
        }
    }
    pair.exchange();
    assert_eq!((cancelled, good), (1_000, 1_000));
}
