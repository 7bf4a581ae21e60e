//! The table of flags: each allowed set of each type, and every other one refused.

use crate::pair::breach;
use crate::wire::{self, END, MORE, NOMSG, ONEWAY, PACKED, TIMEOUT};
use rpc_core::frame;
use rpc_core::{CloseCode, Side};

/// Every allowed combination of flags, by type.
const ALLOWED: [(u8, &[u8]); 10] = [
    (0x01, &[0]),
    (
        0x02,
        &[
            0,
            END,
            MORE,
            NOMSG,
            END | NOMSG,
            TIMEOUT,
            END | TIMEOUT,
            MORE | TIMEOUT,
            NOMSG | TIMEOUT,
            END | NOMSG | TIMEOUT,
            END | ONEWAY,
            END | ONEWAY | TIMEOUT,
        ],
    ),
    (0x03, &[0, NOMSG]),
    (0x04, &[0, END, MORE, NOMSG, END | NOMSG]),
    (0x05, &[0]),
    (0x06, &[0]),
    (0x07, &[0]),
    (0x08, &[0]),
    (0x09, &[0]),
    (0x0a, &[0]),
];

/// The shortest frame of a type with these flags that breaks no other rule.
fn shortest(kind: u8, flags: u8) -> Vec<u8> {
    let mut body = match kind {
        0x01 => vec![1, 1, 0, 0],
        0x02 => vec![0; 8],
        0x09 => vec![0; 4],
        _ => vec![],
    };
    if kind == 0x02 && flags & TIMEOUT != 0 {
        body.extend([0; 4]);
    }
    if kind == 0x02 && flags & MORE != 0 {
        body.extend([0, 0, 0, 9, 1]);
    }
    let (id, arg) = match kind {
        0x01 => (0, 0x4854_4f4e),
        0x02..=0x06 => (1, 1),
        _ => (0, 1),
    };
    wire::frame(kind, flags, 0, id, arg, &body)
}

#[test]
fn each_type_allows_the_flags_of_the_table_and_no_other() {
    for (kind, allowed) in ALLOWED {
        for flags in 0..=255 {
            let bytes = shortest(kind, flags);
            let decoded = frame::decode(&bytes, 65_536);
            if allowed.contains(&flags) {
                let (_, consumed) = decoded.unwrap().unwrap();
                assert_eq!(consumed, bytes.len(), "{kind:#04x} {flags:#04x}");
            } else {
                let code = decoded.unwrap_err().code();
                assert_eq!(code, CloseCode::FLAGS, "{kind:#04x} {flags:#04x}");
            }
        }
    }
}

#[test]
fn packed_is_refused_by_the_machine() {
    let error = breach(Side::Acceptor, &shortest(2, END | PACKED)).unwrap_err();
    assert_eq!(error.code(), CloseCode::FLAGS);
}

#[test]
fn data_that_carries_nothing_must_give_credit() {
    let nothing = wire::frame(4, NOMSG, 0, 1, 0, &[]);
    let error = frame::decode(&nothing, 65_536).unwrap_err();
    assert_eq!(error.code(), CloseCode::FLAGS);
    let credit = wire::frame(4, NOMSG, 0, 1, 1, &[]);
    assert!(frame::decode(&credit, 65_536).unwrap().is_some());
}

#[test]
fn metadata_stand_only_where_the_table_says_and_within_the_body() {
    for (kind, _) in ALLOWED {
        let flags = if kind == 2 { END } else { 0 };
        let mut bytes = shortest(kind, flags);
        bytes[7] = 1;
        let error = frame::decode(&bytes, 65_536).unwrap_err();
        assert_eq!(error.code(), CloseCode::LENGTH, "{kind:#04x}");
    }
    let request = wire::request_with(END, 1, 4, b"\x01k\0\0", b"");
    assert!(frame::decode(&request, 65_536).unwrap().is_some());
    let response = wire::frame(3, 0, 4, 1, 0, b"\x01k\0\0");
    assert!(frame::decode(&response, 65_536).unwrap().is_some());
}

#[test]
fn a_body_has_the_length_that_its_type_needs() {
    let refused = [
        wire::hello_with(&[1, 1, 0]),
        wire::hello_with(&[0; 4_097]),
        wire::frame(2, END, 0, 1, 7, &[0; 7]),
        wire::frame(2, END | TIMEOUT, 0, 1, 7, &[0; 11]),
        wire::frame(2, MORE, 0, 1, 7, &[0; 11]),
        wire::frame(2, END | NOMSG, 0, 1, 7, &[0; 9]),
        wire::frame(3, NOMSG, 0, 1, 0, &[0]),
        wire::frame(4, END | NOMSG, 0, 1, 0, &[0]),
        wire::frame(5, 0, 0, 1, 1, &[0]),
        wire::frame(6, 0, 0, 1, 0, &[0]),
        wire::frame(7, 0, 0, 0, 0, &[0]),
        wire::frame(8, 0, 0, 0, 0, &[0]),
        wire::frame(9, 0, 0, 0, 0, &[0; 3]),
        wire::frame(9, 0, 0, 0, 0, &[b'r'; 261]),
        wire::frame(10, 0, 0, 0, 0, &[0]),
    ];
    for bytes in refused {
        let error = frame::decode(&bytes, 65_536).unwrap_err();
        assert_eq!(error.code(), CloseCode::LENGTH, "{bytes:?}");
    }
    let longest = wire::frame(9, 0, 0, 0, 0, &[b'r'; 260]);
    assert!(frame::decode(&longest, 65_536).unwrap().is_some());
}

#[test]
fn an_unknown_type_ends_the_connection_unless_it_may_be_skipped() {
    for kind in [0x00, 0x0b, 0x7f] {
        let error = breach(Side::Dialer, &wire::frame(kind, 0, 0, 0, 0, &[])).unwrap_err();
        assert_eq!(error.code(), CloseCode::UNKNOWN_TYPE, "{kind:#04x}");
    }
    for kind in [0x80, 0x81, 0xff] {
        let bytes = wire::frame(kind, 0xff, 0xffff, 77, 1, &[0; 9]);
        assert_eq!(breach(Side::Dialer, &bytes), Ok(()), "{kind:#04x}");
    }
}

#[test]
fn a_frame_may_be_as_long_as_the_limit_and_no_longer() {
    let longest = wire::request(1, &vec![0; 65_536 - 8]);
    assert_eq!(breach(Side::Acceptor, &longest), Ok(()));
    let longer = wire::request(1, &vec![0; 65_536 - 7]);
    let error = breach(Side::Acceptor, &longer[..16]).unwrap_err();
    assert_eq!(error.code(), CloseCode::FRAME_TOO_LARGE);
    let skippable = wire::frame(0x80, 0, 0, 0, 0, &vec![0; 65_537]);
    let error = breach(Side::Acceptor, &skippable).unwrap_err();
    assert_eq!(error.code(), CloseCode::FRAME_TOO_LARGE);
}

#[test]
fn credit_of_nothing_is_refused() {
    let error = frame::decode(&wire::frame(5, 0, 0, 1, 0, &[]), 65_536).unwrap_err();
    assert_eq!(error.code(), CloseCode::CREDIT);
}
