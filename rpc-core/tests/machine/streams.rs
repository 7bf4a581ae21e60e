//! Streaming calls: items in order, half-closing, a last word, and nobody held up by a reader who stopped.

use crate::pair::{
    DOWNLOAD, DUPLEX, End, Pair, Told, UPLOAD, answered, asked, item, last_item, limits, streams,
};
use crate::wire::{self, END, MORE, NOMSG};
use rpc_core::connection::{ItemRefusal, Refusal, Reply, Shape};
use rpc_core::{CallId, CloseCode, Code, Limits, Payload, Retry, Side};

const MIB: usize = 1 << 20;

pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251).to_le_bytes()[0]).collect()
}

fn empty_ok(end: &mut End, id: u32) {
    end.machine.reply(CallId::new(id), Reply::empty(Code::OK, Retry::Unknown));
}

fn ended(id: u32, code: Code) -> Told {
    Told::Response { id, code, message: None }
}

/// Verifies: stream.open.form, stream.item.data, stream.end.flag
#[test]
fn an_upload_has_these_frames() {
    let mut end = End::open(Side::Dialer);
    let id = end.stream(UPLOAD, b"args").unwrap();
    end.item(id, b"one").unwrap();
    end.item(id, b"").unwrap();
    end.finish(id);
    let expected = [
        wire::request_with(0, id, 0, &[], b"args"),
        wire::data(0, id, b"one"),
        wire::data(0, id, b""),
        wire::data(END | NOMSG, id, b""),
    ];
    assert_eq!(end.written(), expected.concat());
    end.finish(id);
    assert_eq!(end.item(id, b"late"), Err(ItemRefusal::Stopped));
    assert_eq!(end.written(), b"");
    end.feed(&wire::response(id, b"sum"));
    assert_eq!(end.news(), [answered(id, b"sum")]);
    assert!(end.take(id));
}

/// Verifies: stream.open.form, stream.end.flag
#[test]
fn a_caller_without_items_ends_its_side_at_once() {
    let mut end = End::open(Side::Dialer);
    end.stream(DOWNLOAD, b"args").unwrap();
    end.stream(DOWNLOAD, b"").unwrap();
    let expected = [
        wire::request_with(0, 1, 0, &[], b"args"),
        wire::data(END | NOMSG, 1, b""),
        wire::request_with(END | NOMSG, 3, 0, &[], b""),
    ];
    assert_eq!(end.written(), expected.concat());
    assert_eq!(end.item(1, b"x"), Err(ItemRefusal::Stopped));
}

/// Verifies: stream.open.form
#[test]
fn a_cut_request_of_a_stream_has_no_end_and_items_follow_it() {
    let message = pattern(150_000);
    for shape in [UPLOAD, DOWNLOAD] {
        let mut pair = Pair::open();
        let id = pair.dialer.stream(shape, &message).unwrap();
        assert_eq!(
            pair.dialer.item(id, b"x"),
            Err(if shape == UPLOAD { ItemRefusal::Wait } else { ItemRefusal::Stopped })
        );
        let bytes = pair.dialer.written();
        let first = 65_536 - 12;
        let mut expected = vec![
            wire::request_cut(id, 150_000, &message[..first]),
            wire::data(MORE, id, &message[first..first + 65_536]),
            wire::data(0, id, &message[first + 65_536..]),
        ];
        if shape == DOWNLOAD {
            expected.push(wire::data(END | NOMSG, id, b""));
        }
        assert!(bytes == expected.concat());
        pair.acceptor.feed(&bytes);
        let mut news = pair.acceptor.news();
        assert!(news.remove(0) == streams(id, &message));
        pair.dialer.feed(&[]);
        if shape == DOWNLOAD {
            assert_eq!(news, [Told::End(id)]);
            continue;
        }
        assert_eq!(pair.dialer.news(), [Told::Writable(id)]);
        pair.dialer.last_item(id, b"x").unwrap();
        pair.exchange();
        assert_eq!(pair.acceptor.news(), [last_item(id, b"x")]);
    }
}

/// A callee may be told of the end of the caller's items in any of the ways that the wire has.
///
/// Verifies: stream.open.form, stream.item.data
#[test]
fn every_form_of_opening_and_ending_is_understood() {
    let mut end = End::open(Side::Acceptor);
    let told = |id, ended| Told::Stream { id, message: Vec::new(), ended };
    end.feed(&wire::request_with(0, 1, 0, &[], b""));
    end.feed(&wire::request_with(NOMSG, 3, 0, &[], b""));
    end.feed(&wire::request_with(END | NOMSG, 5, 0, &[], b""));
    assert_eq!(end.news(), [told(1, false), told(3, false), told(5, true)]);
    end.feed(&wire::data(0, 1, b""));
    end.feed(&wire::data(END | NOMSG, 1, b""));
    end.feed(&wire::data(END, 3, b""));
    assert_eq!(end.news(), [item(1, b""), Told::End(1), last_item(3, b"")]);
    for id in [1, 3, 5] {
        empty_ok(&mut end, id);
    }
    assert_eq!(end.machine.served_calls(), 0);
}

/// Verifies: stream.item.data, stream.end.result
#[test]
fn items_go_both_ways_until_the_response() {
    let mut pair = Pair::open();
    let id = pair.dialer.stream(DUPLEX, b"args").unwrap();
    pair.dialer.item(id, b"a").unwrap();
    pair.exchange();
    assert_eq!(pair.acceptor.news(), [streams(id, b"args"), item(id, b"a")]);
    pair.acceptor.item(id, b"A").unwrap();
    pair.exchange();
    assert_eq!(pair.dialer.news(), [item(id, b"A")]);
    pair.dialer.last_item(id, b"b").unwrap();
    pair.exchange();
    assert_eq!(pair.acceptor.news(), [last_item(id, b"b")]);
    pair.acceptor.item(id, b"B").unwrap();
    empty_ok(&mut pair.acceptor, id);
    assert_eq!(pair.acceptor.item(id, b"C"), Err(ItemRefusal::Stopped));
    pair.exchange();
    assert_eq!(pair.dialer.news(), [item(id, b"B"), ended(id, Code::OK)]);
    assert_eq!((pair.dialer.machine.open_calls(), pair.acceptor.machine.served_calls()), (0, 0));
}

/// Verifies: stream.end.flag
#[test]
fn a_callee_may_end_its_items_before_its_last_word() {
    let mut pair = Pair::open();
    let id = pair.dialer.stream(DOWNLOAD, b"").unwrap();
    pair.exchange();
    pair.acceptor.item(id, b"x").unwrap();
    pair.acceptor.finish(id);
    pair.acceptor.finish(id);
    let bytes = pair.acceptor.written();
    assert_eq!(bytes, [wire::data(0, id, b"x"), wire::data(END | NOMSG, id, b"")].concat());
    pair.dialer.feed(&bytes);
    assert_eq!(pair.dialer.news(), [item(id, b"x")], "a caller learns the end from the RESPONSE");
    pair.acceptor.reply_code(id, Code::ABORTED);
    pair.exchange();
    assert_eq!(pair.dialer.news(), [ended(id, Code::ABORTED)]);
}

/// Verifies: stream.cut.form
#[test]
fn an_item_beyond_a_frame_is_cut_and_comes_whole() {
    let mut pair = Pair::open();
    let id = pair.dialer.stream(UPLOAD, b"").unwrap();
    pair.exchange();
    pair.acceptor.news();
    let message = pattern(150_000);
    pair.dialer.last_item(id, &message).unwrap();
    let bytes = pair.dialer.written();
    let expected = [
        wire::result_cut(id, 150_000, &message[..65_532]),
        wire::data(MORE, id, &message[65_532..65_532 + 65_536]),
        wire::data(END, id, &message[65_532 + 65_536..]),
    ];
    assert!(bytes == expected.concat());
    pair.acceptor.feed(&bytes);
    let cost = 150_000 + 4 + 3 * 16;
    assert!(pair.acceptor.news() == [Told::Item { id, message, cost, last: true }]);
}

#[test]
fn an_end_that_is_said_while_an_item_is_sent_stands_on_it() {
    let mut pair = Pair::open();
    let id = pair.dialer.stream(UPLOAD, b"").unwrap();
    pair.dialer.item(id, &pattern(100_000)).unwrap();
    assert_eq!(pair.dialer.item(id, b"next"), Err(ItemRefusal::Wait));
    pair.dialer.finish(id);
    pair.exchange();
    assert!(matches!(pair.acceptor.news()[..], [_, Told::Item { last: true, .. }]));
    assert_eq!(pair.dialer.news(), [Told::Writable(id)]);
    assert_eq!(pair.dialer.item(id, b"next"), Err(ItemRefusal::Stopped));
}

/// Verifies: stream.end.result
#[test]
fn a_last_word_follows_the_item_that_is_being_sent() {
    for (code, whole) in [(Code::OK, true), (Code::ABORTED, false)] {
        let mut pair = Pair::open();
        let id = pair.dialer.stream(DOWNLOAD, b"").unwrap();
        pair.exchange();
        pair.acceptor.item(id, &pattern(200_000)).unwrap();
        let mut begun = Vec::new();
        pair.acceptor.batch(&mut begun);
        pair.acceptor.reply_code(id, code);
        assert_eq!(pair.acceptor.machine.served_calls(), usize::from(whole));
        pair.dialer.feed(&begun);
        pair.exchange();
        let news = pair.dialer.news();
        assert_eq!(news.len(), 1 + usize::from(whole));
        assert_eq!(news.last(), Some(&ended(id, code)));
        assert_eq!(pair.acceptor.machine.served_calls(), 0);
        assert!(!pair.acceptor.machine.has_output());
    }
}

/// Verifies: stream.cut.whole, stream.cut.whole
#[test]
fn a_stream_that_is_cut_short_never_looks_complete() {
    for last in [
        wire::response(1, b""),
        wire::frame(3, NOMSG, 0, 1, 0, &[]),
        wire::data(END | NOMSG, 1, b""),
        wire::data(0, 1, b"less"),
    ] {
        let mut end = End::open(Side::Dialer);
        end.stream(DOWNLOAD, b"").unwrap();
        end.written();
        end.feed(&[wire::result_cut(1, 10, b"12345"), last].concat());
        end.is_broken(CloseCode::FRAGMENT);
    }
    let mut end = End::open(Side::Dialer);
    end.stream(DOWNLOAD, b"").unwrap();
    end.feed(&[wire::result_cut(1, 10, b"12345"), wire::response_code(1, 14, 0)].concat());
    assert_eq!(end.news(), [ended(1, Code::UNAVAILABLE)], "an error may come at any time");
}

/// Verifies: stream.end.once
#[test]
fn nothing_but_credit_follows_an_end() {
    let opening = [wire::request_with(0, 1, 0, &[], b""), wire::data(END | NOMSG, 1, b"")].concat();
    for after in
        [wire::data(0, 1, b""), wire::data(MORE, 1, &[0; 9]), wire::data(END | NOMSG, 1, b"")]
    {
        let mut end = End::open(Side::Acceptor);
        end.feed(&[&opening[..], &after].concat());
        end.is_broken(CloseCode::FRAGMENT);
    }
    let mut end = End::open(Side::Acceptor);
    end.feed(&opening);
    end.item(1, b"abc").unwrap();
    end.feed(&wire::frame(4, NOMSG, 0, 1, 19, &[]));
    end.feed(&wire::data(END | NOMSG, 1, b""));
    end.is_broken(CloseCode::FRAGMENT);
}

/// Verifies: frame.fragment.unexpected
#[test]
fn the_result_of_an_upload_may_be_cut_and_is_no_item() {
    let mut pair = Pair::open();
    let id = pair.dialer.stream(UPLOAD, b"").unwrap();
    pair.exchange();
    let result = pattern(3 * MIB);
    pair.acceptor.reply(id, &result);
    pair.exchange();
    assert!(pair.dialer.news() == [answered(id, &result)]);

    let mut end = End::open(Side::Dialer);
    end.stream(UPLOAD, b"").unwrap();
    end.feed(&wire::data(0, 1, b"item"));
    end.is_broken(CloseCode::FRAGMENT);
}

#[test]
fn a_last_word_behind_items_fits_one_frame_or_is_refused() {
    let mut pair = Pair::open();
    for says_end in [false, true] {
        let id = pair.dialer.stream(DOWNLOAD, b"").unwrap();
        pair.exchange();
        pair.acceptor.item(id, b"x").unwrap();
        if says_end {
            pair.acceptor.finish(id);
        }
        pair.acceptor.reply(id, &pattern(70_000));
        pair.exchange();
        let news = pair.dialer.news();
        assert!(
            matches!(news[..], [_, Told::Response { code: Code::RESOURCE_EXHAUSTED, .. }]),
            "{news:?}"
        );
    }
}

/// Verifies: stream.open.limit, stream.open.caller
#[test]
fn streaming_calls_have_a_limit_of_their_own_on_both_sides() {
    let few = limits(|limits| (limits.calls, limits.streams) = (2, 3));
    let mut pair = Pair::with(few.clone(), few);
    pair.exchange();
    let ids = [(); 3].map(|()| pair.dialer.stream(DOWNLOAD, b"").unwrap());
    assert_eq!(pair.dialer.stream(DOWNLOAD, b""), Err(Refusal::Busy));
    pair.dialer.call(b"").unwrap();
    pair.dialer.call(b"").unwrap();
    assert_eq!(pair.dialer.call(b""), Err(Refusal::Busy));
    assert_eq!((pair.dialer.machine.open_calls(), pair.dialer.machine.open_streams()), (5, 3));
    pair.exchange();
    assert_eq!(
        (pair.acceptor.machine.served_calls(), pair.acceptor.machine.served_streams()),
        (5, 3)
    );
    empty_ok(&mut pair.acceptor, ids[0]);
    pair.exchange();
    pair.dialer.stream(DOWNLOAD, b"").unwrap();

    let mut end = End::open_with(Side::Acceptor, limits(|limits| limits.streams = 1));
    for id in [1, 3] {
        end.feed(&wire::request_with(0, id, 0, &[], b""));
    }
    end.feed(&[wire::request_cut(5, 2, b"a"), wire::data(0, 5, b"b")].concat());
    assert_eq!(end.news(), [streams(1, b"")]);
    let refused: Vec<_> = end.frames().iter().map(wire::Seen::outcome).collect();
    assert_eq!(refused, [(3, 8, 1), (5, 8, 1)]);
    end.feed(&[wire::data(0, 3, b"late"), wire::data(0, 1, b"kept")].concat());
    assert_eq!(end.news(), [item(1, b"kept")]);
}

/// A cut REQUEST counts as unary until its last frame has come.
///
/// Verifies: stream.open.cut
#[test]
fn a_cut_streaming_request_needs_room_among_the_unary_calls() {
    let mut pair = Pair::with(Limits::default(), limits(|limits| limits.calls = 1));
    pair.exchange();
    pair.dialer.news();
    pair.dialer.stream(UPLOAD, &pattern(100_000)).unwrap();
    assert_eq!(pair.dialer.call(b""), Err(Refusal::Busy));
    pair.exchange();
    assert!(matches!(pair.dialer.news()[..], [Told::MoreCalls]));
    pair.dialer.call(b"").unwrap();
    assert_eq!(pair.dialer.stream(UPLOAD, &pattern(100_000)), Err(Refusal::Busy));
    pair.dialer.stream(UPLOAD, b"").unwrap();
    pair.exchange();
    assert_eq!(pair.acceptor.machine.served_calls(), 3);
}

/// Verifies: call.isolation
#[test]
fn readers_who_stop_hold_up_nobody_else() {
    let mut pair = Pair::open();
    let mut there = Vec::new();
    let mut back = Vec::new();
    for _ in 0..64 {
        there.push(pair.dialer.stream(DUPLEX, b"").unwrap());
        back.push(pair.acceptor.stream(DUPLEX, b"").unwrap());
    }
    pair.exchange();
    // Everybody sends until there is no credit; nobody reads.
    for round in 0..20 {
        for id in there.iter().chain(&back) {
            let payload = pattern(if round % 2 == 0 { 100_000 } else { 5_000 });
            let _ = pair.dialer.item(*id, &payload);
            let _ = pair.acceptor.item(*id, &payload);
        }
        pair.exchange();
    }
    pair.dialer.news();
    pair.acceptor.news();
    for id in there.iter().chain(&back) {
        assert_eq!(pair.dialer.item(*id, &[0; 60_000]), Err(ItemRefusal::Wait));
    }
    assert!(!pair.dialer.machine.has_output());
    assert_eq!(pair.dialer.machine.unsent_bytes(), 0, "what waits for credit is not in the way");
    for n in 0..100 {
        let message = [n; 3];
        let (a, b) = (pair.dialer.call(&message).unwrap(), pair.acceptor.call(&message).unwrap());
        pair.exchange();
        assert_eq!(pair.acceptor.news(), [asked(a, &message)]);
        assert_eq!(pair.dialer.news(), [asked(b, &message)]);
        pair.acceptor.reply(a, b"A");
        pair.dialer.reply(b, b"B");
        pair.exchange();
        assert_eq!(pair.dialer.news(), [answered(a, b"A")]);
        assert_eq!(pair.acceptor.news(), [answered(b, b"B")]);
        assert!(pair.dialer.take(a) && pair.acceptor.take(b));
    }
}

#[test]
fn a_small_frame_passes_three_large_messages_after_two_frames_of_them() {
    let mut pair = Pair::open();
    let ids = [(); 3].map(|()| pair.acceptor.call(b"").unwrap());
    let id = pair.dialer.stream(UPLOAD, b"").unwrap();
    pair.exchange();
    for id in ids {
        pair.dialer.reply(id, &pattern(4 * MIB));
    }
    pair.dialer.item(id, &pattern(200_000)).unwrap();
    // Whenever the small frame comes, one batch is handed out at most.
    for _ in 0..40 {
        let mut ahead = Vec::new();
        assert!(pair.dialer.batch(&mut ahead));
        assert!(ahead.len() <= 2 * (16 + 65_536) + 100, "{}", ahead.len());
        let small = pair.dialer.call(b"small").unwrap();
        let mut batch = Vec::new();
        pair.dialer.batch(&mut batch);
        assert_eq!(wire::frames(&batch)[0].id, small);
    }
}

#[test]
fn sixteen_messages_of_4_mib_each_way_at_once_complete() {
    let mut pair = Pair::open();
    let message = pattern(4 * MIB);
    let mut done = [0, 0];
    let mut opened = [0, 0];
    while done != [16, 16] {
        for (n, end) in [&mut pair.dialer, &mut pair.acceptor].into_iter().enumerate() {
            while opened[n] < 16 && end.call(&message).is_ok() {
                opened[n] += 1;
            }
        }
        pair.exchange();
        for (n, end) in [&mut pair.dialer, &mut pair.acceptor].into_iter().enumerate() {
            for told in end.news() {
                match told {
                    Told::Request { id, message } => end.reply(id, &message),
                    Told::Response { id, message: Some(result), .. } => {
                        assert!(result == message);
                        assert!(end.take(id));
                        done[n] += 1;
                    }
                    Told::MoreCalls => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    assert_eq!(opened, [16, 16]);
}

/// Verifies: stream.deadline.whole
#[test]
fn a_deadline_covers_the_whole_streaming_call() {
    let mut pair = Pair::open();
    let deadline = pair.dialer.now.plus_millis(50);
    let id = pair.dialer.call_as(DUPLEX, b"", Some(deadline), &[]).unwrap();
    pair.dialer.item(id, b"x").unwrap();
    pair.exchange();
    pair.acceptor.item(id, b"y").unwrap();
    let crossing = pair.acceptor.written();
    pair.acceptor.news();
    pair.advance(50);
    assert_eq!(pair.dialer.news(), [Told::CallExpired(id)]);
    assert_eq!(pair.acceptor.news(), [Told::ServedExpired(id)]);
    assert_eq!(pair.dialer.item(id, b"z"), Err(ItemRefusal::Stopped));
    pair.dialer.feed(&crossing);
    pair.acceptor.reply_code(id, Code::DEADLINE_EXCEEDED);
    pair.exchange();
    assert_eq!(pair.dialer.news(), [Told::MoreCalls], "items are dropped; the id is free");
    assert_eq!(pair.acceptor.news(), [], "the CANCEL is late");
}

/// Verifies: conn.goaway.above, conn.goaway.finish
#[test]
fn a_goaway_lets_accepted_streams_go_on_and_ends_the_others() {
    let mut pair = Pair::open();
    let kept = pair.dialer.stream(DUPLEX, b"").unwrap();
    pair.exchange();
    pair.acceptor.news();
    pair.acceptor.machine.close(CloseCode::GRACEFUL, "");
    let lost = pair.dialer.stream(DUPLEX, b"").unwrap();
    pair.dialer.item(lost, &pattern(100_000)).unwrap();
    pair.exchange();
    assert!(matches!(pair.dialer.news()[..], [Told::GoAway(..), ..]));
    pair.dialer.fail_calls();
    assert_eq!(pair.dialer.news(), [Told::Failed(lost, rpc_core::Executed::No)]);
    assert_eq!(pair.dialer.item(lost, b"x"), Err(ItemRefusal::Stopped));
    pair.dialer.last_item(kept, b"still").unwrap();
    pair.exchange();
    assert_eq!(pair.acceptor.news(), [last_item(kept, b"still")]);
    pair.acceptor.item(kept, b"yes").unwrap();
    empty_ok(&mut pair.acceptor, kept);
    pair.exchange();
    assert_eq!(pair.dialer.news(), [item(kept, b"yes"), ended(kept, Code::OK)]);
    assert_eq!(pair.acceptor.machine.state(), rpc_core::connection::State::Drained);
}

#[test]
fn a_lost_transport_ends_every_stream_once_and_takes_no_more() {
    let mut pair = Pair::open();
    let id = pair.dialer.stream(DUPLEX, b"").unwrap();
    pair.exchange();
    pair.acceptor.news();
    pair.dialer.item(id, &pattern(100_000)).unwrap();
    pair.acceptor.item(id, &pattern(100_000)).unwrap();
    for end in [&mut pair.dialer, &mut pair.acceptor] {
        end.machine.fail();
        end.fail_calls();
        assert_eq!(end.item(id, b"x"), Err(ItemRefusal::Stopped));
        end.finish(id);
        end.consumed(id, 9);
        end.starving(id);
        assert!(!end.stop(id));
        assert!(!end.machine.has_output());
    }
    assert_eq!(pair.dialer.news(), [Told::Failed(id, rpc_core::Executed::Maybe)]);
    empty_ok(&mut pair.acceptor, id);
    assert_eq!(pair.acceptor.machine.served_calls(), 0);
}

#[test]
fn a_large_item_of_the_user_is_not_copied() {
    let piece = rpc_core::Bytes::from(pattern(20_000));
    let mut end = End::open(Side::Dialer);
    let id = CallId::new(end.stream(UPLOAD, b"").unwrap());
    let mut payload = Payload::default();
    payload.share(piece.clone());
    end.machine.item(id, &mut payload, false).unwrap();
    let mut out = rpc_core::connection::Transmit::new();
    end.machine.transmit(&mut out);
    let mut chunks = [std::io::IoSlice::new(&[]); 4];
    let filled = out.chunks(&mut chunks);
    assert!(chunks[..filled].iter().any(|chunk| chunk.as_ptr() == piece.as_ptr()));
}

#[test]
fn a_full_send_buffer_makes_items_wait_until_it_drains() {
    let mut end = End::open_with(Side::Dialer, limits(|limits| limits.send_buffer_bytes = 1_000));
    let id = end.stream(UPLOAD, b"").unwrap();
    end.item(id, &[7; 2_000]).unwrap();
    assert_eq!(end.item(id, b"x"), Err(ItemRefusal::Wait));
    end.feed(&[]);
    assert_eq!(end.news(), []);
    end.written();
    end.feed(&[]);
    assert_eq!(end.news(), [Told::Writable(id)]);
    end.item(id, b"x").unwrap();
}

#[test]
fn a_send_buffer_that_empties_without_a_write_lets_items_go_on() {
    let mut end = End::open_with(Side::Dialer, limits(|limits| limits.send_buffer_bytes = 70_000));
    let id = end.stream(UPLOAD, b"").unwrap();
    let large = end.call(&pattern(MIB)).unwrap();
    end.batch(&mut Vec::new());
    assert_eq!(end.item(id, b"x"), Err(ItemRefusal::Wait));
    end.feed(&wire::response_code(large, 1, 0));
    assert!(!end.machine.has_output());
    end.feed(&[]);
    assert_eq!(end.news(), [ended(large, Code::CANCELLED), Told::Writable(id)]);
}

#[test]
fn a_shape_is_unary_unless_it_is_said() {
    assert_eq!(Shape::default(), Shape::Unary);
}
