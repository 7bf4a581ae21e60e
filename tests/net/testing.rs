//! What the helpers for tests promise: services without a port, faults that come again, mocks.

use crate::service::{CalcClient, CalcServer, MathError, MyCalc};
use hton::testing::{self, Faults, Mock};
use hton::{Bytes, CallError, Code, Executed, Peer, Rx, Status, Stream, stream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

#[hton::service]
trait Tally {
    async fn add(&self, n: u64) -> u64;
    fn count(&self, to: u32) -> impl Stream<Item = u32>;
    async fn sum(&self, numbers: Rx<u64>) -> Result<u64, Status>;
}

#[derive(Default)]
struct MyTally {
    calls: AtomicUsize,
}

impl Tally for MyTally {
    async fn add(&self, n: u64) -> u64 {
        self.calls.fetch_add(1, Ordering::SeqCst);
        n + 1
    }

    fn count(&self, to: u32) -> impl Stream<Item = u32> {
        stream::iter(0..to)
    }

    async fn sum(&self, mut numbers: Rx<u64>) -> Result<u64, Status> {
        let mut sum = 0;
        while let Some(n) = numbers.recv().await? {
            sum += n;
        }
        Ok(sum)
    }
}

/// A client of a tally with these faults between them, and the tally.
fn tally(faults: Faults) -> (TallyClient, Arc<MyTally>, Peer) {
    let tally = Arc::new(MyTally::default());
    let service = TallyServer::from_arc(Arc::clone(&tally));
    let (near, far) = testing::pair().far(service).faults(faults).start();
    (TallyClient::new(near), tally, far)
}

/// Cuts a call at every byte until it gets through. It ends with its result or as a lost connection, soon,
/// and what says that it was not executed was not.
async fn cut_everywhere(cut: impl Fn(u64) -> Faults, slow: Duration) -> u64 {
    for n in 0..1000 {
        let (tally, served, _far) = tally(cut(n));
        let started = Instant::now();
        let result = tally.add(41).await;
        assert!(started.elapsed() <= slow, "cut at {n}: {:?}", started.elapsed());
        match result {
            Ok(sum) => {
                assert_eq!(sum, 42);
                return n;
            }
            Err(error) => {
                assert_eq!(error.code(), Code::UNAVAILABLE, "cut at {n}: {error}");
                if error.executed() == Executed::No {
                    assert_eq!(served.calls.load(Ordering::SeqCst), 0, "cut at {n}: {error}");
                }
            }
        }
    }
    panic!("no call got through")
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cut_at_any_byte_ends() {
    let soon = Duration::from_secs(3);
    let written = cut_everywhere(|n| Faults::seeded(1).cut_after_writing(n), soon).await;
    let read = cut_everywhere(|n| Faults::seeded(1).cut_after_reading(n), soon).await;
    // A HELLO and a frame each way, at least.
    assert!(written > 70 && read > 60, "{written} {read}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cut_at_any_byte_ends_also_in_small_pieces_with_delays() {
    let slow = Duration::from_secs(10);
    let faults = |n| Faults::seeded(n).dribble(5).delay(Duration::ZERO..Duration::from_millis(9));
    cut_everywhere(|n| faults(n).cut_after_writing(n), slow).await;
    cut_everywhere(|n| faults(n).cut_after_reading(n), slow).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_at_any_byte_never_looks_complete() {
    for n in 0..2000 {
        let (tally, _served, _far) = tally(Faults::seeded(n).cut_after_reading(n));
        let mut items = tally.count(20).timeout(Duration::from_secs(60));
        let mut expected = 0;
        let end = loop {
            match items.recv().await {
                Ok(Some(item)) => assert_eq!(item, std::mem::replace(&mut expected, item + 1)),
                Ok(None) => break None,
                Err(error) => break Some(error.code()),
            }
        };
        match end {
            None => {
                assert_eq!(expected, 20);
                return;
            }
            Some(code) => assert_eq!(code, Code::UNAVAILABLE, "cut at {n}"),
        }
    }
    panic!("no stream got through");
}

#[tokio::test(start_paused = true)]
async fn large_messages_and_uploads_that_are_cut_end_too() {
    for n in (0..220_000).step_by(29_989) {
        for faults in
            [Faults::seeded(n).cut_after_writing(n), Faults::seeded(n).cut_after_reading(n)]
        {
            let (near, _far) =
                testing::pair().far(CalcServer::new(MyCalc::new())).faults(faults.clone()).start();
            let blob = CalcClient::new(near).blob(Bytes::from(vec![7; 200_000])).await;
            assert!(n >= 200_000 || blob.is_err_and(|error| error.code() == Code::UNAVAILABLE));
            let (tally, _served, _far) = tally(faults);
            let numbers = stream::iter(0..20_000);
            let sum = tally.sum(numbers).timeout(Duration::from_secs(60)).await;
            match sum {
                Ok(sum) => assert_eq!(sum, 19_999 * 10_000),
                Err(error) => assert_eq!(error.code(), Code::UNAVAILABLE, "cut at {n}"),
            }
        }
    }
}

/// The trace of some calls: when each ended, and how.
async fn trace(seed: u64) -> Vec<(Duration, Result<u64, Code>)> {
    let delay = Duration::from_millis(1)..Duration::from_millis(50);
    let faults = Faults::seeded(seed).dribble(9).delay(delay).cut_after_reading(400);
    let (tally, _served, _far) = tally(faults);
    let started = Instant::now();
    let mut trace = Vec::new();
    for n in 0..20 {
        let result = tally.add(n).await.map_err(|error| error.code());
        trace.push((started.elapsed(), result));
    }
    trace
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_brings_the_same_faults() {
    let began = std::time::Instant::now();
    let first = trace(7).await;
    assert_eq!(first, trace(7).await);
    assert_ne!(first, trace(8).await);
    assert!(first.iter().any(|(_, result)| result.is_ok()));
    assert_eq!(first.last().map(|(_, result)| *result), Some(Err(Code::UNAVAILABLE)));
    // Time is paused: what took long took none.
    assert!(first.last().is_some_and(|(after, _)| *after > Duration::from_millis(500)));
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn single_bytes_are_enough() {
    let (tally, _served, _far) = tally(Faults::seeded(3).dribble(1));
    assert_eq!(tally.add(1).await.unwrap(), 2);
    assert_eq!(stream::collect(tally.count(300)).await.len(), 300);
    assert_eq!(tally.sum(stream::iter(0..300)).await.unwrap(), 300 * 299 / 2);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stalls_is_given_up_by_keepalive_or_the_deadline() {
    for faults in
        [Faults::seeded(0).stall_after_writing(90), Faults::seeded(0).stall_after_reading(70)]
    {
        let (tally, _served, _far) = tally(faults.clone());
        let started = Instant::now();
        let error = tally.add(1).await.unwrap_err();
        assert_eq!(error.code(), Code::UNAVAILABLE, "{error}");
        assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
        let (tally, _served, _far) = self::tally(faults);
        let error = tally.add(1).timeout(Duration::from_secs(2)).await.unwrap_err();
        assert_eq!(error.code(), Code::DEADLINE_EXCEEDED, "{error}");
    }
}

#[test]
fn a_test_needs_no_runtime_of_its_own() {
    let calc = CalcClient::new(testing::client(CalcServer::new(MyCalc::new())));
    assert_eq!(calc.add(1, 2).wait().unwrap(), 3);
    let error = calc.divide(1, 0).wait().unwrap_err();
    assert_eq!(error.declared(), Some(&MathError::DivisionByZero));
}

#[tokio::test]
async fn the_service_of_a_client_goes_with_the_last_handle() {
    let tally = Arc::new(MyTally::default());
    let peer = testing::client(TallyServer::from_arc(Arc::clone(&tally)));
    let clone = peer.clone();
    drop(peer);
    assert_eq!(TallyClient::new(clone).add(1).await.unwrap(), 2);
    while Arc::strong_count(&tally) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn both_ends_of_a_pair_serve() {
    let pair = testing::pair().near(TallyServer::new(MyTally::default()));
    let (near, far) = pair.far(CalcServer::new(MyCalc::new())).start();
    assert_eq!(CalcClient::new(&near).add(1, 2).await.unwrap(), 3);
    assert_eq!(TallyClient::new(&far).add(1).await.unwrap(), 2);
}

#[test]
#[should_panic(expected = "share the id")]
fn two_services_with_one_name_are_refused() {
    let twice = (TallyServer::new(MyTally::default()), TallyServer::new(MyTally::default()));
    let _peer = testing::client(twice);
}

#[tokio::test]
async fn a_mock_answers_what_it_was_given_and_notes_what_came() {
    let mock = Mock::new()
        .on("Calc/add", |(a, b): (i64, i64)| a * b)
        .on_err("Calc/divide", |(a, b): (i64, i64)| match b {
            0 => Err(MathError::DivisionByZero),
            _ => Ok(a / b),
        })
        .on("Calc/panic", |()| -> () { panic!("as it was told") })
        .on("Calc/blob", |(bytes,): (Vec<u8>,)| bytes)
        .expect("Calc/add", 2)
        .expect("Calc/divide", 2)
        .expect("Calc/echo", 0);
    let calc = CalcClient::new(testing::client(mock.clone()));
    assert_eq!(calc.add(3, 4).metadata("k", "v").await.unwrap(), 12);
    assert_eq!(calc.add(5, 6).await.unwrap(), 30);
    assert_eq!(mock.arguments::<(i64, i64)>("Calc/add"), [(3, 4), (5, 6)]);
    assert_eq!(mock.metadata("Calc/add").first().and_then(|sent| sent.get_str("k")), Some("v"));
    assert_eq!(calc.divide(9, 3).await.unwrap(), 3);
    assert!(matches!(calc.divide(1, 0).await, Err(CallError::Declared(MathError::DivisionByZero))));
    assert_eq!(calc.blob(Bytes::from_static(b"abc")).await.unwrap(), "abc");
    assert_eq!(calc.panic().await.unwrap_err().code(), Code::INTERNAL);
    let unknown = calc.echo(String::new()).await.unwrap_err();
    assert_eq!((unknown.code(), unknown.executed()), (Code::UNIMPLEMENTED, Executed::No));
    assert_eq!((mock.calls("Calc/add"), mock.calls("Calc/echo")), (2, 0));
    mock.verify();
    assert_eq!(calc.add(0, 0).await.unwrap(), 0);
    let verified = std::thread::spawn(move || mock.verify()).join().unwrap_err();
    let text = verified.downcast_ref::<String>().unwrap();
    assert_eq!(text, "Calc/add: 3 calls instead of 2");
}

#[tokio::test]
async fn a_mock_refuses_arguments_of_other_types_and_may_answer_with_a_status_or_items() {
    let mock = Mock::new()
        .on("Calc/add", |(a,): (i64,)| a)
        .on_status("Tally/add", |(n,): (u64,)| match n {
            0 => Err(Status::unavailable("try later").with_app(7)),
            _ => Ok(n),
        })
        .on_items("Tally/count", |(to,): (u32,)| (0..to).rev().collect::<Vec<_>>());
    let peer = testing::client(mock.clone());
    let error = CalcClient::new(&peer).add(1, 2).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::INVALID_ARGUMENT, Executed::No));
    let tally = TallyClient::new(&peer);
    assert_eq!(tally.add(1).await.unwrap(), 1);
    let error = tally.add(0).await.unwrap_err();
    assert_eq!((error.code(), error.failure().map(|f| f.app())), (Code::UNAVAILABLE, Some(7)));
    let items: Result<Vec<_>, _> = stream::collect(tally.count(3)).await.into_iter().collect();
    assert_eq!(items.unwrap(), [2, 1, 0]);
    let error = tally.sum(stream::empty()).await.unwrap_err();
    assert_eq!(error.code(), Code::UNIMPLEMENTED);
}

#[hton::service]
trait Log {
    #[hton(oneway)]
    async fn write(&self, line: String);
}

#[tokio::test]
async fn a_mock_takes_one_way_calls() {
    let (written, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let mock = Mock::new().on_oneway("Log/write", move |(line,): (String,)| {
        written.send(line).unwrap();
    });
    let log = LogClient::new(testing::client(mock.clone()));
    log.write("one".to_owned()).await.unwrap();
    assert_eq!(lines.recv().await.as_deref(), Some("one"));
    assert_eq!(mock.calls("Log/write"), 1);
}

#[test]
fn the_documents_show_a_whole_test_of_a_service_in_ten_lines() {
    let source = include_str!("../../src/lib.rs");
    let (_, docs) = source.split_once("A test of a service, which needs no runtime").unwrap();
    let code = docs.split("/// ```").nth(1).unwrap();
    let shown = code.lines().map(|line| line.trim_start_matches('/').trim());
    let shown: Vec<_> = shown.filter(|line| !line.is_empty() && !line.starts_with("# ")).collect();
    assert!(shown.len() <= 10, "{shown:#?}");
    assert!(shown.contains(&"fn it_greets() {"), "{shown:#?}");
}
