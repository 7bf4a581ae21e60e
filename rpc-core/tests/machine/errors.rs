//! Faults of one call are answered on that call, and every other call lives on.

use crate::pair::{End, Told, answered, asked, limits};
use crate::wire::{self, END, MORE, NOMSG, TIMEOUT};
use rpc_core::connection::Reply;
use rpc_core::frame::Fault;
use rpc_core::{CallId, CloseCode, Code, Limits, Payload, Retry, Side};

/// Feeds one request with id 3 among healthy ones; what it is answered with.
#[track_caller]
fn refused(mut end: End, bytes: &[u8]) -> (u8, u8, String) {
    end.feed(&wire::request(1, b"before"));
    end.feed(bytes);
    end.feed(&wire::request(5, b"after"));
    assert_eq!(end.news(), [asked(1, b"before"), asked(5, b"after")]);
    let frames = end.frames();
    assert_eq!(frames.len(), 1, "{frames:?}");
    let (id, code, retry) = frames[0].outcome();
    assert_eq!(id, 3);
    end.reply(1, b"");
    assert_eq!(end.written(), wire::response(1, b""));
    (code, retry, frames[0].text())
}

#[test]
fn malformed_metadata_refuse_their_call_alone() {
    for metadata in [b"\x01K\0\0".as_slice(), b"\0\0\0", b"\x01k\0\x01", b"\x09k\0\0"] {
        let len = u16::try_from(metadata.len()).unwrap();
        let bytes = wire::request_with(END, 3, len, metadata, b"");
        let (code, retry, text) = refused(End::open(Side::Acceptor), &bytes);
        assert_eq!((code, retry), (3, 1), "{text}");
    }
}

#[test]
fn metadata_beyond_the_limit_refuse_their_call_alone() {
    let longest = wire::entry("k", &[0; 8_192 - 4]);
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request_with(END, 1, 8_192, &longest, b""));
    assert_eq!(end.news(), [asked(1, b"")]);
    let longer = wire::entry("k", &[0; 8_193 - 4]);
    let bytes = wire::request_with(END, 3, 8_193, &longer, b"");
    let (code, retry, text) = refused(End::open(Side::Acceptor), &bytes);
    assert_eq!((code, retry), (8, 1));
    assert!(text.contains("8193") && text.contains("8192"), "{text}");
}

#[test]
fn a_message_beyond_the_limit_refuses_its_call_alone() {
    let small = || End::open_with(Side::Acceptor, limits(|limits| limits.message_bytes = 10));
    let mut end = small();
    end.feed(&wire::request(1, &[0; 10]));
    assert_eq!(end.news(), [asked(1, &[0; 10])]);
    let (code, retry, text) = refused(small(), &wire::request(3, &[0; 11]));
    assert_eq!((code, retry), (8, 1));
    assert!(text.contains("11") && text.contains("10"), "{text}");
    let cut = [wire::request_cut(3, 11, b"x"), wire::data(END, 3, &[0; 10])].concat();
    let (code, retry, _) = refused(small(), &cut);
    assert_eq!((code, retry), (8, 1));
}

#[test]
fn credit_in_a_unary_call_allows_nothing_and_harms_nobody() {
    let mut end = End::open(Side::Dialer);
    end.call(b"").unwrap();
    end.feed(&wire::request(2, b""));
    for bytes in [
        wire::frame(5, 0, 0, 1, 1, &[]),
        wire::frame(5, 0, 0, 2, 1, &[]),
        wire::frame(4, MORE, 0, 1, 1, &[0, 0, 0, 2, 1]),
    ] {
        end.feed(&bytes);
        assert_eq!(end.news().iter().filter(|told| **told != asked(2, b"")).count(), 0);
    }
    end.feed(&wire::response(1, &[2]));
    assert_eq!(end.news(), [answered(1, &[1, 2])]);
    end.feed(&wire::frame(5, 0, 0, 3, 1, &[]));
    end.is_broken(CloseCode::CALL_ID);
}

#[test]
fn a_deadline_that_has_passed_refuses_its_call() {
    let bytes = wire::request_with(END | TIMEOUT, 3, 0, &[0; 4], b"");
    let (code, retry, _) = refused(End::open(Side::Acceptor), &bytes);
    assert_eq!((code, retry), (4, 1));
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request_with(END | TIMEOUT, 3, 0, &[0, 0, 0, 1], b""));
    assert_eq!(end.news(), [asked(3, b"")]);
}

#[test]
fn a_fault_that_the_peer_cannot_take_is_left_out_and_its_code_counts() {
    let mut end = End::new(Side::Acceptor, Limits::default());
    end.feed(&wire::hello_tags(&[(2, &20_u32.to_be_bytes())]));
    end.frames();
    // The machine's own refusal, a handler's fault, and one that fits.
    end.feed(&wire::request_with(END | TIMEOUT, 1, 0, &[0; 4], b""));
    end.feed(&[wire::request(3, b""), wire::request(5, b""), wire::request(7, b"")].concat());
    for (id, text) in [(3, "this is a long reason"), (5, "short")] {
        let fault = Fault::new(text);
        let reply = Reply::fault(Code::NOT_FOUND, Retry::Never, &fault, 4096);
        end.machine.reply(CallId::new(id), reply);
    }
    // A declared error is a value: without it the code says nothing.
    let declared = Reply { code: Code::DECLARED, ..Reply::ok(Payload::from(vec![7; 21])) };
    end.machine.reply(CallId::new(7), declared);
    let seen: Vec<_> =
        end.frames().iter().map(|f| (f.id, f.arg >> 16, f.flags, f.body.len())).collect();
    assert_eq!(
        seen,
        [(1, 0x0401, NOMSG, 0), (3, 0x0502, NOMSG, 0), (5, 0x0502, 0, 14), (7, 0x0802, NOMSG, 0)]
    );
}

#[test]
fn a_response_beyond_this_sides_limits_fails_its_call_and_malformed_metadata_do_not() {
    let small = limits(|limits| limits.message_bytes = 10);
    let mut end = End::open_with(Side::Dialer, small);
    for _ in 0..4 {
        end.call(b"").unwrap();
    }
    end.feed(&wire::response(1, &[0; 11]));
    let entry = wire::entry("k", &[0; 8_193 - 4]);
    end.feed(&wire::frame(3, NOMSG, 8_193, 3, 0, &entry));
    end.feed(&wire::frame(3, NOMSG, 4, 5, 0, b"\x01K\0\0"));
    end.feed(&wire::response(7, &[0; 10]));
    let news = end.news();
    let codes = [Code::RESOURCE_EXHAUSTED, Code::RESOURCE_EXHAUSTED];
    for ((id, expected), told) in [1, 3].into_iter().zip(codes).zip(&news) {
        let Told::Response { id: told_id, code, message } = told else { panic!("{told:?}") };
        assert_eq!((*told_id, *code), (id, expected));
        let fault = Fault::decode(message.as_ref().unwrap()).unwrap();
        assert!(!fault.message.is_empty());
    }
    let malformed = Told::Response { id: 5, code: Code::OK, message: None };
    assert_eq!(news[2..], [malformed, answered(7, &[0; 10])]);
}
