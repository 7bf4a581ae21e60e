//! Many at once: clients that talk, strangers that say nothing, and one that takes very long to say anything.

use crate::raw::{END, HELLO, MORE, REQUEST, Raw, add, frame, method};
use crate::service::{CalcClient, CalcServer, MyCalc, client, serve_with};
use hton::{CloseCode, Code, Executed, Limits, Server};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

fn calc() -> CalcServer<MyCalc> {
    CalcServer::new(MyCalc::new())
}

/// One more than may be open is told so, and its call has not run.
async fn one_more_is_refused(server: &Server, limit: usize) {
    let peer = hton::connect(server.local_addr()).await.unwrap();
    let error = CalcClient::new(&peer).add(1, 2).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::UNAVAILABLE, Executed::No), "{error}");
    let closed = peer.closed().await;
    assert_eq!((closed.code, closed.by_peer), (Some(CloseCode::LIMIT), true), "{closed}");
    assert!(closed.reason.contains(&format!("{limit} connections are open")), "{closed}");
}

#[tokio::test]
async fn of_eleven_clients_ten_are_served_and_one_is_told_that_the_server_is_full() {
    let bound = Server::bind("127.0.0.1:0").await.unwrap();
    let server = bound.max_connections(10).serve(calc()).unwrap();
    let mut ten = Vec::new();
    for n in 0..10 {
        let calc = client(&server).await;
        assert_eq!(calc.add(n, 1).await.unwrap(), n + 1);
        ten.push(calc);
    }
    one_more_is_refused(&server, 10).await;
    for calc in &ten {
        assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    }
}

/// Set in the process that counts its own threads: the same test, run again, alone.
const ALONE: &str = "HTON_TEST_ALONE";

/// Runs the test in a process of its own. `true` = this is that process.
pub(crate) fn is_alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    let child = child.args(["--exact", test, "--nocapture"]).env(ALONE, "1").output().unwrap();
    let text = [child.stdout, child.stderr].concat();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&text));
    false
}

#[cfg(target_os = "linux")]
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[cfg(target_os = "linux")]
#[test]
fn a_thousand_clients_are_served_at_once_by_as_many_threads_as_ten() {
    const CLIENTS: usize = 1_000;
    if !is_alone("crowds::a_thousand_clients_are_served_at_once_by_as_many_threads_as_ten") {
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let bound = Server::bind("127.0.0.1:0").await.unwrap();
        let server = bound.max_connections(CLIENTS).serve(calc()).unwrap();
        let mut clients = Vec::new();
        let mut with_ten = 0;
        for n in 0..CLIENTS {
            clients.push(client(&server).await);
            if n == 10 {
                let calls: Vec<_> =
                    clients.iter().map(|calc| tokio::spawn(calc.add(1, 2))).collect();
                for call in calls {
                    assert_eq!(call.await.unwrap().unwrap(), 3);
                }
                with_ten = threads();
            }
        }
        let calls: Vec<_> =
            (0..).zip(&clients).map(|(n, calc)| tokio::spawn(calc.add(n, n))).collect();
        for (n, call) in (0..).zip(calls) {
            assert_eq!(call.await.unwrap().unwrap(), 2 * n);
        }
        assert_eq!(server.connections(), CLIENTS, "all at once");
        assert_eq!(threads(), with_ten, "threads with 1,000 clients and with ten");
        one_more_is_refused(&server, CLIENTS).await;
    });
}

#[tokio::test]
async fn a_thousand_silent_strangers_keep_nobody_waiting_and_are_sent_away() {
    let mut limits = Limits::default();
    limits.hello_ms = 800;
    let server = serve_with(limits).await;
    let early = client(&server).await;
    assert_eq!(early.add(1, 2).await.unwrap(), 3);
    let mut silent = Vec::new();
    for _ in 0..1_000 {
        silent.push(crate::raw::dial(server.local_addr()).await);
    }
    let started = Instant::now();
    for n in 0..20 {
        let late = client(&server).await;
        let call = late.add(n, 1).timeout(Duration::from_secs(5));
        assert_eq!(call.await.unwrap(), n + 1);
        assert_eq!(early.add(n, 1).await.unwrap(), n + 1);
    }
    // A crowd is waited for once, for 100 ms; the rest is for a busy machine.
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    let alone = async {
        while server.connections() > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), alone).await.expect("those who say nothing are sent away");
    for mut stream in silent {
        let mut told = Vec::new();
        let end = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut told);
        timeout(Duration::from_secs(5), end).await.expect("it ends").ok();
    }
    assert_eq!(early.add(1, 2).await.unwrap(), 3);
}

/// A call of 10 MiB, cut as the spec has it.
fn ten_mib(id: u32) -> Vec<u8> {
    const LEN: usize = 10 << 20;
    let payload = [&(LEN as u64).to_be_bytes()[..], &vec![7; LEN]].concat();
    let total = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut pieces = payload.chunks(60_000).peekable();
    let first = [&[0; 8][..], &total, pieces.next().unwrap()].concat();
    let mut call = frame(REQUEST, MORE, 0, id, method::BLOB, &first);
    while let Some(piece) = pieces.next() {
        let flags = if pieces.peek().is_some() { MORE } else { END };
        call.extend(frame(crate::raw::DATA, flags, 0, id, 0, piece));
    }
    call
}

#[tokio::test]
async fn a_large_message_in_small_pieces_holds_up_nobody_else() {
    let mut limits = Limits::default();
    limits.message_bytes = 16 << 20;
    limits.reassembly_bytes = 32 << 20;
    let server = serve_with(limits).await;
    let other = client(&server).await;
    let mut slow = Raw::connect(server.local_addr()).await;
    slow.0.set_nodelay(true).unwrap();
    // Accepts messages of 16 MiB, several at a time.
    let tags = [&[1, 1, 0, 0][..], &[0, 2, 0, 4, 1, 0, 0, 0], &[0, 7, 0, 4, 2, 0, 0, 0]].concat();
    slow.send(&frame(HELLO, 0, 0, 0, 0x4854_4f4e, &tags)).await;
    let call = ten_mib(1);
    let mut calls = 0;
    for (n, piece) in call.chunks(1_096).enumerate() {
        slow.0.write_all(piece).await.unwrap();
        if n % 100 == 0 {
            let answer = other.add(calls, 1).timeout(Duration::from_secs(5)).await;
            assert_eq!(answer.unwrap(), calls + 1);
            calls += 1;
        }
    }
    assert!(calls > 90, "{calls} calls were served meanwhile");
    slow.send(&add(3, 1, 2)).await;
    // Its own end reads as slowly as it likes: the small answer passes the large one.
    let (mut answered, mut large) = (false, 0);
    while !answered || large < 10 << 20 {
        let frame = slow.frame().await.expect("the connection lives");
        match (frame.kind, frame.id) {
            (crate::raw::RESPONSE, 3) => {
                assert_eq!(frame.body, 3_i64.to_be_bytes());
                answered = true;
            }
            (crate::raw::DATA | crate::raw::RESPONSE, 1) => large += frame.body.len(),
            _ => {}
        }
    }
}
