//! Who waits, for how long, and what waiting costs: callers that block, calls by the thousand, limits of time.

use crate::crowds::is_alone;
use crate::service::{CalcClient, CalcServer, MyCalc, client, serve};
use crate::unix::fresh_path;
use hton::testing::{self, Faults};
use hton::{Backoff, Bytes, CloseCode, Code, Limits, Peer, Server, Side, attach, blocking};
use std::future::IntoFuture;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout};

fn calc() -> CalcServer<MyCalc> {
    CalcServer::new(MyCalc::new())
}

fn serve_blocking() -> (Server, Peer) {
    let server = blocking::bind("127.0.0.1:0").unwrap().serve(calc()).unwrap();
    let peer = blocking::connect(server.local_addr()).unwrap();
    (server, peer)
}

#[test]
fn a_blocking_call_returns_when_its_handler_does_and_not_before() {
    let (_server, peer) = serve_blocking();
    let started = std::time::Instant::now();
    assert_eq!(CalcClient::new(&peer).sleep(150).wait().unwrap(), 150);
    assert!(started.elapsed() >= Duration::from_millis(150));
}

#[test]
fn while_one_thread_waits_for_its_call_others_make_theirs_on_the_same_connection() {
    let (_server, peer) = serve_blocking();
    let calc = CalcClient::new(&peer);
    let held = thread::spawn({
        let calc = calc.clone();
        move || calc.hold(1).wait()
    });
    while peer.open_calls() == 0 {
        thread::yield_now();
    }
    for n in 0..100 {
        assert_eq!(calc.add(n, 1).wait().unwrap(), n + 1);
    }
    assert!(!held.is_finished(), "100 calls have ended, and the first has not");
    assert_eq!(calc.release().wait().unwrap(), 1);
    assert_eq!(held.join().unwrap().unwrap(), 1);
}

/// Fifty times a second is what an eye takes for at once.
#[test]
fn a_window_goes_on_ticking_while_a_worker_thread_waits() {
    let (_server, peer) = serve_blocking();
    let calc = CalcClient::new(&peer);
    let worker = thread::spawn(move || calc.sleep(500).wait().unwrap());
    let (started, mut ticks) = (std::time::Instant::now(), 0);
    while !worker.is_finished() {
        thread::sleep(Duration::from_millis(2));
        ticks += 1;
    }
    let rate = f64::from(ticks) / started.elapsed().as_secs_f64();
    assert_eq!(worker.join().unwrap(), 500);
    assert!(rate >= 50.0, "{rate} ticks a second");
}

/// Time of a processor that this process has had.
#[cfg(target_os = "linux")]
fn processor_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let nanos = tasks.map(|task| {
        let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        text.split(' ').next().unwrap().parse::<u64>().unwrap()
    });
    Duration::from_nanos(nanos.sum())
}

/// 50 ms within 5 s; here 20 ms within 2 s, for a caller that blocks, one that awaits, and their server.
#[cfg(target_os = "linux")]
#[test]
fn whoever_waits_takes_no_time_of_a_processor() {
    if !is_alone("waiting::whoever_waits_takes_no_time_of_a_processor") {
        return;
    }
    let (_server, peer) = serve_blocking();
    let calc = CalcClient::new(&peer);
    assert_eq!(calc.add(1, 2).wait().unwrap(), 3);
    let awaited = calc.sleep(2_000);
    let before = processor_time();
    let waiting = thread::spawn(move || blocking::wait(awaited).unwrap().unwrap());
    assert_eq!(calc.sleep(2_000).wait().unwrap(), 2_000);
    assert_eq!(waiting.join().unwrap(), 2_000);
    let took = processor_time() - before;
    assert!(took < Duration::from_millis(20), "{took:?} within two seconds of waiting");
}

/// A server and a client between which a thousand calls may be open.
async fn wide() -> (Server, Peer) {
    let mut limits = Limits::default();
    limits.calls = 1_000;
    let bound = Server::bind("127.0.0.1:0").await.unwrap().limits(limits);
    let server = bound.serve(calc()).unwrap();
    let peer = hton::connect(server.local_addr()).await.unwrap();
    assert_eq!(CalcClient::new(&peer).add(1, 2).await.unwrap(), 3); // It knows the limit now.
    (server, peer)
}

#[tokio::test]
async fn a_thousand_calls_are_open_at_once_on_one_connection() {
    let (_server, peer) = wide().await;
    let calc = CalcClient::new(&peer);
    assert_eq!(peer.open_calls(), 0);
    let calls: Vec<_> = (0..999).map(|_| tokio::spawn(calc.hold(1))).collect();
    while peer.open_calls() < 999 {
        tokio::task::yield_now().await;
    }
    // The thousandth lets all of them go.
    assert_eq!(calc.release().await.unwrap(), 1);
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), 1);
    }
    assert_eq!(peer.open_calls(), 0);
}

/// The bound in real time is for a busy machine and a debug build: nothing here waits for anything.
#[tokio::test]
async fn starting_a_thousand_calls_waits_for_none_of_them() {
    let (_server, peer) = wide().await;
    let calc = CalcClient::new(&peer);
    let started = Instant::now();
    let calls: Vec<_> = (0..1_000).map(|_| tokio::spawn(calc.sleep(1_000))).collect();
    let begun = started.elapsed();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), 1_000);
    }
    let ended = started.elapsed();
    assert!(begun < Duration::from_millis(100), "{begun:?}");
    assert!(ended >= Duration::from_secs(1) && ended < Duration::from_secs(2), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_calls_over_a_long_line_take_a_few_round_trips() {
    let delay = Duration::from_millis(50);
    let faults = Faults::seeded(1).delay(delay..delay);
    let (near, _far) = testing::pair().far(calc()).faults(faults).start();
    let calc = CalcClient::new(near);
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    let started = Instant::now();
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    let one = started.elapsed();
    assert!(one >= Duration::from_millis(100), "50 ms there and 50 ms back, not {one:?}");
    let started = Instant::now();
    let calls: Vec<_> = (0..1_000).map(|n| tokio::spawn(calc.add(n, 1))).collect();
    for (n, call) in (0..).zip(calls) {
        assert_eq!(call.await.unwrap().unwrap(), n + 1);
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}; one by one they would take 100 s");
}

/// Whether something that is to take so long did, within a tenth.
#[track_caller]
fn assert_took(started: Instant, ms: u64, what: &str) {
    let took = started.elapsed();
    let (least, most) = (Duration::from_millis(ms), Duration::from_millis(ms + ms / 10));
    assert!(took >= least && took <= most, "{what}: {took:?} instead of {ms} ms");
}

// Verifies: call.deadline.caller, conn.keepalive.answer, conn.write-stall
#[tokio::test(start_paused = true)]
async fn every_limit_of_time_is_kept_within_a_tenth() {
    let (near, _far) = testing::pair().far(calc()).start();
    let started = Instant::now();
    let late = CalcClient::new(&near).never().timeout(Duration::from_secs(2)).await.unwrap_err();
    assert_eq!(late.code(), Code::DEADLINE_EXCEEDED);
    assert_took(started, 2_000, "the deadline of a call");

    let started = Instant::now();
    let dial = || std::future::pending::<std::io::Result<tokio::net::TcpStream>>();
    let connect = hton::connect("nobody").dial_with(dial).connect_timeout(Duration::from_secs(3));
    assert_eq!(connect.await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_took(started, 3_000, "opening a connection");

    let (near, silent) = hton::memory();
    let (started, peer) = (Instant::now(), attach(near, Side::Acceptor).start());
    assert_eq!(peer.closed().await.code, Some(CloseCode::TIMEOUT));
    assert_took(started, 5_000, "a HELLO that does not come");
    drop(silent);

    let (near, mut idle) = hton::memory();
    let peer = attach(near, Side::Acceptor).start();
    idle.write_all(&crate::raw::hello()).await.unwrap();
    let started = Instant::now();
    assert_eq!(peer.closed().await.code, Some(CloseCode::TIMEOUT));
    assert_took(started, 20_000, "a peer that has fallen silent");

    let (near, mut full) = hton::memory();
    let peer = attach(near, Side::Dialer).start();
    full.write_all(&crate::raw::hello()).await.unwrap();
    sleep(Duration::from_millis(1)).await;
    let started = Instant::now();
    let blob = Bytes::from(vec![7; 1 << 20]);
    let call = CalcClient::new(&peer).blob(blob).timeout(Duration::from_secs(3600));
    assert_eq!(call.await.unwrap_err().code(), Code::UNAVAILABLE);
    assert_took(started, 10_000, "a peer that takes no bytes");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_overtakes_an_upload_that_is_under_way() {
    const BYTES: u32 = 100 << 20;
    let mut limits = Limits::default();
    limits.message_bytes = BYTES + 8;
    limits.reassembly_bytes = BYTES + 8;
    // All of it waits here, and leaves room for the calls of others.
    limits.send_buffer_bytes = 2 * BYTES as usize;
    // About 10 MiB a second: the upload alone takes ten.
    let faults =
        Faults::seeded(6).dribble(64 << 10).delay(Duration::ZERO..Duration::from_millis(6));
    let pair = testing::pair().far(calc()).limits(limits);
    let (near, _far) = pair.faults(faults).start();
    let calc = CalcClient::new(&near);
    let doomed = calc.never().timeout(Duration::from_secs(3600));
    let handle = doomed.handle();
    let doomed = tokio::spawn(doomed);
    while calc.nevers().await.unwrap() == 0 {}
    let blob = Bytes::from(vec![7; BYTES as usize]);
    let upload = tokio::spawn(calc.blob(blob.clone()).timeout(Duration::from_secs(3600)));
    while near.stats().bytes_out < 1 << 20 {
        sleep(Duration::from_millis(1)).await;
    }
    let started = Instant::now();
    handle.cancel();
    assert_eq!(doomed.await.unwrap().unwrap_err().code(), Code::CANCELLED);
    while calc.nevers().await.unwrap() > 0 {}
    assert!(started.elapsed() < Duration::from_millis(200), "{:?}", started.elapsed());
    assert!(near.stats().bytes_out < u64::from(BYTES / 2), "most of the upload is still to come");
    assert!(upload.await.unwrap().unwrap() == blob);
}

#[tokio::test(start_paused = true)]
async fn who_comes_two_seconds_before_the_server_waits_for_it_only_if_told_to() {
    let address = fresh_path("early");
    let started = Instant::now();
    let error = hton::connect(&address).await.unwrap_err();
    assert_eq!((error.kind(), started.elapsed()), (ErrorKind::NotFound, Duration::ZERO), "{error}");
    let refused = hton::connect(crate::kinds::free()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{refused}");

    let patient = hton::connect(&address).retry(Backoff::default().seed(4));
    let dialing = tokio::spawn(patient.into_future());
    sleep(Duration::from_secs(2)).await;
    assert!(!dialing.is_finished());
    let _server = Server::bind(&address).await.unwrap().serve(calc()).unwrap();
    let peer = dialing.await.unwrap().expect("it is found");
    assert_eq!(CalcClient::new(&peer).add(1, 2).await.unwrap(), 3);
}

/// Set in the process that is to be stopped: the same test, run again.
const STOPPED: &str = "HTON_TEST_STOPPED";

#[cfg(unix)]
#[test]
fn a_process_that_is_stopped_is_found_in_the_time_that_was_set() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if std::env::var_os(STOPPED).is_some() {
        return runtime.block_on(async {
            let server = serve().await;
            println!("serving {}", server.local_addr());
            std::future::pending().await
        });
    }
    let test = "waiting::a_process_that_is_stopped_is_found_in_the_time_that_was_set";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(STOPPED, "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut lines = std::io::BufRead::lines(output).map_while(Result::ok);
    let address = lines.find_map(|line| Some(line.split_once("serving ")?.1.to_owned())).unwrap();
    let id = child.id().to_string();
    let found = runtime.block_on(async {
        let mut limits = Limits::default();
        (limits.keepalive_after_ms, limits.keepalive_answer_ms) = (200, 300);
        let peer = hton::connect(address).limits(limits).await.unwrap();
        let calc = CalcClient::new(&peer);
        assert_eq!(calc.add(1, 2).await.unwrap(), 3);
        let stopped = std::process::Command::new("kill").args(["-STOP", &id]).status().unwrap();
        let told = Instant::now();
        // It may answer for a moment: the signal is on its way to its threads.
        let (started, error) = loop {
            let started = Instant::now();
            match calc.add(1, 2).await {
                Ok(_) => assert!(told.elapsed() < Duration::from_secs(5), "it goes on"),
                Err(error) => break (started, error),
            }
        };
        let closed = timeout(Duration::from_secs(5), peer.closed()).await.expect("it is found");
        (stopped.success(), error.code(), closed.code, started.elapsed())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let (stopped, call, close, took) = found;
    assert!(stopped);
    assert_eq!((call, close), (Code::UNAVAILABLE, Some(CloseCode::TIMEOUT)));
    assert!(took >= Duration::from_millis(400) && took < Duration::from_secs(3), "{took:?}");
}

/// `HTON_LATENCY_CALLS=100000` asks for the calls of the promise, and then holds the slowest to 100 ms unless
/// the machine itself stood still for as long; otherwise there are few, beside other tests.
#[tokio::test]
async fn calls_over_loopback_meet_no_stall() {
    let asked = std::env::var("HTON_LATENCY_CALLS").ok().and_then(|calls| calls.parse().ok());
    let calls: i64 = asked.unwrap_or(3_000);
    let server = serve().await;
    let calc = client(&server).await;
    let stop = Arc::new(AtomicBool::new(false));
    let machine = thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let mut longest = Duration::ZERO;
            while !stop.load(Ordering::Relaxed) {
                let before = std::time::Instant::now();
                thread::sleep(Duration::from_millis(1));
                longest = longest.max(before.elapsed());
            }
            longest
        }
    });
    let mut micros = hdrhistogram::Histogram::<u64>::new(3).unwrap();
    for n in 0..calls {
        let before = std::time::Instant::now();
        assert_eq!(calc.add(n, 1).await.unwrap(), n + 1);
        micros.saturating_record(u64::try_from(before.elapsed().as_micros()).unwrap());
    }
    stop.store(true, Ordering::Relaxed);
    let stood_still = machine.join().unwrap();
    let [half, most, slowest] =
        [micros.value_at_quantile(0.5), micros.value_at_quantile(0.99), micros.max()];
    println!(
        "{calls} calls: median {half} µs, p99 {most} µs, slowest {slowest} µs; the machine stood still \
         for {stood_still:?}"
    );
    assert!(half < 20_000, "{half} µs: a delayed acknowledgement takes 40 ms or more");
    assert!(most < 100_000, "{most} µs");
    if asked.is_some() {
        let excused = stood_still.as_micros() >= u128::from(slowest / 2);
        assert!(slowest < 100_000 || excused, "{slowest} µs, and the machine ran");
    }
}
