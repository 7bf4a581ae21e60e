//! Calls: any number at once, in any order, from both sides.

use crate::pair::{End, Pair, Told, answered, asked};
use crate::wire;
use rpc_core::connection::{Event, MethodName, NewCall, Reply, Shape};
use rpc_core::{CallId, Code, MethodId, Payload, Retry, Side, Time};
use std::borrow::Cow;

#[test]
fn a_request_has_these_bytes() {
    let mut end = End::open(Side::Dialer);
    let call = NewCall {
        method: MethodId::new(0xa1b2_c3d4),
        signature: 0x0102_0304_0506_0708,
        deadline: Some(Time::from_millis(1_500)),
        metadata: b"\x01k\0\x01v",
        payload: &mut Payload::from(b"args".to_vec()),
        shape: Shape::Unary,
    };
    end.machine.call(Time::from_millis(250), call, 0).unwrap();
    let expected = [
        b"\0\0\0\x15\x02\x09\0\x05\0\0\0\x01\xa1\xb2\xc3\xd4".as_slice(),
        b"\x01\x02\x03\x04\x05\x06\x07\x08\0\0\x04\xe2\x01k\0\x01vargs",
    ];
    assert_eq!(end.written(), expected.concat());
}

#[test]
fn a_response_has_these_bytes() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&[wire::request(1, b""), wire::request(3, b"")].concat());
    let reply = Reply {
        code: Code::DECLARED,
        retry: Retry::Never,
        app: 0x1234,
        metadata: b"\x01k\0\0".to_vec(),
        payload: Some(Payload::from(b"no".to_vec())),
    };
    end.machine.reply(CallId::new(3), reply);
    let expected = b"\0\0\0\x06\x03\0\0\x04\0\0\0\x03\x11\x02\x12\x34\x01k\0\0no";
    assert_eq!(end.written(), expected);
    end.reply_code(1, Code::NOT_FOUND);
    assert_eq!(end.written(), b"\0\0\0\0\x03\x04\0\0\0\0\0\x01\x05\0\0\0");
}

#[test]
fn everything_a_request_says_is_told() {
    let mut end = End::open(Side::Acceptor);
    let metadata = wire::entry("k", b"v");
    let between = [5_000_u32.to_be_bytes().as_slice(), &metadata].concat();
    let mut bytes = wire::request_with(wire::END | wire::TIMEOUT, 9, 5, &between, b"args");
    bytes[16..24].copy_from_slice(&[8; 8]);
    let now = Time::from_millis(100);
    let Some(Event::Request(request)) = end.machine.read(now, &bytes).unwrap().event else {
        panic!("a request")
    };
    assert_eq!(request.id, CallId::new(9));
    assert_eq!(request.method, MethodName::Id(MethodId::new(7)));
    assert_eq!(request.signature, 0x0808_0808_0808_0808);
    assert_eq!(request.deadline, Some(Time::from_millis(5_100)));
    assert_eq!(request.metadata, metadata);
    assert_eq!(request.message.as_slice(), b"args");
}

#[test]
fn a_method_may_be_named() {
    let named = |id, entries: &[(&str, &[u8])]| {
        let metadata: Vec<u8> =
            entries.iter().flat_map(|(key, value)| wire::entry(key, value)).collect();
        let len = u16::try_from(metadata.len()).unwrap();
        let mut bytes = wire::request_with(wire::END, id, len, &metadata, b"");
        bytes[12..16].fill(0);
        bytes
    };
    let mut end = End::open(Side::Acceptor);
    let bytes = named(1, &[("a", b"b"), (":method", b"Calc/add"), (":later", b"")]);
    let Some(Event::Request(request)) = end.machine.read(Time::ZERO, &bytes).unwrap().event else {
        panic!("a request")
    };
    assert_eq!(request.method, MethodName::Name(Cow::Borrowed("Calc/add")));
    for (id, entries) in [
        (3, [].as_slice()),
        (5, &[(":method", b"a".as_slice()), (":method", b"a")]),
        (7, &[(":method", &[0xff])]),
    ] {
        end.feed(&named(id, entries));
        assert_eq!(end.news(), []);
        assert_eq!(end.frames()[0].outcome(), (id, 3, 1));
    }
}

#[test]
fn an_empty_message_is_not_the_absence_of_one() {
    let mut end = End::open(Side::Dialer);
    let ids = [end.call(b"").unwrap(), end.call(b"").unwrap()];
    end.feed(&[wire::response(3, b""), wire::response_code(1, 0, 0)].concat());
    let [first, second] = [(3, Some(vec![])), (1, None)].map(|(id, message)| Told::Response {
        id,
        code: Code::OK,
        message,
    });
    assert_eq!(end.news(), [first, second]);
    assert!(ids.into_iter().all(|id| end.take(id)));
}

#[test]
fn calls_end_in_any_order_each_with_its_own_result() {
    let mut pair = Pair::open();
    let ids: Vec<u32> = (0..200_u8).map(|n| pair.dialer.call(&[n]).unwrap()).collect();
    pair.exchange();
    let started: Vec<Told> = (0..).zip(&ids).map(|(n, id)| asked(*id, &[n])).collect();
    assert_eq!(pair.acceptor.news(), started, "in the order of the calls");
    let mut order: Vec<usize> = (0..200).map(|n| n * 77 % 200).collect();
    for n in &order {
        pair.acceptor.reply(ids[*n], &[u8::try_from(*n).unwrap(), 1]);
    }
    pair.exchange();
    let ends: Vec<Told> =
        order.drain(..).map(|n| answered(ids[n], &[u8::try_from(n).unwrap(), 1])).collect();
    assert_eq!(pair.dialer.news(), ends);
    assert!(ids.iter().all(|id| pair.dialer.take(*id)));
    assert_eq!(pair.dialer.machine.open_calls(), 0);
    assert_eq!(pair.acceptor.machine.served_calls(), 0);
}

#[test]
fn both_sides_call_and_nested_calls_cross() {
    let mut pair = Pair::open();
    let there = pair.dialer.call(b"there").unwrap();
    let back = pair.acceptor.call(b"back").unwrap();
    assert_eq!((there, back), (1, 2));
    pair.exchange();
    assert_eq!(pair.acceptor.news(), [asked(1, b"there")]);
    assert_eq!(pair.dialer.news(), [asked(2, b"back")]);
    let nested = pair.acceptor.call(b"nested").unwrap();
    pair.exchange();
    assert_eq!(pair.dialer.news(), [asked(nested, b"nested")]);
    pair.dialer.reply(nested, b"n");
    pair.exchange();
    assert_eq!(pair.acceptor.news(), [answered(nested, b"n")]);
    pair.acceptor.reply(1, b"t");
    pair.dialer.reply(2, b"b");
    pair.exchange();
    assert_eq!(pair.dialer.news(), [answered(1, b"t")]);
    assert_eq!(pair.acceptor.news(), [answered(2, b"b")]);
}

#[test]
fn a_second_reply_is_ignored() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::request(1, b""));
    end.reply(1, b"once");
    end.reply(1, b"twice");
    end.reply(3, b"never asked");
    assert_eq!(end.written(), wire::response(1, b"once"));
}

#[test]
fn the_buffer_of_a_small_reply_comes_back() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&[wire::request(1, b""), wire::request(3, b"")].concat());
    let reply = Reply::ok(Payload::from(Vec::with_capacity(100)));
    let buffer = end.machine.reply(CallId::new(1), reply).unwrap();
    assert!(buffer.is_empty() && buffer.capacity() >= 100);
    let reply = Reply::empty(Code::OK, Retry::Unknown);
    assert_eq!(end.machine.reply(CallId::new(3), reply), None);
}
