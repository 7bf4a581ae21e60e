//! What a peer that breaks the rules gets: the refusal that the spec names, and nobody else notices.

use crate::raw::*;
use crate::service::{client, serve};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends `bytes` to a fresh server after the greetings; checks the refusal, and that the server lives.
async fn breach(bytes: &[u8], code: u32) {
    let server = serve().await;
    let mut raw = Raw::greet(server.local_addr()).await;
    raw.send(bytes).await;
    raw.refused(code).await;
    assert_eq!(client(&server).await.add(1, 2).await.unwrap(), 3);
}

/// The same without greetings.
async fn stranger(bytes: &[u8], code: u32) {
    let server = serve().await;
    let mut raw = Raw::connect(server.local_addr()).await;
    raw.send(bytes).await;
    raw.refused(code).await;
    assert_eq!(client(&server).await.add(1, 2).await.unwrap(), 3);
}

const NOT_HTON: u32 = 1;
const VERSION: u32 = 2;
const HELLO_FAULT: u32 = 3;
const FRAME_TOO_LARGE: u32 = 4;
const UNKNOWN_TYPE: u32 = 5;
const FLAGS: u32 = 6;
const LENGTH: u32 = 7;
const CALL_ID: u32 = 8;
const FRAGMENT: u32 = 9;

#[tokio::test]
async fn an_http_request_is_refused() {
    stranger(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", NOT_HTON).await;
}

#[tokio::test]
async fn a_tls_hello_is_refused() {
    stranger(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 9, 9, 9, 9, 9, 9, 9, 9], NOT_HTON).await;
}

#[tokio::test]
async fn an_ssh_banner_shorter_than_a_header_is_refused() {
    stranger(b"SSH-2.0-Go\r\n", NOT_HTON).await;
}

#[tokio::test]
async fn random_bytes_are_refused() {
    stranger(&[0x00, 0x9b, 0x11, 0x7f, 0xe2, 0x01, 0xaa, 0x54, 0x10, 0x7d], NOT_HTON).await;
}

#[tokio::test]
async fn a_greeting_byte_by_byte_is_accepted() {
    let server = serve().await;
    let mut raw = Raw::connect(server.local_addr()).await;
    for byte in [hello(), add(1, 20, 22)].concat() {
        raw.send(&[byte]).await;
    }
    let _hello = raw.frame().await;
    assert_eq!(raw.response(1).await.body, 42_i64.to_be_bytes());
}

#[tokio::test]
async fn versions_that_do_not_meet_are_refused_with_both_ranges() {
    let server = serve().await;
    let mut raw = Raw::connect(server.local_addr()).await;
    raw.send(&frame(HELLO, 0, 0, 0, 0x4854_4f4e, &[2, 9, 0, 0])).await;
    let reason = raw.refused(VERSION).await;
    assert!(reason.contains("2") && reason.contains("9") && reason.contains("1"), "{reason}");
}

#[tokio::test]
async fn a_first_frame_that_is_no_hello_is_refused() {
    stranger(&add(1, 1, 2), HELLO_FAULT).await;
}

#[tokio::test]
async fn a_second_hello_is_refused() {
    breach(&hello(), HELLO_FAULT).await;
}

#[tokio::test]
async fn a_length_over_the_limit_is_refused_before_the_body() {
    let mut head = request(1, method::ADD, &[]);
    head.truncate(16);
    head[..4].copy_from_slice(&65_537_u32.to_be_bytes());
    breach(&head, FRAME_TOO_LARGE).await;
    head[..4].copy_from_slice(&u32::MAX.to_be_bytes());
    breach(&head, FRAME_TOO_LARGE).await;
}

#[tokio::test]
async fn an_unknown_type_is_refused() {
    breach(&frame(0x0b, 0, 0, 0, 0, &[]), UNKNOWN_TYPE).await;
}

#[tokio::test]
async fn an_unknown_type_that_may_be_skipped_is_skipped() {
    let server = serve().await;
    let mut raw = Raw::greet(server.local_addr()).await;
    raw.send(&frame(0x8b, 0xff, 7, 9, 9, &[1, 2, 3])).await;
    raw.send(&add(1, 1, 2)).await;
    assert_eq!(raw.response(1).await.code(), 0);
}

#[tokio::test]
async fn an_unknown_flag_is_refused() {
    for flag in [0x10, 0x20, 0x80] {
        breach(&frame(REQUEST, END | flag, 0, 1, method::ADD, &[0; 24]), FLAGS).await;
    }
}

#[tokio::test]
async fn a_flag_on_a_frame_that_has_none_is_refused() {
    breach(&frame(PING, END, 0, 0, 7, &[]), FLAGS).await;
}

#[tokio::test]
async fn metadata_where_there_is_none_is_refused() {
    breach(&frame(PING, 0, 1, 0, 7, &[0]), LENGTH).await;
}

#[tokio::test]
async fn metadata_longer_than_the_body_are_refused() {
    breach(&frame(REQUEST, END, 100, 1, method::ADD, &[0; 24]), LENGTH).await;
}

#[tokio::test]
async fn a_body_too_short_for_its_type_is_refused() {
    breach(&frame(REQUEST, END, 0, 1, method::ADD, &[0; 7]), LENGTH).await;
}

#[tokio::test]
async fn a_call_id_used_twice_is_refused() {
    breach(&[add(1, 1, 2), add(1, 1, 2)].concat(), CALL_ID).await;
    breach(&[add(3, 1, 2), add(1, 1, 2)].concat(), CALL_ID).await;
}

#[tokio::test]
async fn a_call_id_of_the_wrong_parity_is_refused() {
    breach(&add(2, 1, 2), CALL_ID).await;
    breach(&add(0, 1, 2), CALL_ID).await;
}

#[tokio::test]
async fn a_response_to_a_call_that_was_never_opened_is_refused() {
    breach(&frame(RESPONSE, 0, 0, 2, 0, &[]), CALL_ID).await;
    breach(&frame(RESPONSE, 0, 0, 1, 0, &[]), CALL_ID).await;
}

#[tokio::test]
async fn data_and_control_for_a_call_that_was_never_opened_are_refused() {
    breach(&frame(DATA, END, 0, 5, 0, &[1]), CALL_ID).await;
    breach(&frame(CANCEL, 0, 0, 5, 0, &[]), CALL_ID).await;
    breach(&frame(CREDIT, 0, 0, 5, 1, &[]), CALL_ID).await;
}

#[tokio::test]
async fn fragments_beyond_their_total_are_refused() {
    let first = [&[0; 8][..], &4_u32.to_be_bytes(), &[1, 2]].concat();
    let bytes =
        [frame(REQUEST, MORE, 0, 1, method::ECHO, &first), frame(DATA, END, 0, 1, 0, &[3, 4, 5])];
    breach(&bytes.concat(), FRAGMENT).await;
}

#[tokio::test]
async fn a_silent_peer_is_cut_when_its_greeting_is_due() {
    let mut limits = hton::Limits::default();
    limits.hello_ms = 100;
    let server = crate::service::serve_with(limits).await;
    Raw::connect(server.local_addr()).await.refused(12).await;
}

#[tokio::test]
async fn a_ping_is_answered_with_its_token() {
    let server = serve().await;
    let mut raw = Raw::greet(server.local_addr()).await;
    raw.send(&frame(PING, 0, 0, 0, 0xdead_beef, &[])).await;
    assert_eq!(
        raw.frame().await,
        Some(Frame {
            kind: PONG,
            flags: 0,
            metadata_len: 0,
            id: 0,
            arg: 0xdead_beef,
            body: vec![],
        })
    );
}

#[tokio::test]
async fn lowered_limits_are_no_breach() {
    let server = serve().await;
    let mut raw = Raw::greet(server.local_addr()).await;
    raw.send(&[frame(LIMITS, 0, 0, 0, 0, &[]), add(1, 1, 2)].concat()).await;
    assert_eq!(raw.response(1).await.code(), 0);
}

/// Sends one bad call; checks its answer, and that the next call on the connection works.
async fn bad_call(call: &[u8], code: u32, retry: u32) -> Frame {
    let server = serve().await;
    let mut raw = Raw::greet(server.local_addr()).await;
    raw.send(call).await;
    let response = raw.response(1).await;
    assert_eq!((response.code(), response.retry()), (code, retry), "{:?}", response.fault());
    raw.send(&add(3, 40, 2)).await;
    assert_eq!(raw.response(3).await.body, 42_i64.to_be_bytes());
    response
}

#[tokio::test]
async fn an_unknown_method_is_an_error_of_the_call() {
    let response = bad_call(&request(1, 0x0bad_cafe, &[]), 12, 2).await;
    assert!(response.fault().0.contains("0x0badcafe"), "{:?}", response.fault());
}

#[tokio::test]
async fn undecodable_arguments_are_an_error_of_the_call_with_their_place() {
    // Order { id: 7, items: [Item { name: "ab", gift: 2 }] }: a bool is 0 or 1.
    let order = [&7_u64.to_be_bytes()[..], &1_u64.to_be_bytes(), &2_u64.to_be_bytes(), b"ab", &[2]];
    let response = bad_call(&request(1, method::ORDER, &order.concat()), 3, 1).await;
    let (text, at) = response.fault();
    assert_eq!(at, Some((26, "order.items[0].gift".to_owned())), "{text}");
}

#[tokio::test]
async fn arguments_that_stop_short_or_go_on_are_errors_of_the_call() {
    bad_call(&request(1, method::ADD, &[0; 15]), 3, 1).await;
    bad_call(&request(1, method::ADD, &[0; 17]), 3, 1).await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_an_error_of_the_call() {
    let too_long = [&[0; 8][..], &4_194_305_u32.to_be_bytes(), &[1]].concat();
    let call = frame(REQUEST, MORE, 0, 1, method::BLOB, &too_long);
    let rest = frame(DATA, MORE, 0, 1, 0, &[2; 1000]);
    bad_call(&[call, rest].concat(), 8, 1).await;
}

#[tokio::test]
async fn the_methods_own_error_is_no_breach() {
    let arguments = [1_i64.to_be_bytes(), 0_i64.to_be_bytes()].concat();
    let server = serve().await;
    let mut raw = Raw::greet(server.local_addr()).await;
    raw.send(&request(1, method::DIVIDE, &arguments)).await;
    let response = raw.response(1).await;
    assert_eq!((response.code(), response.body.as_slice()), (17, &[0, 0, 0, 0][..]));
    raw.send(&add(3, 40, 2)).await;
    assert_eq!(raw.response(3).await.body, 42_i64.to_be_bytes());
}

#[tokio::test]
async fn a_panic_in_a_handler_is_an_error_of_the_call_and_says_nothing_of_the_inside() {
    for method in [method::PANIC, method::PANIC_LATER] {
        let response = bad_call(&request(1, method, &[]), 13, 0).await;
        assert!(!response.fault().0.contains("secret"), "{:?}", response.fault());
    }
}

#[tokio::test]
async fn a_server_that_speaks_another_protocol_fails_the_first_call() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let answer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok();
    });
    let calc = crate::service::CalcClient::connect(addr).await.unwrap();
    let call = tokio::time::timeout(Duration::from_secs(1), calc.add(1, 2));
    let error = call.await.expect("within a second").unwrap_err();
    assert_eq!(error.code(), hton::Code::UNAVAILABLE);
    assert!(error.to_string().contains("NOT_HTON"), "{error}");
    drop(calc);
    answer.await.unwrap();
}
