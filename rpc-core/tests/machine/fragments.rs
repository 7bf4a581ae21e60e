//! Large messages: cut, in turns with others, and whole or nothing.

use crate::pair::{End, Pair, Told, answered, asked, limits};
use crate::wire::{self, END, MORE, NOMSG};
use bytes::Bytes;
use rpc_core::connection::{NewCall, Refusal, Reply, Shape, Transmit};
use rpc_core::{CallId, CloseCode, Code, Limits, MethodId, Payload, Retry, Side, Time};

const MIB: usize = 1 << 20;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251).to_le_bytes()[0]).collect()
}

#[test]
fn a_cut_request_has_these_frames() {
    let mut end = End::open(Side::Dialer);
    let message = pattern(150_000);
    end.call(&message).unwrap();
    let first = 65_536 - 12;
    let expected = [
        wire::request_cut(1, 150_000, &message[..first]),
        wire::data(MORE, 1, &message[first..first + 65_536]),
        wire::data(END, 1, &message[first + 65_536..]),
    ];
    assert!(end.written() == expected.concat());
    assert!(!end.machine.has_output());
}

#[test]
fn a_cut_result_has_these_frames() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request(1, b""));
    let message = pattern(150_000);
    end.reply(1, &message);
    let first = 65_536 - 4;
    let expected = [
        wire::result_cut(1, 150_000, &message[..first]),
        wire::data(MORE, 1, &message[first..first + 65_536]),
        wire::response(1, &message[first + 65_536..]),
    ];
    assert!(end.written() == expected.concat());
    assert_eq!(end.machine.served_calls(), 0);
}

#[test]
fn a_message_that_fits_one_frame_is_not_cut() {
    let mut pair = Pair::open();
    for (len, frames) in [(65_536 - 8, 1), (65_536 - 7, 2)] {
        let id = pair.dialer.call(&pattern(len)).unwrap();
        let bytes = pair.dialer.written();
        assert_eq!(wire::frames(&bytes).len(), frames);
        pair.acceptor.feed(&bytes);
        assert_eq!(pair.acceptor.news(), [asked(id, &pattern(len))]);
    }
    for (id, (len, frames)) in [1, 3].into_iter().zip([(65_536, 1), (65_537, 2)]) {
        pair.acceptor.reply(id, &pattern(len));
        let bytes = pair.acceptor.written();
        assert_eq!(wire::frames(&bytes).len(), frames);
        pair.dialer.feed(&bytes);
        assert_eq!(pair.dialer.news(), [answered(id, &pattern(len))]);
    }
}

#[test]
fn a_result_whose_metadata_do_not_fit_its_last_frame_is_cut_once_more() {
    let mut pair = Pair::open();
    for (n, len) in [65_536 - 8, 65_536 - 7, 65_536, 131_072 - 12, 131_068].into_iter().enumerate()
    {
        let id = pair.dialer.call(b"").unwrap();
        pair.exchange();
        pair.acceptor.news();
        let reply =
            Reply { metadata: wire::entry("k", b"four"), ..Reply::ok(Payload::from(pattern(len))) };
        pair.acceptor.machine.reply(CallId::new(id), reply);
        let bytes = pair.acceptor.written();
        let frames = wire::frames(&bytes);
        let last = frames.last().unwrap();
        assert_eq!((last.kind, last.metadata_len), (3, 8), "{n}");
        assert!(frames.iter().all(|frame| frame.body.len() <= 65_536));
        pair.dialer.feed(&bytes);
        assert_eq!(pair.dialer.news(), [answered(id, &pattern(len))]);
    }
}

#[test]
fn large_messages_cross_whole_in_both_directions() {
    let mut pair = Pair::open();
    let (there, back) = (pattern(3 * MIB), pattern(4 * MIB));
    let id = pair.dialer.call(&there).unwrap();
    pair.exchange();
    assert!(pair.acceptor.news() == [asked(id, &there)]);
    pair.acceptor.reply(id, &back);
    pair.exchange();
    assert!(pair.dialer.news() == [answered(id, &back)]);
}

#[test]
fn a_large_shared_piece_is_not_copied() {
    let mut end = End::open(Side::Dialer);
    for len in [20_000, 200_000] {
        let piece = Bytes::from(pattern(len));
        let mut payload = Payload::default();
        payload.share(piece.clone());
        let call = NewCall {
            method: MethodId::new(7),
            signature: 0,
            deadline: None,
            metadata: &[],
            payload: &mut payload,
            shape: Shape::Unary,
        };
        end.machine.call(Time::ZERO, call, 0).unwrap();
        let mut out = Transmit::new();
        let mut shared = 0;
        while end.machine.transmit(&mut out) {
            let range = piece.as_ptr_range();
            if range.contains(&out.chunk().as_ptr()) {
                shared += out.chunk().len();
            }
            out.advance(out.chunk().len());
        }
        assert!(shared > len - 16_384, "{shared} of {len}");
    }
}

#[test]
fn large_messages_take_turns_and_small_frames_pass_them() {
    let mut end = End::open(Side::Dialer);
    end.call(&pattern(MIB)).unwrap();
    end.call(&pattern(MIB)).unwrap();
    let mut bytes = Vec::new();
    end.batch(&mut bytes);
    end.batch(&mut bytes);
    end.call(b"small").unwrap();
    end.feed(&wire::ping(9));
    let mut batch = Vec::new();
    end.batch(&mut batch);
    let frames = wire::frames(&batch);
    assert_eq!((frames[0].kind, frames[0].id), (2, 5));
    assert_eq!((frames[1].kind, frames[1].arg), (8, 9));
    let turns: Vec<_> = frames[2..].iter().map(|frame| (frame.kind, frame.id)).collect();
    assert_eq!(turns, [(4, 1), (4, 3)]);
    let ahead: usize = wire::frames(&bytes)[2..].iter().map(|frame| 16 + frame.body.len()).sum();
    assert_eq!(ahead, 4 * (16 + 65_536), "two batches of two turns");
}

#[test]
fn a_small_frame_waits_for_at_most_two_frames_of_large_messages() {
    let mut end = End::open(Side::Dialer);
    end.call(&pattern(4 * MIB)).unwrap();
    end.batch(&mut Vec::new());
    let mut ahead = Vec::new();
    end.batch(&mut ahead);
    assert_eq!(ahead.len(), 2 * (16 + 65_536));
}

#[test]
fn a_cut_request_is_busy_while_the_peers_reassembly_is_full() {
    // The floor of 4 MiB holds, because this HELLO has no tags.
    let mut end = End::open(Side::Dialer);
    end.call(&pattern(3 * MIB)).unwrap();
    assert_eq!(end.call(&pattern(2 * MIB)), Err(Refusal::Busy));
    assert_eq!(end.call(&pattern(MIB)), Ok(3));
    assert_eq!(end.call(&pattern(70_000)), Err(Refusal::Busy));
    end.call(b"small").unwrap();
    end.feed(&[]);
    assert_eq!(end.news(), []);
    end.written();
    end.feed(&[]);
    assert_eq!(end.news(), [Told::MoreCalls]);
    assert_eq!(end.call(&pattern(70_000)), Ok(7));
}

#[test]
fn results_wait_for_the_peers_reassembly_in_their_order() {
    let mut pair =
        Pair::with(limits(|limits| limits.reassembly_bytes = 4 << 20), Limits::default());
    pair.exchange();
    let ids = [(); 3].map(|()| pair.dialer.call(b"").unwrap());
    pair.exchange();
    pair.dialer.news();
    for id in ids {
        pair.acceptor.reply(id, &pattern(3 * MIB));
    }
    assert_eq!(pair.acceptor.machine.served_calls(), 3, "a slot is held until RESPONSE");
    pair.exchange();
    assert!(pair.dialer.news() == ids.map(|id| answered(id, &pattern(3 * MIB))));
    assert_eq!(pair.acceptor.machine.served_calls(), 0);
}

#[test]
fn a_message_that_could_never_be_sent_is_refused_at_once() {
    let mut end = End::open(Side::Dialer);
    let (len, max) = (4 * MIB + 1, 4 * MIB);
    assert_eq!(end.call(&pattern(len)), Err(Refusal::TooLarge { len, max }));
    assert!(end.call(&pattern(max)).is_ok());
    end.feed(&[wire::request(2, b""), wire::request(4, b"")].concat());
    end.written();
    end.reply(2, &pattern(len));
    let frame = end.frames().remove(0);
    assert_eq!(frame.outcome(), (2, 8, 2));
    assert!(frame.text().contains("4194305") && frame.text().contains("4194304"));
    end.reply(4, b"fine");
    assert_eq!(end.written(), wire::response(4, b"fine"));
}

#[test]
fn an_errors_value_is_never_cut() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&[wire::request(1, b""), wire::request(3, b"")].concat());
    for (id, len) in [(1, 65_536), (3, 65_537)] {
        let reply = Reply { code: Code::DECLARED, ..Reply::ok(Payload::from(pattern(len))) };
        end.machine.reply(CallId::new(id), reply);
    }
    let frames = end.frames();
    assert_eq!(frames[0].outcome(), (1, 17, 0));
    assert_eq!(frames[1].outcome(), (3, 8, 2));
}

#[test]
fn fragments_out_of_place_are_a_breach() {
    let cut = wire::request_cut(1, 10, b"12345");
    for bytes in [
        // More than the total, at once, in the middle, at the end; fewer at the end.
        wire::request_cut(1, 4, b"12345"),
        [cut.clone(), wire::data(MORE, 1, b"678901")].concat(),
        [cut.clone(), wire::data(END, 1, b"678901")].concat(),
        [cut.clone(), wire::data(END, 1, b"6789")].concat(),
        [cut.clone(), wire::data(0, 1, b"6789")].concat(),
        [cut.clone(), wire::data(END | NOMSG, 1, b"")].concat(),
        // Empty ones.
        wire::request_cut(1, 4, b""),
        [cut, wire::data(MORE, 1, b"")].concat(),
        // For a call whose message is whole.
        [wire::request(1, b""), wire::data(END, 1, b"x")].concat(),
        [wire::request(1, b""), wire::data(MORE, 1, b"12345")].concat(),
        // A total of nothing.
        wire::request_cut(1, 0, b"1"),
    ] {
        let mut end = End::open(Side::Acceptor);
        end.feed(&bytes);
        end.is_broken(CloseCode::FRAGMENT);
    }
}

#[test]
fn fragments_of_a_result_out_of_place_are_a_breach() {
    let cut = wire::result_cut(1, 10, b"12345");
    for bytes in [
        wire::data(0, 1, b"12345"),
        wire::data(END, 1, b"12345"),
        wire::frame(4, NOMSG, 0, 1, 1, b""),
        wire::result_cut(1, 10, b""),
        wire::result_cut(1, 4, b"12345"),
        [cut.clone(), wire::data(END, 1, b"67890")].concat(),
        [cut.clone(), wire::data(MORE, 1, b"")].concat(),
        [cut.clone(), wire::data(MORE, 1, b"678901")].concat(),
        [cut.clone(), wire::response(1, b"6789")].concat(),
        [cut, wire::response(1, b"678901")].concat(),
    ] {
        let mut end = End::open(Side::Dialer);
        end.call(b"").unwrap();
        end.feed(&bytes);
        end.is_broken(CloseCode::FRAGMENT);
    }
    let mut end = End::open(Side::Dialer);
    end.call(b"").unwrap();
    end.feed(&wire::frame(4, MORE, 0, 1, 0, &[0, 0, 0]));
    end.is_broken(CloseCode::LENGTH);
}

#[test]
fn a_response_with_another_code_or_no_message_discards_what_was_gathered() {
    for (bytes, code, message) in [
        (wire::response_code(1, 13, 0), Code::INTERNAL, None),
        (wire::response_code(1, 0, 0), Code::OK, None),
        (wire::frame(3, 0, 0, 1, 17 << 24, b"error"), Code::DECLARED, Some(b"error".to_vec())),
    ] {
        let mut end = End::open(Side::Dialer);
        end.call(b"").unwrap();
        end.feed(&[wire::result_cut(1, 10, b"12345"), bytes].concat());
        assert_eq!(end.news(), [Told::Response { id: 1, code, message }]);
    }
}

#[test]
fn totals_beyond_the_reassembly_limit_are_a_breach() {
    let mut end = End::open(Side::Acceptor);
    for id in [1, 3] {
        end.feed(&wire::request_cut(id, 4 << 20, b"x"));
    }
    assert_eq!(end.news(), []);
    end.feed(&wire::request_cut(5, 1, b"x"));
    end.is_broken(CloseCode::FRAGMENT);
}

#[test]
fn finished_messages_no_longer_count_against_the_reassembly_limit() {
    let mut pair = Pair::open();
    for _ in 0..5 {
        let ids = [(); 2].map(|()| pair.dialer.call(&pattern(4 * MIB)).unwrap());
        pair.exchange();
        assert_eq!(pair.acceptor.news().len(), 2);
        for id in ids {
            pair.acceptor.reply_code(id, Code::OK);
        }
        pair.exchange();
    }
    assert_eq!(pair.dialer.news().len(), 10);
}

#[test]
fn a_result_beyond_this_sides_limit_is_given_up() {
    let mut end = End::open_with(Side::Dialer, limits(|limits| limits.message_bytes = 10));
    end.call(b"").unwrap();
    end.written();
    end.feed(&wire::result_cut(1, 11, b"12345"));
    let news = end.news();
    assert!(
        matches!(&news[..], [Told::Response { id: 1, code: Code::RESOURCE_EXHAUSTED, .. }]),
        "{news:?}"
    );
    assert_eq!(end.written(), wire::cancel(1, 3));
    assert!(end.take(1));
    end.feed(&wire::data(MORE, 1, b"67890"));
    end.feed(&wire::response(1, b"1"));
    assert_eq!(end.news(), [Told::MoreCalls]);
    assert_eq!(end.machine.open_calls(), 0);
}

#[test]
fn a_reply_with_metadata_beyond_the_peers_limit_becomes_a_fault() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request(1, b""));
    let reply = Reply { metadata: vec![b'k'; 8_193], ..Reply::empty(Code::OK, Retry::Unknown) };
    end.machine.reply(CallId::new(1), reply);
    assert_eq!(end.frames()[0].outcome(), (1, 8, 2));
}

#[test]
fn messages_that_are_given_up_no_longer_count_against_the_reassembly_limit() {
    let total = 4 << 20;
    let mut end = End::open(Side::Acceptor);
    for n in 0..10 {
        let id = 2 * n + 1;
        end.feed(&[wire::request_cut(id, total, b"x"), wire::cancel(id, 1)].concat());
    }
    for n in 10..20 {
        let between = [0, 0, 0, 5, 0, 0x40, 0, 0];
        end.feed(&wire::request_with(MORE | wire::TIMEOUT, 2 * n + 1, 0, &between, b"x"));
        end.advance(5);
    }
    assert_eq!((end.news(), end.machine.served_calls()), (vec![], 0));

    let mut end = End::open(Side::Dialer);
    for n in 0..30 {
        let id = end.call_until(b"", Some(end.now.plus_millis(5))).unwrap();
        end.feed(&wire::result_cut(id, total, b"x"));
        match n % 3 {
            0 => end.feed(&wire::response_code(id, 13, 0)),
            1 => assert!(end.cancel(id)),
            _ => end.advance(5),
        }
    }
    assert!(!end.news().iter().any(|told| matches!(told, Told::Broken(_))));
}

#[test]
fn the_first_reason_to_refuse_in_the_order_of_the_spec_answers() {
    // Each request has all the faults that stand behind its own.
    let metadata = wire::entry("K", &[0; 8_192]);
    let len = u16::try_from(metadata.len()).unwrap();
    let timeout = |metadata: &[u8]| [&[0; 4], metadata].concat();
    let mut end = End::open_with(
        Side::Acceptor,
        limits(|limits| {
            limits.calls = 1;
            limits.message_bytes = 10;
        }),
    );
    let nothing = wire::TIMEOUT;
    end.feed(&wire::request_with(nothing, 1, len, &timeout(&metadata), &[0; 11]));
    end.feed(&wire::request_with(nothing, 3, 4, &timeout(b"\x01K\0\0"), &[0; 11]));
    end.feed(&wire::request_with(nothing, 5, 4, &timeout(b"\x01K\0\0"), b""));
    end.feed(&wire::request_with(0, 7, 4, b"\x01K\0\0", b""));
    end.feed(&wire::request(11, b""));
    end.feed(&wire::request_with(nothing | END, 13, len, &timeout(&metadata), &[0; 11]));
    assert_eq!(end.news(), [asked(11, b"")]);
    let told: Vec<_> = end.frames().iter().map(|frame| (frame.outcome().1, frame.text())).collect();
    let expected = [
        (8, "metadata"),
        (8, "arguments"),
        (4, "deadline"),
        (3, "malformed"),
        (8, "calls are open"),
    ];
    assert_eq!(told.len(), expected.len());
    for ((code, text), (expected_code, part)) in told.iter().zip(expected) {
        assert_eq!(*code, expected_code, "{text}");
        assert!(text.contains(part), "{text} has no {part}");
    }
}
