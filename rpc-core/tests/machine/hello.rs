//! The opening: both sides speak at once, strangers are refused at their first wrong byte.

use crate::pair::{End, Pair, Told, answered, asked};
use crate::wire;
use rpc_core::connection::{Connection, HelloExtras, State, Transmit};
use rpc_core::frame::AuthToken;
use rpc_core::{CloseCode, Limits, Side, Time};

#[test]
fn a_hello_has_these_bytes() {
    let mut end = End::new(Side::Dialer, Limits::default());
    let body = [
        [1, 1, 0, 0].as_slice(),
        &[0, 1, 0, 4, 0x00, 0x01, 0x00, 0x00],
        &[0, 2, 0, 4, 0x00, 0x40, 0x00, 0x00],
        &[0, 3, 0, 4, 0x00, 0x00, 0x20, 0x00],
        &[0, 4, 0, 4, 0x00, 0x00, 0x01, 0x00],
        &[0, 5, 0, 4, 0x00, 0x00, 0x00, 0x40],
        &[0, 6, 0, 4, 0x00, 0x04, 0x00, 0x00],
        &[0, 7, 0, 4, 0x00, 0x80, 0x00, 0x00],
    ];
    assert_eq!(end.written(), wire::hello_with(&body.concat()));
    assert_eq!(end.machine.state(), State::Opening);
    end.feed(&wire::hello());
    assert_eq!(end.machine.state(), State::Open);
}

/// Verifies: conn.hello.texts
#[test]
fn a_hello_may_say_a_name_and_a_token() {
    let token = AuthToken::new(b"open sesame").unwrap();
    assert_eq!(AuthToken::new(vec![0; AuthToken::BYTES_MAX + 1]), None);
    let extras = HelloExtras { peer_name: "calc".into(), auth_token: token.clone() };
    let mut dialer: Connection<()> =
        Connection::with_hello(Side::Dialer, Limits::default(), extras, Time::ZERO);
    let mut out = Transmit::new();
    assert!(dialer.transmit(&mut out));
    let mut end = End::new(Side::Acceptor, Limits::default());
    end.feed(out.chunk());
    let hello = end.machine.peer().unwrap();
    assert_eq!((hello.name.as_str(), &hello.auth_token), ("calc", &token));
    assert_eq!(hello.auth_token.as_bytes(), b"open sesame");
    assert!(format!("{:?}", end.machine).contains("AuthToken(11 bytes)"));
    end.machine.close(CloseCode::UNAUTHENTICATED, "who are you?");
    let goaway = end.frames().pop().unwrap();
    assert_eq!((goaway.kind, &goaway.body[..4]), (9, &[0, 0, 0, 14][..]));
}

#[test]
fn nobody_waits_for_the_other() {
    let mut pair = Pair::new();
    let id = pair.dialer.call(b"early").unwrap();
    let back = pair.acceptor.call(b"back").unwrap();
    let there = pair.dialer.written();
    pair.acceptor.feed(&there);
    assert_eq!(pair.acceptor.news(), [Told::Opened, asked(id, b"early")]);
    pair.acceptor.reply(id, b"soon");
    pair.exchange();
    let news = [Told::Opened, asked(back, b"back"), answered(id, b"soon")];
    assert_eq!(pair.dialer.news(), news);
}

#[test]
fn a_stranger_is_refused_at_the_first_byte_that_differs() {
    let hello = wire::hello();
    for at in [0, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] {
        let mut end = End::new(Side::Acceptor, Limits::default());
        end.feed(&hello[..at]);
        assert_eq!(end.news(), [], "{at}");
        end.feed(&[hello[at] ^ 0x55]);
        end.is_broken(CloseCode::NOT_HTON);
    }
    for stranger in ["GET / HTTP/1.1\r\n", "SSH-2.0-", "\x16\x03\x01"] {
        let mut end = End::new(Side::Acceptor, Limits::default());
        end.feed(&stranger.as_bytes()[..1]);
        end.is_broken(CloseCode::NOT_HTON);
    }
}

#[test]
fn another_frame_of_ours_in_the_first_place_is_a_breach_of_hello() {
    for kind in 2..=10 {
        let mut end = End::new(Side::Acceptor, Limits::default());
        end.feed(&wire::frame(kind, 0, 0, 1, 0, &[]));
        end.is_broken(CloseCode::HELLO);
    }
    for kind in [0, 11, 0x81] {
        let mut end = End::new(Side::Acceptor, Limits::default());
        end.feed(&wire::frame(kind, 0, 0, 1, 0, &[]));
        end.is_broken(CloseCode::NOT_HTON);
    }
}

#[test]
fn a_second_hello_is_a_breach() {
    let mut end = End::open(Side::Acceptor);
    end.feed(&wire::hello());
    end.is_broken(CloseCode::HELLO);
}

#[test]
fn version_ranges_must_meet() {
    for (min, max) in [(1, 1), (1, 9)] {
        let mut end = End::new(Side::Acceptor, Limits::default());
        end.feed(&wire::hello_with(&[min, max, 0, 0]));
        assert_eq!(end.news(), [Told::Opened]);
    }
    for (min, max) in [(2, 2), (2, 255)] {
        let mut end = End::new(Side::Acceptor, Limits::default());
        end.feed(&wire::hello_with(&[min, max, 0, 0]));
        let goaway = end.frames().pop().unwrap();
        let reason = String::from_utf8(goaway.body[4..].to_vec()).unwrap();
        assert!(reason.contains(&format!("{min} to {max}")), "{reason}");
        assert!(reason.contains("1 to 1"), "{reason}");
        assert_eq!(end.news(), [Told::Broken(CloseCode::VERSION)]);
    }
    for (min, max) in [(0, 1), (0, 0), (2, 1)] {
        let mut end = End::new(Side::Acceptor, Limits::default());
        end.feed(&wire::hello_with(&[min, max, 0, 0]));
        end.is_broken(CloseCode::HELLO);
    }
}

#[test]
fn each_tag_is_kept_and_its_nearest_wrong_form_refused() {
    let word = |value: u32| value.to_be_bytes().to_vec();
    let accepted = [
        (1, word(65_536)),
        (1, word((1 << 24) - 1)),
        (2, word(0)),
        (3, word(8_192)),
        (4, word(0)),
        (5, word(0)),
        (6, word(262_144)),
        (7, word(4_194_304)),
        (8, vec![0xff; 8]),
        (9, vec![b'n'; 256]),
        (10, vec![0xff; 1_024]),
        (11, vec![]),
        (0, vec![1]),
    ];
    for (tag, value) in accepted {
        let mut end = End::new(Side::Acceptor, Limits::default());
        end.feed(&wire::hello_tags(&[(tag, &value)]));
        assert_eq!(end.news(), [Told::Opened], "{tag}");
    }
    let refused = [
        (1, word(65_535)),
        (1, word(1 << 24)),
        (1, vec![0; 3]),
        (2, vec![0; 5]),
        (3, word(8_191)),
        (4, vec![]),
        (6, word(262_143)),
        (7, word(4_194_303)),
        (8, vec![0; 4]),
        (9, vec![b'n'; 257]),
        (9, vec![0xff]),
        (10, vec![0; 1_025]),
        (0x800b, vec![]),
        (0x8001, word(65_536)),
    ];
    for (tag, value) in refused {
        let mut end = End::new(Side::Acceptor, Limits::default());
        end.feed(&wire::hello_tags(&[(tag, &value)]));
        end.is_broken(CloseCode::HELLO);
    }
    let mut end = End::new(Side::Acceptor, Limits::default());
    end.feed(&wire::hello_tags(&[(4, &word(3)), (9, b"ada")]));
    let peer = end.machine.peer().unwrap();
    assert_eq!((peer.calls, peer.name.as_str()), (3, "ada"));
    assert_eq!(peer.frame_bytes, 65_536, "an absent tag is its floor");
}

#[test]
fn a_tag_twice_or_torn_is_refused() {
    let mut end = End::new(Side::Acceptor, Limits::default());
    end.feed(&wire::hello_tags(&[(4, &[0; 4]), (4, &[0; 4])]));
    end.is_broken(CloseCode::HELLO);
    for torn in [[1, 1, 0, 0, 0].as_slice(), &[1, 1, 0, 0, 0, 4, 0], &[1, 1, 0, 0, 0, 4, 0, 4, 0]] {
        let mut end = End::new(Side::Acceptor, Limits::default());
        end.feed(&wire::hello_with(torn));
        end.is_broken(CloseCode::HELLO);
    }
}

#[test]
fn a_hello_that_does_not_come_ends_the_connection() {
    let mut end = End::new(Side::Acceptor, Limits::default());
    end.written();
    assert_eq!(end.machine.timeout(), Some(Time::from_millis(5_000)));
    end.feed(&wire::hello()[..10]);
    end.advance(4_999);
    assert_eq!(end.news(), []);
    end.advance(1);
    assert_eq!(end.news(), [Told::Silent(CloseCode::TIMEOUT)]);
    let goaway = end.frames();
    assert_eq!(goaway[0].body[..4], [0, 0, 0, 12]);
    assert_eq!(end.machine.state(), State::Closed);
}
