//! The life of a server: whom it lets in, what each gets, how it ends, and what is left then.

use crate::raw::{GOAWAY, HELLO, Raw, add, hello};
use crate::service::{CalcClient, CalcServer, MyCalc, client, serve};
use hton::{CloseCode, Code, Executed, Identity, PeerInfo, Refused, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout};

async fn bind() -> hton::Bound {
    Server::bind("127.0.0.1:0").await.expect("a free port")
}

fn calc() -> CalcServer<MyCalc> {
    CalcServer::new(MyCalc::new())
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), waiting).await.expect("it becomes so");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_the_place_is_free_again_later() {
    let server = bind().await.max_connections(2).serve(calc()).unwrap();
    let [first, second] = [client(&server).await, client(&server).await];
    assert_eq!(first.add(1, 2).await.unwrap() + second.add(1, 2).await.unwrap(), 6);
    let third = hton::connect(server.local_addr()).await.unwrap();
    let error = CalcClient::new(&third).add(1, 2).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::UNAVAILABLE, Executed::No), "{error}");
    let closed = third.closed().await;
    assert_eq!((closed.code, closed.by_peer), (Some(CloseCode::LIMIT), true), "{closed}");
    assert!(closed.reason.contains("2 connections are open"), "{closed}");
    drop(first);
    until(|| server.connections() < 2).await;
    assert_eq!(client(&server).await.add(3, 4).await.unwrap(), 7);
    assert_eq!(second.add(3, 4).await.unwrap(), 7);
}

#[tokio::test]
async fn who_has_said_nothing_for_longest_makes_room_for_the_next() {
    let server = bind().await.max_handshakes(2).serve(calc()).unwrap();
    let oldest = Raw::connect(server.local_addr()).await;
    until(|| server.connections() == 1).await;
    let mut silent = Raw::connect(server.local_addr()).await;
    until(|| server.connections() == 2).await;
    assert_eq!(client(&server).await.add(1, 2).await.unwrap(), 3);
    let reason = oldest.refused(15).await;
    assert!(reason.contains("HELLO"), "{reason}");
    silent.send(&hello()).await;
    silent.send(&add(1, 1, 2)).await;
    assert_eq!(silent.frame().await.unwrap().kind, HELLO);
    assert_eq!(silent.response(1).await.code(), 0);
}

#[tokio::test]
async fn where_nobody_may_be_silent_everybody_is_refused() {
    let server = bind().await.max_handshakes(0).serve(calc()).unwrap();
    let reason = Raw::connect(server.local_addr()).await.refused(15).await;
    assert!(reason.contains("HELLO"), "{reason}");
}

#[tokio::test]
async fn a_crowd_of_honest_clients_is_waited_for() {
    let server = bind().await.max_handshakes(4).serve(calc()).unwrap();
    let calls: Vec<_> = (0..200)
        .map(|n| {
            let addr = server.local_addr();
            let mut limits = hton::Limits::default();
            limits.hello_ms = 30_000; // The last of them waits long on a busy machine.
            tokio::spawn(async move {
                let peer = hton::connect(addr).limits(limits).await.unwrap();
                CalcClient::new(peer).add(n, n).await
            })
        })
        .collect();
    for (n, call) in (0..).zip(calls) {
        assert_eq!(call.await.unwrap().unwrap(), 2 * n);
    }
}

#[tokio::test]
async fn a_crowd_of_refused_ones_holds_no_more_than_it_may() {
    let server = bind().await.max_connections(0).serve(calc()).unwrap();
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(crate::raw::dial(server.local_addr()).await);
    }
    // The first are told why, the rest are closed: all of them see the end.
    for mut stream in crowd {
        let mut told = Vec::new();
        let end = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut told);
        timeout(Duration::from_secs(5), end).await.expect("it ends").ok();
    }
    let started = Instant::now();
    server.drain().await;
    assert!(started.elapsed() < Duration::from_secs(1), "nobody waits for the refused");
}

#[hton::service]
trait Visits {
    async fn count(&self) -> u32;
    async fn from(&self) -> String;
}

struct Visit {
    count: AtomicUsize,
    from: String,
}

impl Visits for Visit {
    async fn count(&self) -> u32 {
        u32::try_from(self.count.fetch_add(1, Ordering::SeqCst)).unwrap() + 1
    }

    async fn from(&self) -> String {
        self.from.clone()
    }
}

#[tokio::test]
async fn each_connection_may_have_services_of_its_own() {
    let make = |info: &PeerInfo| {
        let from = info.addr.map(|addr| addr.ip().to_string()).unwrap_or_default();
        (VisitsServer::new(Visit { count: AtomicUsize::new(0), from }), calc())
    };
    let server = bind().await.serve_with(make).unwrap();
    let first = hton::connect(server.local_addr()).await.unwrap();
    let second = VisitsClient::connect(server.local_addr()).await.unwrap();
    let visits = VisitsClient::new(&first);
    assert_eq!([visits.count().await.unwrap(), visits.count().await.unwrap()], [1, 2]);
    assert_eq!(second.count().await.unwrap(), 1);
    assert_eq!(second.from().await.unwrap(), "127.0.0.1");
    assert_eq!(CalcClient::new(&first).add(1, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn services_that_cannot_be_made_cost_one_connection() {
    let made = AtomicUsize::new(0);
    let make = move |_: &PeerInfo| match made.fetch_add(1, Ordering::SeqCst) {
        0 => panic!("the first is unlucky"),
        _ => calc(),
    };
    let server = bind().await.serve_with(make).unwrap();
    let unlucky = hton::connect(server.local_addr()).await.unwrap();
    assert_eq!(unlucky.closed().await.code, Some(CloseCode::INTERNAL));
    assert_eq!(client(&server).await.add(1, 2).await.unwrap(), 3);
    let twice = bind().await.serve_with(|_| (calc(), calc())).unwrap();
    let closed = hton::connect(twice.local_addr()).await.unwrap().closed().await;
    assert_eq!(closed.code, Some(CloseCode::INTERNAL));
    assert!(closed.reason.contains("share the id"), "{closed}");
}

#[hton::service]
trait Names {
    async fn mine(&self, cx: &hton::Context) -> Option<String>;
}

struct Asked(Arc<AtomicUsize>);

impl Names for Asked {
    async fn mine(&self, cx: &hton::Context) -> Option<String> {
        self.0.fetch_add(1, Ordering::SeqCst);
        cx.identity().name().map(str::to_owned)
    }
}

#[tokio::test]
async fn a_token_names_its_owner_and_without_one_no_handler_runs() {
    let ran = Arc::new(AtomicUsize::new(0));
    let verifier = hton::tokens([("alice", "rosebud"), ("bob", "xanadu")]);
    let bound = bind().await.authenticate(verifier);
    let server = bound.serve(NamesServer::new(Asked(Arc::clone(&ran)))).unwrap();
    for (name, token) in [("alice", "rosebud"), ("bob", "xanadu")] {
        let peer = hton::connect(server.local_addr()).token(token).await.unwrap();
        assert_eq!(NamesClient::new(&peer).mine().await.unwrap().as_deref(), Some(name));
    }
    for token in ["", "rosebu", "rosebud2"] {
        let peer = hton::connect(server.local_addr()).token(token).await.unwrap();
        let error = NamesClient::new(&peer).mine().await.unwrap_err();
        assert_eq!((error.code(), error.executed()), (Code::UNAVAILABLE, Executed::No), "{error}");
        assert!(error.to_string().contains("UNAUTHENTICATED"), "{error}");
        let closed = peer.closed().await;
        assert_eq!((closed.code, closed.by_peer), (Some(CloseCode::UNAUTHENTICATED), true));
        assert!(!closed.reason.contains("rosebud"), "{closed}");
    }
    assert_eq!(ran.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_came_with_the_hello_waits_for_the_verdict() {
    let verifier = |token: &[u8], info: &PeerInfo| match token {
        [] if info.addr.is_some_and(|addr| addr.ip().is_loopback()) => Ok(Identity::named("guest")),
        b"boom" => panic!("in the verifier"),
        _ => Err(Refused::new("no\n")),
    };
    let server = bind().await.authenticate(verifier).serve(calc()).unwrap();
    let mut raw = Raw::connect(server.local_addr()).await;
    raw.send(&[hello(), add(1, 1, 2), add(3, 3, 4)].concat()).await;
    assert_eq!(raw.frame().await.unwrap().kind, HELLO);
    assert_eq!(raw.response(1).await.body, 3_i64.to_be_bytes());
    assert_eq!(raw.response(3).await.body, 7_i64.to_be_bytes());
    for token in ["boom", "wrong"] {
        let token = [&[0, 10, 0, u8::try_from(token.len()).unwrap()], token.as_bytes()].concat();
        let body = [&[1, 1, 0, 0], token.as_slice()].concat();
        let hello = crate::raw::frame(HELLO, 0, 0, 0, 0x4854_4f4e, &body);
        let mut raw = Raw::connect(server.local_addr()).await;
        raw.send(&[hello, add(1, 1, 2)].concat()).await;
        raw.refused(14).await; // And no RESPONSE after it.
    }
    assert_eq!(client(&server).await.add(1, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn a_client_may_ask_who_the_server_is_and_calls_nobody_before() {
    let server = bind().await.token("i am calc").serve(calc()).unwrap();
    let dial = |token: &'static str| {
        hton::connect(server.local_addr()).authenticate(hton::tokens([("calc", token)]))
    };
    let peer = dial("i am calc").await.unwrap();
    assert_eq!(CalcClient::new(&peer).add(1, 2).await.unwrap(), 3);
    assert_eq!(peer.identity().name(), Some("calc"));
    let peer = dial("i am calx").await.unwrap();
    let error = CalcClient::new(&peer).add(1, 2).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::UNAVAILABLE, Executed::No), "{error}");
    let closed = peer.closed().await;
    assert_eq!((closed.code, closed.by_peer), (Some(CloseCode::UNAUTHENTICATED), false));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let peer = hton::connect(addr).authenticate(hton::tokens([("calc", "i")])).await.unwrap();
    let call = tokio::spawn(CalcClient::new(&peer).add(1, 2));
    let mut impostor = Raw(listener.accept().await.unwrap().0);
    assert_eq!(impostor.frame().await.unwrap().kind, HELLO);
    impostor.send(&hello()).await;
    assert_eq!(impostor.frame().await.unwrap().kind, GOAWAY, "no REQUEST before it");
    assert_eq!(call.await.unwrap().unwrap_err().executed(), Executed::No);
}

#[tokio::test]
async fn the_report_counts_what_was_finished_and_what_was_cut() {
    let server = serve().await;
    let [first, second] = [client(&server).await, client(&server).await];
    let quick = tokio::spawn(first.sleep(20));
    let never = tokio::spawn(second.never());
    assert_eq!(first.add(1, 2).await.unwrap() + second.add(1, 2).await.unwrap(), 6);
    let report = server.shutdown(Duration::from_millis(200)).await;
    assert_eq!((report.connections, report.connections_cut), (2, 1), "{report}");
    assert_eq!((report.finished, report.cut), (1, 1), "{report}");
    assert!(report.elapsed >= Duration::from_millis(200), "{report}");
    assert_eq!(quick.await.unwrap().unwrap(), 20);
    let error = never.await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::UNAVAILABLE, Executed::Maybe), "{error}");
}

#[tokio::test]
async fn no_grace_cuts_every_call_but_tells_every_peer() {
    let server = serve().await;
    let peer = hton::connect(server.local_addr()).await.unwrap();
    let calc = CalcClient::new(&peer);
    let never = tokio::spawn(calc.never());
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    let report = server.shutdown(Duration::ZERO).await;
    assert_eq!((report.finished, report.cut), (0, 1), "{report}");
    assert!(never.await.unwrap().is_err());
    assert!(matches!(peer.closed().await.code, Some(CloseCode::TIMEOUT | CloseCode::GRACEFUL)));
}

#[tokio::test]
async fn a_server_serves_until_the_signal() {
    let server = serve().await;
    let calc = client(&server).await;
    let (signal, wait) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve_until(wait));
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    assert!(!serving.is_finished());
    signal.send(()).unwrap();
    let report = timeout(Duration::from_secs(5), serving).await.unwrap().unwrap();
    assert_eq!((report.connections, report.cut), (1, 0));
    assert_eq!(calc.add(1, 2).await.unwrap_err().code(), Code::UNAVAILABLE);
}

#[tokio::test]
async fn a_server_that_is_dropped_leaves_without_a_word() {
    let server = serve().await;
    let peer = hton::connect(server.local_addr()).await.unwrap();
    let never = tokio::spawn(CalcClient::new(&peer).never());
    until(|| server.connections() == 1).await;
    drop(server);
    let closed = timeout(Duration::from_secs(5), peer.closed()).await.unwrap();
    assert_eq!(closed.code, None, "{closed}");
    assert_eq!(never.await.unwrap().unwrap_err().code(), Code::UNAVAILABLE);
}

#[tokio::test]
async fn the_end_is_told_to_everybody_who_waits_and_keeps_nothing_open() {
    let server = serve().await;
    let peer = hton::connect(server.local_addr()).await.unwrap();
    let waits: Vec<_> = (0..3).map(|_| tokio::spawn(peer.closed())).collect();
    drop(peer);
    for wait in waits {
        let closed = timeout(Duration::from_secs(5), wait).await.unwrap().unwrap();
        assert_eq!(closed.code, Some(CloseCode::GRACEFUL), "{closed}");
    }
}

/// Set in the process that counts its own descriptors: the same test, run again, alone.
const ALONE: &str = "HTON_TEST_ALONE";

#[cfg(target_os = "linux")]
#[test]
fn a_hundred_lives_leave_no_task_and_no_descriptor() {
    if std::env::var_os(ALONE).is_none() {
        let test = "server_life::a_hundred_lives_leave_no_task_and_no_descriptor";
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let child = child.args(["--exact", test]).env(ALONE, "1").output().unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        live(0).await;
        until(|| tasks() == 0).await;
        let before = descriptors();
        for n in 0..100 {
            live(n).await;
        }
        until(|| tasks() == 0 && descriptors() == before).await;
    });
}

/// One life of a server: some calls are open at its end, which is drained or dropped.
#[cfg(target_os = "linux")]
async fn live(n: usize) {
    let address = match n % 2 {
        0 => "127.0.0.1:0".into(),
        _ => crate::unix::fresh_path("life"),
    };
    let server = Server::bind(address).await.unwrap().serve(calc()).unwrap();
    let calc = client(&server).await;
    let open = tokio::spawn(calc.never());
    let quick = tokio::spawn(calc.sleep(1));
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    if n % 3 == 0 {
        drop(server);
    } else {
        server.shutdown(Duration::from_millis(if n % 3 == 1 { 0 } else { 5 })).await;
    }
    assert!(open.await.unwrap().is_err());
    quick.await.unwrap().ok();
}

#[hton::service]
trait Leaver {
    /// Closes the connection gracefully, and never ends.
    async fn leave(&self, cx: &hton::Context);
}

struct MyLeaver(tokio::sync::Notify);

impl Leaver for MyLeaver {
    async fn leave(&self, cx: &hton::Context) {
        cx.peer().close();
        self.0.notify_one();
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_no_longer_for_those_who_leave_already() {
    let leaver = Arc::new(MyLeaver(tokio::sync::Notify::new()));
    let server = bind().await.serve(LeaverServer::from_arc(leaver.clone())).unwrap();
    let (near, far) = hton::memory();
    server.adopt(far, PeerInfo::default());
    let near = hton::attach(near, hton::Side::Dialer).start();
    let call = tokio::spawn(LeaverClient::new(&near).leave());
    leaver.0.notified().await;
    let report = server.shutdown(Duration::from_millis(100)).await;
    assert!(report.elapsed < Duration::from_secs(3), "{report}");
    assert_eq!(report.cut, 1, "{report}");
    assert_eq!(call.await.unwrap().unwrap_err().code(), Code::UNAVAILABLE);
}
