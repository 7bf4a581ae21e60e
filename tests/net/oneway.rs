//! What one-way calls promise: written, not answered, bounded, and in order where that was asked for.

use crate::raw::{Raw, hello};
use hton::{Bytes, Code, Context, Executed, Limits, Peer, Rx, Server, Side, Stream, stream};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

#[hton::service]
trait Log {
    #[hton(oneway)]
    async fn write(&self, line: u32);
    #[hton(oneway)]
    async fn blob(&self, bytes: Bytes);
    /// Waits for the gate.
    #[hton(oneway)]
    async fn slow(&self, line: u32, bytes: Bytes);
    #[hton(oneway)]
    async fn panic(&self);
    #[hton(oneway)]
    async fn never(&self);
    /// Floods the caller with one-way calls, and answers how many were sent.
    async fn flood(&self, cx: &Context) -> u32;
    async fn lines(&self) -> Vec<u32>;
}

/// The same methods, seen otherwise.
#[hton::service(name = "Log")]
trait OtherLog {
    async fn write(&self, line: u32);
    #[hton(oneway)]
    async fn lines(&self);
    #[hton(oneway)]
    async fn unheard_of(&self);
    #[hton(oneway)]
    async fn blob(&self, no_bytes: bool);
}

struct MyLog {
    lines: watch::Sender<Vec<u32>>,
    gate: Semaphore,
    /// How many handlers of `never` exist.
    nevers: watch::Sender<u32>,
}

impl MyLog {
    fn new() -> Arc<Self> {
        let (lines, nevers) = (watch::Sender::new(Vec::new()), watch::Sender::new(0));
        Arc::new(Self { lines, gate: Semaphore::new(0), nevers })
    }

    async fn has_written(&self, count: usize) {
        let mut lines = self.lines.subscribe();
        lines.wait_for(|lines| lines.len() == count).await.expect("the log is there");
    }
}

impl Log for MyLog {
    async fn write(&self, line: u32) {
        self.lines.send_modify(|lines| lines.push(line));
    }

    async fn blob(&self, bytes: Bytes) {
        self.write(u32::try_from(bytes.len()).expect("small")).await;
    }

    async fn slow(&self, line: u32, _bytes: Bytes) {
        self.gate.acquire().await.expect("it stays open").forget();
        self.write(line).await;
    }

    async fn panic(&self) {
        panic!("the secret of the handler");
    }

    async fn never(&self) {
        let _alive = crate::flows::Alive::new(&self.nevers);
        std::future::pending().await
    }

    async fn flood(&self, cx: &Context) -> u32 {
        let caller = LogClient::new(cx.peer());
        let bytes = Bytes::from(vec![7; 10_000]);
        for sent in 0.. {
            if let Err(error) = caller.slow(sent, bytes.clone()).await {
                assert_eq!(
                    (error.code(), error.executed()),
                    (Code::RESOURCE_EXHAUSTED, Executed::No)
                );
                return sent;
            }
        }
        unreachable!("the credit ends")
    }

    async fn lines(&self) -> Vec<u32> {
        self.lines.borrow().clone()
    }
}

fn pair() -> (Peer, Peer, Arc<MyLog>) {
    let (near, far) = hton::memory();
    let log = MyLog::new();
    let serve = |stream, side, log| {
        hton::attach(stream, side).serve(LogServer::from_arc(log)).expect("one service").start()
    };
    (serve(near, Side::Dialer, MyLog::new()), serve(far, Side::Acceptor, log.clone()), log)
}

// Verifies: call.oneway.frame
#[tokio::test]
async fn a_one_way_call_ends_when_it_is_written_though_nobody_takes_it_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let silent = tokio::spawn(async move { listener.accept().await.unwrap() });
    let log = LogClient::connect(addr).await.unwrap();
    log.write(1).await.unwrap();
    let (mut silent, _) = silent.await.unwrap();
    let mut bytes = vec![0; 4096];
    let mut read = 0;
    while read < 2 * 16 + 8 {
        read += tokio::io::AsyncReadExt::read(&mut silent, &mut bytes[read..]).await.unwrap();
    }
    assert!(bytes[..read].ends_with(&1_u32.to_be_bytes()), "its last bytes are the line");
}

// Verifies: call.oneway.credit
#[tokio::test]
async fn many_one_way_calls_arrive_and_their_credit_comes_back() {
    const CALLS: u32 = 20_000; // Three times what the credit covers.
    let (near, _far, log) = pair();
    let client = LogClient::new(&near);
    for line in 0..CALLS {
        client.write(line).await.unwrap();
    }
    log.has_written(CALLS as usize).await;
    assert!(
        log.lines.borrow().iter().copied().eq(0..CALLS),
        "handlers that do not wait keep the order"
    );
}

// Verifies: call.oneway.credit
#[tokio::test(start_paused = true)]
async fn handlers_that_do_not_end_bound_their_senders() {
    let (near, _far, log) = pair();
    let client = LogClient::new(&near);
    let bytes = Bytes::from(vec![7; 10_000]);
    let mut sent = 0;
    while let Ok(written) = timeout(Duration::from_secs(1), client.slow(sent, bytes.clone())).await
    {
        written.unwrap();
        sent += 1;
    }
    assert!((20..=26).contains(&sent), "{sent} calls of 10 KB fit 256 KiB");
    // Others are not held up, and a call in line begins when a handler has ended.
    assert!(client.lines().await.unwrap().is_empty());
    let late = client.write(7).timeout(Duration::from_millis(10));
    let next = client.slow(sent, bytes.clone());
    let (late, next, ()) = tokio::join!(late, next, async {
        sleep(Duration::from_millis(20)).await;
        log.gate.add_permits(sent as usize);
    });
    let late = late.map_err(|error| (error.code(), error.executed()));
    assert!(late.is_ok() || late == Err((Code::DEADLINE_EXCEEDED, Executed::No)), "{late:?}");
    next.unwrap();
}

// Verifies: call.oneway.credit
#[tokio::test]
async fn a_one_way_call_of_a_handler_never_waits() {
    let (near, _far, _log) = pair();
    let sent = LogClient::new(&near).flood().await.unwrap();
    assert!((20..=26).contains(&sent), "{sent}");
}

#[tokio::test]
async fn a_one_way_call_that_fits_no_frame_is_refused() {
    let (near, _far, log) = pair();
    let client = LogClient::new(&near);
    let error = client.blob(Bytes::from(vec![0; 70_000])).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::RESOURCE_EXHAUSTED, Executed::No));
    client.blob(Bytes::from(vec![0; 60_000])).await.unwrap();
    log.has_written(1).await;
}

// Verifies: call.oneway.unserved
#[tokio::test]
async fn a_one_way_call_that_comes_to_nothing_is_counted_and_never_answered() {
    let (near, far, log) = pair();
    let (client, other) = (LogClient::new(&near), OtherLogClient::new(&near));
    client.panic().await.unwrap();
    other.unheard_of().await.unwrap();
    other.lines().await.unwrap(); // It answers, and is not one-way.
    other.blob(true).await.unwrap(); // It takes bytes.
    let error = other.write(1).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::UNIMPLEMENTED, Executed::No));
    client.write(2).await.unwrap();
    log.has_written(1).await;
    assert_eq!(far.oneway_faults(), 4);
    assert_eq!(near.oneway_faults(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_drops_the_handler_of_a_one_way_call() {
    let (near, far, log) = pair();
    let client = LogClient::new(&near);
    let mut nevers = log.nevers.subscribe();
    client.never().timeout(Duration::from_millis(100)).await.unwrap();
    nevers.wait_for(|alive| *alive == 1).await.unwrap();
    let gone = nevers.wait_for(|alive| *alive == 0);
    timeout(Duration::from_millis(200), gone).await.expect("in time").unwrap();
    client.lines().await.unwrap(); // What the handler left behind is settled.
    assert_eq!(far.oneway_faults(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_one_way_call_that_was_accepted_outlives_its_connection() {
    let (near, far, log) = pair();
    LogClient::new(&near).slow(5, Bytes::new()).await.unwrap();
    drop((near, far));
    sleep(Duration::from_millis(5)).await;
    assert!(log.lines.borrow().is_empty());
    log.gate.add_permits(1);
    log.has_written(1).await;

    // It is not waited for without end.
    let (near, far, log) = pair();
    let mut nevers = log.nevers.subscribe();
    LogClient::new(&near).never().await.unwrap();
    nevers.wait_for(|alive| *alive == 1).await.unwrap();
    drop((near, far));
    let gone = nevers.wait_for(|alive| *alive == 0);
    timeout(Duration::from_millis(4 * Limits::default().drain_ms), gone).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_one_way_call_over_a_lost_connection_fails() {
    let (near, far, _log) = pair();
    let client = LogClient::new(&near);
    client.lines().await.unwrap();
    far.close();
    drop(far);
    while !near.is_closed() {
        let _ = client.lines().await;
    }
    let error = client.write(1).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::UNAVAILABLE, Executed::No));
}

#[tokio::test]
async fn an_unknown_one_way_call_gives_its_credit_back() {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let server = server.serve(LogServer::from_arc(MyLog::new())).unwrap();
    let mut raw = Raw::connect(server.local_addr()).await;
    const ONEWAY_END: u8 = 0x41;
    let call = crate::raw::frame(crate::raw::REQUEST, ONEWAY_END, 0, 1, 0x0102_0304, &[0; 8 + 100]);
    raw.send(&[hello(), call].concat()).await;
    let credit = loop {
        match raw.frame().await.expect("it lives") {
            frame if frame.kind == crate::raw::CREDIT => break frame,
            _ => {}
        }
    };
    assert_eq!((credit.id, credit.arg), (0, 16 + 108));
}

#[hton::service(ordered)]
trait Ledger {
    #[hton(oneway)]
    async fn book(&self, entry: u32);
    async fn ask(&self, entry: u32) -> u32;
    async fn read(&self, entry: u32, more: Rx<u32>);
    fn list(&self, entry: u32) -> impl Stream<Item = u32>;
}

#[derive(Default)]
struct MyLedger {
    entries: watch::Sender<Vec<String>>,
}

impl MyLedger {
    /// Takes longer for every other one.
    async fn work(&self, entry: u32) {
        self.entries.send_modify(|entries| entries.push(format!("+{entry}")));
        for _ in 0..(entry % 2) * 10 {
            tokio::task::yield_now().await;
        }
        self.entries.send_modify(|entries| entries.push(format!("-{entry}")));
    }
}

impl Ledger for MyLedger {
    async fn book(&self, entry: u32) {
        self.work(entry).await;
    }

    async fn ask(&self, entry: u32) -> u32 {
        self.work(entry).await;
        entry
    }

    async fn read(&self, entry: u32, mut more: Rx<u32>) {
        while let Ok(Some(_)) = more.recv().await {}
        self.work(entry).await;
    }

    fn list(&self, entry: u32) -> impl Stream<Item = u32> {
        stream::unfold(false, move |done| async move {
            if done {
                return None;
            }
            self.work(entry).await;
            Some((entry, true))
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_every_kind_run_one_at_a_time_in_an_ordered_service() {
    let mine = Arc::new(MyLedger::default());
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let server = server.serve(LedgerServer::from_arc(mine.clone())).unwrap();
    let ledger = LedgerClient::connect(server.local_addr()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    const CALLS: u32 = 200;
    for entry in 0..CALLS {
        // Each is written before the next is made.
        match entry % 4 {
            0 | 1 => ledger.book(entry).await.unwrap(),
            n => {
                let mut call: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = match n {
                    2 => {
                        let call = ledger.ask(entry);
                        Box::pin(async move { assert_eq!(call.await.unwrap(), entry) })
                    }
                    _ if entry % 8 == 3 => {
                        let call = ledger.read(entry, stream::iter(0..3));
                        Box::pin(async move { call.await.unwrap() })
                    }
                    _ => {
                        let mut call = ledger.list(entry);
                        Box::pin(async move {
                            assert_eq!(call.recv().await.unwrap(), Some(entry));
                            assert_eq!(call.recv().await.unwrap(), None);
                        })
                    }
                };
                let polled =
                    std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx)));
                if polled.await.is_pending() {
                    tasks.spawn(call);
                }
            }
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let mut entries = mine.entries.subscribe();
    let entries = entries.wait_for(|entries| entries.len() == 2 * CALLS as usize).await.unwrap();
    let expected: Vec<_> =
        (0..CALLS).flat_map(|entry| [format!("+{entry}"), format!("-{entry}")]).collect();
    assert_eq!(*entries, expected);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_its_turn_in_an_ordered_service_may_be_given_up() {
    let (near, far) = hton::memory();
    let mine = Arc::new(MyLedger::default());
    let near = hton::attach(near, Side::Dialer).start();
    let server = LedgerServer::from_arc(mine.clone());
    let _far = hton::attach(far, Side::Acceptor).serve(server).unwrap().start();
    let ledger = LedgerClient::new(&near);
    let (sender, more) = stream::channel(1);
    let first = tokio::spawn(ledger.read(0, more));
    sender.send(1).await.unwrap();
    sleep(Duration::from_millis(1)).await; // It runs, and waits for more.
    let late = ledger.ask(2).timeout(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(late.code(), Code::DEADLINE_EXCEEDED);
    let dropped = timeout(Duration::from_millis(50), ledger.ask(4)).await;
    assert!(dropped.is_err());
    drop(sender);
    first.await.unwrap().unwrap();
    assert_eq!(ledger.ask(6).await.unwrap(), 6);
    assert_eq!(*mine.entries.borrow(), ["+0", "-0", "+6", "-6"]);
}
