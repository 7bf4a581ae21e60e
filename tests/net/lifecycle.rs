//! Beginning and end: of servers, of connections, of handles.

use crate::service::{CalcClient, client, serve};
use hton::{Code, Executed, Side};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};
use tokio::time::timeout;

#[tokio::test]
async fn a_drained_server_finishes_what_it_accepted() {
    let server = serve().await;
    let calc = client(&server).await;
    let sleeping = tokio::spawn(calc.sleep(100));
    assert_eq!(calc.add(1, 2).await.unwrap(), 3); // Both left in one write: the sleep is accepted, too.
    let started = Instant::now();
    server.drain().await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(sleeping.await.unwrap().unwrap(), 100);
    let late = calc.add(1, 2).await.unwrap_err();
    assert_eq!((late.code(), late.executed()), (Code::UNAVAILABLE, Executed::No), "{late}");
}

#[tokio::test]
async fn the_last_handle_closes_the_connection_and_the_one_before_does_not() {
    let server = serve().await;
    let calc = client(&server).await;
    let clone = calc.clone();
    drop(calc);
    assert_eq!(clone.add(1, 2).await.unwrap(), 3);
    assert_eq!(server.connections(), 1);
    drop(clone);
    while server.connections() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_closed_peer_refuses_at_once() {
    let server = serve().await;
    let peer = hton::connect(server.local_addr()).await.unwrap();
    let calc = CalcClient::new(&peer);
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    peer.close();
    let error = calc.add(1, 2).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::UNAVAILABLE, Executed::No), "{error}");
}

#[tokio::test]
async fn connecting_tries_every_address_and_names_each() {
    let server = serve().await;
    let name = format!("localhost:{}", server.local_addr().port().unwrap());
    let calc = CalcClient::connect(name).await.unwrap(); // ::1 is refused, 127.0.0.1 is not.
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = hton::connect(free).await.unwrap_err();
    assert!(matches!(error, hton::Error::Connect { .. }), "{error}");
    assert!(error.to_string().contains(&free.to_string()), "{error}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_its_own_error() {
    let error = hton::connect("no port in here").await.unwrap_err();
    assert!(matches!(error, hton::Error::Resolve { .. }), "{error}");
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let server = serve().await;
    let error = hton::Server::bind(server.local_addr()).await.unwrap_err();
    assert!(matches!(error, hton::Error::Bind { .. }), "{error}");
    assert!(error.to_string().contains(&server.local_addr().to_string()), "{error}");
}

#[tokio::test]
async fn a_server_may_start_again_on_its_port() {
    let server = serve().await;
    let addr = server.local_addr();
    let calc = client(&server).await;
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    server.drain().await;
    let again = hton::Server::bind(addr).await.unwrap();
    let again =
        again.serve(crate::service::CalcServer::new(crate::service::MyCalc::new())).unwrap();
    assert_eq!(client(&again).await.add(3, 4).await.unwrap(), 7);
}

#[tokio::test]
async fn a_small_call_waits_for_no_delayed_acknowledgement() {
    // Which would take 40 ms or more.
    let server = serve().await;
    let calc = client(&server).await;
    let mut fastest = Duration::MAX;
    for n in 0..50 {
        let started = Instant::now();
        assert_eq!(calc.add(n, n).await.unwrap(), 2 * n);
        fastest = fastest.min(started.elapsed());
    }
    assert!(fastest < Duration::from_millis(20), "{fastest:?}");
}

/// Set in the process that serves with few descriptors: the same test, run again.
const FEW: &str = "HTON_TEST_FEW_DESCRIPTORS";

#[test]
fn a_shortage_of_descriptors_does_not_end_the_listener() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if std::env::var_os(FEW).is_some() {
        return runtime.block_on(async {
            let server = serve().await;
            println!("serving {}", server.local_addr());
            // Until the parent closes its end of the pipe.
            let stdin = || std::io::stdin().read_line(&mut String::new());
            tokio::task::spawn_blocking(stdin).await.unwrap().unwrap();
        });
    }
    let test = "lifecycle::a_shortage_of_descriptors_does_not_end_the_listener";
    let mut child = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 40 && exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(FEW, "1")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut lines = std::io::BufRead::lines(output).map_while(Result::ok);
    let addr = lines
        .by_ref()
        .find_map(|line| line.split_once("serving ").map(|(_, addr)| addr.to_owned()))
        .unwrap();
    runtime.block_on(async {
        let early = CalcClient::connect(&addr).await.unwrap();
        assert_eq!(early.add(1, 2).await.unwrap(), 3);
        let mut crowd = Vec::new();
        for _ in 0..100 {
            // The system accepts for the listener; the process has no descriptors for all.
            crowd.push(tokio::net::TcpStream::connect(&addr).await.unwrap());
        }
        // A greeting is longer than a byte, so who was greeted stays so.
        let greeted = |stream: &tokio::net::TcpStream| stream.try_read(&mut [0; 1]).is_ok();
        loop {
            assert_eq!(early.add(3, 4).await.unwrap(), 7);
            let served = crowd.iter().filter(|stream| greeted(stream)).count();
            assert!(served < 40, "there is no shortage");
            if served > 20 {
                break;
            }
        }
        drop(crowd);
        let late = CalcClient::connect(&addr).await.unwrap();
        let call = late.add(5, 6).timeout(Duration::from_secs(10));
        assert_eq!(call.await.unwrap(), 11);
    });
    drop(child.stdin.take());
    lines.for_each(drop);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_connection_whose_task_never_ran_fails_its_calls() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (near, _far) = hton::memory();
    let first = runtime();
    let peer = first.block_on(async { hton::attach(near, Side::Dialer).start() });
    drop(first);
    let call = CalcClient::new(&peer).add(1, 2);
    let ended = runtime().block_on(async { timeout(Duration::from_secs(10), call).await });
    let error = ended.expect("it ends at once").expect_err("nobody drives it");
    assert_eq!((error.code(), error.executed()), (Code::UNAVAILABLE, Executed::No));
}

/// Counted by how many hold it.
struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

#[tokio::test]
async fn who_stops_waiting_for_the_end_of_a_connection_leaves_nothing_there() {
    let (near, _far) = hton::memory();
    let peer = hton::attach(near, Side::Dialer).start();
    let nobody = Arc::new(Nobody);
    for _ in 0..2 {
        let waker = Waker::from(nobody.clone());
        let mut closed = Box::pin(peer.closed());
        assert!(closed.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop((closed, waker));
        assert_eq!(Arc::strong_count(&nobody), 1);
    }
}
