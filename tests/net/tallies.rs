//! What is counted at both ends comes to the same: nothing is lost, nothing comes twice, nothing gets mixed up.

use crate::raw::{END, REQUEST, RESPONSE, Raw, add, frame, hello, request};
use crate::service::{CalcClient, CalcServer, MyCalc, client, serve};
use hton::testing::{self, Faults};
use hton::{Backoff, Code, Context, Executed, PeerInfo, Server, Side, attach, connect, memory};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

/// Numbers that are drawn as if by chance, the same ones each time.
struct Draw(u64);

impl Draw {
    /// One below `end`.
    fn below(&mut self, end: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % end
    }
}

#[hton::service]
trait Ledger {
    async fn book(&self, id: u64) -> u64;
}

#[derive(Default)]
struct MyLedger(Mutex<HashMap<u64, u32>>);

impl Ledger for MyLedger {
    async fn book(&self, id: u64) -> u64 {
        *self.0.lock().unwrap().entry(id).or_default() += 1;
        id
    }
}

#[tokio::test(start_paused = true)]
async fn each_call_runs_once_though_connections_break_again_and_again() {
    const CALLERS: u64 = 10;
    const CALLS: u64 = 200;
    let ledger = Arc::new(MyLedger::default());
    let (dials, serving) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let dial = {
        let (ledger, dials) = (Arc::clone(&ledger), Arc::clone(&dials));
        move || {
            let n = dials.fetch_add(1, Ordering::SeqCst);
            let (near, far) = memory();
            let far = attach(far, Side::Acceptor).serve(LedgerServer::from_arc(ledger.clone()));
            serving.lock().unwrap().push(far.unwrap().start());
            // Each lasts for some calls, and ends anywhere within a frame.
            let at = 500 + u64::from(Draw(n).below(4_000));
            let faults = Faults::seeded(n).delay(Duration::ZERO..Duration::from_millis(2));
            let faults = if n % 2 == 0 {
                faults.cut_after_writing(at)
            } else {
                faults.cut_after_reading(at)
            };
            let near = faults.wrap(near);
            async move { Ok(near) }
        }
    };
    let quick = Backoff::default().first(Duration::from_millis(1)).forever();
    let peer = connect("the ledger").dial_with(dial).retry(quick).reconnecting().lazy().unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let client = LedgerClient::new(&peer);
        callers.spawn(async move {
            let mut ends = Vec::new();
            for n in 0..CALLS {
                let id = caller * CALLS + n;
                let end = client.book(id).await.map_err(|error| (error.code(), error.executed()));
                ends.push((id, end));
            }
            ends
        });
    }
    let booked = |id| ledger.0.lock().unwrap().get(&id).copied().unwrap_or(0);
    let (mut well, mut maybe) = (0, 0);
    for (id, end) in callers.join_all().await.concat() {
        match end {
            Ok(told) => {
                assert_eq!((told, booked(id)), (id, 1));
                well += 1;
            }
            Err((Code::UNAVAILABLE, Executed::Maybe)) => {
                assert!(booked(id) <= 1, "{id}");
                maybe += 1;
            }
            Err(other) => panic!("{id}: {other:?}"),
        }
    }
    let breaks = dials.load(Ordering::SeqCst) - 1;
    assert_eq!(well + maybe, CALLERS * CALLS);
    assert!(breaks > 20 && well > CALLERS * CALLS / 2, "{breaks} breaks, {well} calls went well");
}

#[hton::service]
trait Notes {
    #[hton(oneway)]
    async fn note(&self, n: u32);
    async fn noted(&self) -> Vec<u32>;
    /// Notes so many numbers with its caller, and returns when it is let go.
    async fn tell(&self, cx: &Context, count: u32) -> u32;
    async fn let_go(&self);
}

struct MyNotes {
    notes: watch::Sender<Vec<u32>>,
    go: watch::Sender<bool>,
}

impl MyNotes {
    fn new() -> Arc<Self> {
        Arc::new(Self { notes: watch::Sender::default(), go: watch::Sender::default() })
    }

    async fn has(&self, count: usize) -> Vec<u32> {
        let mut notes = self.notes.subscribe();
        let enough = notes.wait_for(|notes| notes.len() >= count);
        let all = timeout(Duration::from_secs(10), enough).await;
        all.unwrap_or_else(|_| panic!("{} came", self.notes.borrow().len())).unwrap().clone()
    }
}

impl Notes for MyNotes {
    async fn note(&self, n: u32) {
        self.notes.send_modify(|notes| notes.push(n));
    }

    async fn noted(&self) -> Vec<u32> {
        self.notes.borrow().clone()
    }

    async fn tell(&self, cx: &Context, count: u32) -> u32 {
        let caller = NotesClient::new(cx.peer());
        for n in 0..count {
            caller.note(n).await.expect("there is credit");
        }
        self.go.subscribe().wait_for(|go| *go).await.expect("it is there");
        count
    }

    async fn let_go(&self) {
        self.go.send_replace(true);
    }
}

#[tokio::test]
async fn what_comes_during_a_long_call_is_delivered_all_of_it() {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let server = server.serve(NotesServer::from_arc(MyNotes::new())).unwrap();
    let mine = MyNotes::new();
    let connect = connect(server.local_addr()).serve(NotesServer::from_arc(mine.clone()));
    let peer = connect.unwrap().await.unwrap();
    let notes = NotesClient::new(&peer);
    let long = tokio::spawn(notes.tell(1_000));
    assert_eq!(mine.has(1_000).await, (0..1_000).collect::<Vec<_>>());
    assert!(!long.is_finished(), "all came while the call went on");
    notes.let_go().await.unwrap();
    assert_eq!(long.await.unwrap().unwrap(), 1_000);
    assert_eq!(mine.noted().await.len(), 1_000);
}

#[tokio::test]
async fn whoever_says_its_last_word_and_leaves_at_once_is_heard() {
    let served = MyNotes::new();
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let server = server.serve(NotesServer::from_arc(served.clone())).unwrap();
    let notes = NotesClient::connect(server.local_addr()).await.unwrap();
    for n in 0..1_000 {
        notes.note(n).await.unwrap();
    }
    drop(notes);
    assert_eq!(served.has(1_000).await, (0..1_000).collect::<Vec<_>>());

    // So is one who only ends its own direction, and reads on for the answers.
    let server = serve().await;
    let mut raw = Raw::connect(server.local_addr()).await;
    let calls = (0..100).flat_map(|n| add(2 * n + 1, i64::from(n), 1));
    let calls: Vec<u8> = hello().into_iter().chain(calls).collect();
    raw.send(&calls).await;
    raw.0.shutdown().await.unwrap();
    assert_eq!(raw.frame().await.unwrap().kind, crate::raw::HELLO);
    for n in 0..100 {
        assert_eq!(raw.response(2 * n + 1).await.body, (i64::from(n) + 1).to_be_bytes());
    }
}

// Verifies: call.oneway.frame
#[tokio::test]
async fn nothing_answers_a_one_way_call_on_the_wire() {
    const ONEWAY_END: u8 = 0x40 | END;
    // `printf Notes/note | sha256sum`, and so on.
    const NOTE: u32 = 0x0ac2_1b00;
    const NOTED: u32 = 0x7a5f_2a51;
    let served = MyNotes::new();
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let server = server.serve(NotesServer::from_arc(served.clone())).unwrap();
    let mut raw = Raw::greet(server.local_addr()).await;
    for n in 0..10_u32 {
        let body = [&[0; 8][..], &n.to_be_bytes()].concat();
        raw.send(&frame(REQUEST, ONEWAY_END, 0, 2 * n + 1, NOTE, &body)).await;
    }
    raw.send(&request(21, NOTED, &[])).await;
    let mut kinds = BTreeMap::<u8, u32>::new();
    loop {
        let frame = raw.frame().await.expect("the connection lives");
        *kinds.entry(frame.kind).or_default() += 1;
        if frame.kind == RESPONSE {
            assert_eq!(
                (frame.id, frame.body.len()),
                (21, 8 + 10 * 4),
                "only the other call is answered"
            );
            break;
        }
    }
    raw.0.shutdown().await.unwrap();
    while let Some(frame) = raw.frame().await {
        assert_ne!(frame.kind, RESPONSE, "{frame:?}");
    }
    assert_eq!((kinds.get(&RESPONSE), served.has(10).await.len()), (Some(&1), 10));
}

#[tokio::test]
async fn what_one_end_counts_the_other_counts_too() {
    let server = serve().await;
    let peer = connect(server.local_addr()).observe(()).await.unwrap();
    let calc = CalcClient::new(&peer);
    let (mut sums, mut errors) = (0, 0);
    for n in 0..300 {
        assert_eq!(calc.add(n, 1).await.unwrap(), n + 1);
        sums += 1;
        if n % 3 == 0 {
            calc.divide(n, 0).await.unwrap_err();
            errors += 1;
        }
    }
    let blob = vec![7; 200_000];
    assert_eq!(calc.blob(blob.into()).await.unwrap().len(), 200_000);
    let (here, there) = (peer.stats(), server.stats());
    assert_eq!((here.bytes_out, here.bytes_in), (there.bytes_in, there.bytes_out));
    assert!(here.bytes_out > 200_000 && here.bytes_in > 200_000);
    for (method, code, count) in [
        ("Calc/add", Code::OK, sums),
        ("Calc/divide", Code::DECLARED, errors),
        ("Calc/blob", Code::OK, 1),
    ] {
        let asked = here.asked.iter().find(|stats| stats.method() == method).unwrap();
        let answered = there.method(method).unwrap();
        assert_eq!((asked.with_code(code), asked.calls()), (count, count), "{method}");
        assert_eq!((answered.with_code(code), answered.calls()), (count, count), "{method}");
    }
}

#[hton::service]
trait Pad {
    async fn put(&self, key: u8, value: u64) -> Option<u64>;
    async fn get(&self, key: u8) -> Option<u64>;
    async fn sum(&self) -> u64;
}

/// The state of one connection.
#[derive(Default)]
struct MyPad(Mutex<BTreeMap<u8, u64>>);

impl Pad for MyPad {
    async fn put(&self, key: u8, value: u64) -> Option<u64> {
        let old = self.0.lock().unwrap().insert(key, value);
        if value % 5 == 0 {
            tokio::task::yield_now().await;
        }
        old
    }

    async fn get(&self, key: u8) -> Option<u64> {
        self.0.lock().unwrap().get(&key).copied()
    }

    async fn sum(&self) -> u64 {
        self.0.lock().unwrap().values().sum()
    }
}

/// For 60 s, say those who adapted the sample; here 2,000 calls.
#[tokio::test]
async fn two_clients_whose_calls_interleave_never_see_each_others_state() {
    let made = Arc::new(AtomicUsize::new(0));
    let make = {
        let made = Arc::clone(&made);
        move |_: &PeerInfo| {
            made.fetch_add(1, Ordering::SeqCst);
            PadServer::new(MyPad::default())
        }
    };
    let server = Server::bind("127.0.0.1:0").await.unwrap().serve_with(make).unwrap();
    let mut clients = Vec::new();
    for _ in 0..2 {
        clients.push((PadClient::connect(server.local_addr()).await.unwrap(), BTreeMap::new()));
    }
    let mut draw = Draw(15);
    for n in 0..2_000_u64 {
        let (pad, own) = &mut clients[usize::from(draw.below(2) == 1)];
        // Few keys, so that both use each of them.
        let key = draw.below(16).to_be_bytes()[3];
        match draw.below(3) {
            0 => assert_eq!(pad.put(key, n).await.unwrap(), own.insert(key, n)),
            1 => assert_eq!(pad.get(key).await.unwrap(), own.get(&key).copied()),
            _ => assert_eq!(pad.sum().await.unwrap(), own.values().sum::<u64>()),
        }
    }
    assert_eq!(made.load(Ordering::SeqCst), 2);
    assert!(clients.iter().all(|(_, own)| own.len() == 16));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ends_call_each_other_at_once_and_each_gets_its_own_answers() {
    let calc = || CalcServer::new(MyCalc::new());
    let (near, far) = testing::pair().near(calc()).far(calc()).start();
    let mut calls = Vec::new();
    for n in 0..1_000 {
        for (peer, sign) in [(&near, 1), (&far, -1)] {
            let call = CalcClient::new(peer).add(sign * n, sign);
            calls
                .push(tokio::spawn(async move { assert_eq!(call.await.unwrap(), sign * (n + 1)) }));
        }
    }
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!((near.open_calls(), far.open_calls()), (0, 0));
}

/// What this thread holds at the most while the code runs, its server and all.
fn peak<F: Future>(code: impl FnOnce() -> F) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    alloc_counter::measure(|| drop(runtime.block_on(code()))).1.peak_bytes
}

#[test]
fn strangers_cost_no_more_than_a_frame() {
    const STRANGERS: usize = 20;
    let peak = peak(|| async {
        let server = serve().await;
        let calc = client(&server).await;
        let mut draw = Draw(5);
        let mut noise: Vec<u8> = (0..60_000).map(|_| draw.below(256).to_be_bytes()[3]).collect();
        noise[0] = 0x7f; // No length of ours.
        let tls = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 9, 9, 9, 9, 9, 9, 9, 9];
        let http = b"POST / HTTP/1.1\r\nContent-Length: 4294967295\r\n\r\n";
        for n in 0..STRANGERS {
            let mut raw = Raw::connect(server.local_addr()).await;
            let bytes = [&http[..], &tls, &noise][n % 3];
            raw.0.write_all(bytes).await.ok();
            raw.refused(1).await;
            assert_eq!(calc.add(1, 2).await.unwrap(), 3);
        }
    });
    // A buffer of 64 KiB for reading, the noise, and what a server and two connections are.
    assert!(peak < 512 << 10, "{peak} bytes");
}

/// `HTON_FLOOD_MIB=1024` sends 1 GiB; 48 MiB unless set.
#[test]
fn whoever_sends_and_never_reads_takes_bounded_memory_and_harms_nobody() {
    let mib = std::env::var("HTON_FLOOD_MIB").ok().and_then(|mib| mib.parse().ok());
    let bytes: usize = mib.unwrap_or(48) << 20;
    let peak = peak(|| async {
        let mut limits = hton::Limits::default();
        limits.write_stall_ms = 100;
        let server = crate::service::serve_with(limits).await;
        let calc = client(&server).await;
        let argument = [&60_000_u64.to_be_bytes()[..], &[7; 60_000]].concat();
        let (mut sent, mut cuts) = (0, 0);
        while sent < bytes {
            let mut flood = Raw::connect(server.local_addr()).await;
            flood.send(&hello()).await;
            for n in 0.. {
                let call = request(2 * n + 1, crate::raw::method::BLOB, &argument);
                if sent >= bytes || flood.0.write_all(&call).await.is_err() {
                    break;
                }
                sent += call.len();
                if n % 64 == 0 {
                    assert_eq!(calc.add(1, 2).timeout(Duration::from_secs(5)).await.unwrap(), 3);
                }
            }
            cuts += 1;
            flood.0.read_u8().await.ok();
        }
        assert!(cuts > 1, "who reads no answers is cut");
    });
    // The send buffer, results of handlers that wait for room, and what came with their calls.
    assert!(peak < 64 << 20, "{peak} bytes for {bytes} that were sent");
}
