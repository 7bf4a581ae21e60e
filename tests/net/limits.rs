//! Limits refuse or wait; they never hang, and never cost another call.

use crate::raw::{END, REQUEST, RESPONSE, Raw, frame, method, request};
use crate::service::{CalcClient, client, serve, serve_with};
use hton::{Code, Limits, Server};

#[tokio::test]
async fn calls_beyond_the_peers_limit_wait_in_line_and_all_end() {
    let mut limits = Limits::default();
    limits.calls = 2;
    let server = serve_with(limits).await;
    let calc = client(&server).await;
    assert_eq!(calc.add(1, 2).await.unwrap(), 3); // The limit is known now.
    let calls: Vec<_> = (0..50).map(|n| tokio::spawn(calc.add(n, n))).collect();
    for (n, call) in (0..).zip(calls) {
        assert_eq!(call.await.unwrap().unwrap(), 2 * n);
    }
}

#[tokio::test]
async fn a_call_that_waits_too_long_in_line_is_late_and_never_ran() {
    let mut limits = Limits::default();
    limits.calls = 1;
    let server = serve_with(limits).await;
    let calc = client(&server).await;
    assert_eq!(calc.add(1, 2).await.unwrap(), 3); // The limit is known now.
    let holder = tokio::spawn(calc.never());
    tokio::task::yield_now().await;
    let started = std::time::Instant::now();
    let waiting = calc.add(1, 2).timeout(std::time::Duration::from_millis(30));
    let error = waiting.await.unwrap_err();
    assert!(started.elapsed() < std::time::Duration::from_millis(130));
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED, "{error}");
    assert_eq!(error.executed(), hton::Executed::No, "{error}");
    holder.abort();
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn a_peer_that_ignores_the_limit_is_refused_call_by_call() {
    let mut limits = Limits::default();
    limits.calls = 1;
    let server = serve_with(limits).await;
    let mut raw = Raw::greet(server.local_addr()).await;
    let never = 0xb1d1_c97e;
    raw.send(&[request(1, never, &[]), request(3, method::ADD, &[0; 16])].concat()).await;
    let refused = raw.response(3).await;
    assert_eq!((refused.code(), refused.retry()), (8, 1));
    raw.send(&frame(crate::raw::CANCEL, 0, 0, 1, 1, &[])).await;
    assert_eq!(raw.response(1).await.code(), 1);
    raw.send(&request(5, method::ADD, &[0; 16])).await;
    assert_eq!(raw.response(5).await.code(), 0);
}

#[tokio::test]
async fn an_expired_request_never_runs() {
    let server = serve().await;
    let mut raw = Raw::greet(server.local_addr()).await;
    const TIMEOUT: u8 = 8;
    let body = [&[0; 8][..], &0_u32.to_be_bytes(), &[0; 16]].concat();
    raw.send(&frame(REQUEST, END | TIMEOUT, 0, 1, method::ADD, &body)).await;
    let response = raw.response(1).await;
    assert_eq!((response.kind, response.code(), response.retry()), (RESPONSE, 4, 1));
}

#[tokio::test]
async fn an_answer_over_the_callers_limit_is_an_error_that_names_it() {
    let server = serve().await;
    let mut limits = Limits::default();
    limits.message_bytes = 1000;
    let peer = hton::connect(server.local_addr()).limits(limits).await.unwrap();
    let calc = CalcClient::new(&peer);
    assert_eq!(calc.add(1, 2).await.unwrap(), 3); // The server knows the limit now.
    let error = calc.shout(&"ß".repeat(490)).await.map(|text| text.len());
    assert_eq!(error.unwrap(), 980);
    let error = calc.blob(hton::Bytes::from(vec![0; 993])).await.unwrap_err();
    assert!(error.to_string().contains("1000"), "{error}");
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn accept_goes_on_after_a_thousand_connections_that_came_and_went() {
    let server: Server = serve().await;
    for _ in 0..1000 {
        drop(crate::raw::dial(server.local_addr()).await);
    }
    assert_eq!(client(&server).await.add(1, 2).await.unwrap(), 3);
}

// Verifies: conn.write-stall
#[tokio::test]
async fn a_peer_that_reads_no_answers_is_cut_and_the_others_are_served() {
    let mut limits = Limits::default();
    limits.write_stall_ms = 100;
    let server = serve_with(limits).await;
    let mut raw = Raw::greet(server.local_addr()).await;
    let argument = [&60_000_u64.to_be_bytes()[..], &[7; 60_000]].concat();
    // More than the sockets hold in both directions, so the sending stops, too.
    let flood = async {
        for n in 0..1000 {
            let call = request(2 * n + 1, method::BLOB, &argument);
            if tokio::io::AsyncWriteExt::write_all(&mut raw.0, &call).await.is_err() {
                return;
            }
        }
        panic!("60 MB of answers that nobody reads were taken");
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), flood).await.expect("a cut");
    assert_eq!(client(&server).await.add(1, 2).await.unwrap(), 3);
}
