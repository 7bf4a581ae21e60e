//! What observers are told, and what is counted.

use crate::raw::{Raw, add, hello, request};
use crate::service::{CalcClient, CalcServer, MyCalc, client, serve};
use hton::{
    CallInfo, CloseCode, Closed, Code, ConnectionInfo, Observer, PeerInfo, Role, Server, Side,
};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::timeout;

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    async fn until(&self, line: &str) {
        let told = async {
            while !self.lines().iter().any(|told| told == line) {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(5), told)
            .await
            .unwrap_or_else(|_| panic!("{:?}", self.lines()));
    }
}

impl Observer for Diary {
    fn connected(&self, _: &ConnectionInfo) {
        self.note("connected");
    }

    fn accepted(&self, _: &ConnectionInfo) {
        self.note("accepted");
    }

    fn rejected(&self, _: &PeerInfo, reason: &str) {
        self.note(format!("rejected: {reason}"));
    }

    fn closed(&self, _: &ConnectionInfo, how: &Closed) {
        self.note(format!("closed: {:?} by_peer={}", how.code, how.by_peer));
    }

    fn call_started(&self, call: &CallInfo) {
        self.note(format!("{:?} {}", call.role, call.method));
    }

    fn call_ended(&self, call: &CallInfo, code: Code, _: Duration) {
        self.note(format!("{:?} {} {code}", call.role, call.method));
    }
}

#[tokio::test]
async fn both_ends_are_told_of_a_connection_and_its_calls_from_beginning_to_end() {
    let (near, far) = (Diary::default(), Diary::default());
    let bound = Server::bind("127.0.0.1:0").await.unwrap().observe(far.clone());
    let server = bound.serve(CalcServer::new(MyCalc::new())).unwrap();
    let peer = hton::connect(server.local_addr()).observe(near.clone()).await.unwrap();
    let calc = CalcClient::new(&peer);
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    assert!(calc.divide(1, 0).await.is_err());
    assert_eq!(calc.sleep(1).await.unwrap(), 1);
    assert!(calc.panic().await.is_err());
    let never = tokio::spawn(calc.never());
    far.until("Answering Calc/never").await;
    never.abort();
    far.until("Answering Calc/never CANCELLED").await;
    drop((peer, calc));
    near.until("closed: Some(GRACEFUL) by_peer=false").await;
    far.until("closed: Some(GRACEFUL) by_peer=true").await;
    let calls = |role: &str| {
        let ends = [
            ("add", "OK"),
            ("divide", "DECLARED"),
            ("sleep", "OK"),
            ("panic", "INTERNAL"),
            ("never", "CANCELLED"),
        ];
        let pair = |(method, code)| {
            let began = format!("{role} Calc/{method}");
            [began.clone(), format!("{began} {code}")]
        };
        ends.into_iter().flat_map(pair).collect::<Vec<_>>()
    };
    let ends = |first: &str, role: &str, last: &str| {
        [vec![first.to_owned()], calls(role), vec![last.to_owned()]].concat()
    };
    assert_eq!(near.lines(), ends("connected", "Asking", "closed: Some(GRACEFUL) by_peer=false"));
    assert_eq!(far.lines(), ends("accepted", "Answering", "closed: Some(GRACEFUL) by_peer=true"));
}

#[tokio::test]
async fn refusals_are_told_with_their_reason() {
    let diary = Diary::default();
    let bound = Server::bind("127.0.0.1:0").await.unwrap().observe(diary.clone());
    let bound = bound.max_connections(1).authenticate(hton::tokens([("me", "secret")]));
    let server = bound.serve(CalcServer::new(MyCalc::new())).unwrap();
    let stranger = hton::connect(server.local_addr()).token("guess").await.unwrap();
    assert_eq!(stranger.closed().await.code, Some(CloseCode::UNAUTHENTICATED));
    diary.until("closed: Some(UNAUTHENTICATED) by_peer=false").await;
    let first = hton::connect(server.local_addr()).token("secret").await.unwrap();
    assert_eq!(CalcClient::new(&first).add(1, 2).await.unwrap(), 3);
    let second = hton::connect(server.local_addr()).token("secret").await.unwrap();
    assert_eq!(second.closed().await.code, Some(CloseCode::LIMIT));
    assert_eq!(
        diary.lines(),
        [
            "accepted",
            "rejected: the token is not known",
            "closed: Some(UNAUTHENTICATED) by_peer=false",
            "accepted",
            "Answering Calc/add",
            "Answering Calc/add OK",
            "rejected: 1 connections are open, no more are taken",
        ]
    );
    assert_eq!((server.stats().accepted, server.stats().rejected), (2, 2));
}

#[tokio::test]
async fn an_observer_may_call_and_is_told_of_that_later() {
    /// Calls once more for its first call, and notes whether it is told of two things at once.
    struct Caller {
        again: Mutex<Option<CalcClient>>,
        inside: AtomicUsize,
        told: AtomicUsize,
    }
    impl Observer for Caller {
        fn call_started(&self, _: &CallInfo) {
            assert_eq!(self.inside.fetch_add(1, Ordering::SeqCst), 0, "nested");
            if let Some(calc) = self.again.lock().unwrap().take() {
                // Polled here, so that its own events come while this one is told.
                let mut call = std::pin::pin!(calc.add(1, 1));
                let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                assert!(call.as_mut().poll(&mut cx).is_pending());
            }
            self.inside.fetch_sub(1, Ordering::SeqCst);
        }
        fn call_ended(&self, _: &CallInfo, _: Code, _: Duration) {
            assert_eq!(self.inside.load(Ordering::SeqCst), 0, "nested");
            self.told.fetch_add(1, Ordering::SeqCst);
        }
    }
    let server = serve().await;
    let (again, inside, told) = (Mutex::default(), AtomicUsize::new(0), AtomicUsize::new(0));
    let caller = Arc::new(Caller { again, inside, told });
    let peer = hton::connect(server.local_addr()).observe(Arc::clone(&caller)).await.unwrap();
    *caller.again.lock().unwrap() = Some(CalcClient::new(&peer));
    assert_eq!(CalcClient::new(&peer).add(1, 2).await.unwrap(), 3);
    assert_eq!(caller.told.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_lost_in_a_crowd() {
    #[derive(Default)]
    struct Open {
        open: Mutex<HashSet<(u64, Role, u64)>>,
        ended: AtomicUsize,
    }
    impl Observer for Open {
        fn call_started(&self, call: &CallInfo) {
            let key = (call.connection.number, call.role, call.number);
            assert!(self.open.lock().unwrap().insert(key));
        }
        fn call_ended(&self, call: &CallInfo, _: Code, _: Duration) {
            let key = (call.connection.number, call.role, call.number);
            assert!(self.open.lock().unwrap().remove(&key));
            self.ended.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (near, far) = (Arc::new(Open::default()), Arc::new(Open::default()));
    let bound = Server::bind("127.0.0.1:0").await.unwrap().observe(Arc::clone(&far));
    let server = bound.serve(CalcServer::new(MyCalc::new())).unwrap();
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let connect = hton::connect(server.local_addr()).observe(Arc::clone(&near));
        let calc = CalcClient::new(connect.await.unwrap());
        tasks.push(tokio::spawn(async move {
            for n in 0..200 {
                match n % 3 {
                    0 => assert_eq!(calc.add(n, 1).await.unwrap(), n + 1),
                    1 => assert_eq!(calc.sleep(0).await.unwrap(), 0),
                    _ => drop(calc.never().timeout(Duration::from_millis(1)).await.unwrap_err()),
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let report = server.drain().await;
    assert_eq!(report.cut, 0, "{report}");
    let [near, far] = [near, far].map(|open| {
        assert_eq!(open.open.lock().unwrap().len(), 0, "what began has ended");
        open.ended.load(Ordering::SeqCst)
    });
    assert_eq!(near, 1600);
    // A call may be late before it is sent.
    assert!(far <= 1600 && far > 1000, "{far}");
}

#[tokio::test]
async fn the_numbers_of_a_server_add_up() {
    let server = serve().await;
    let mut raw = Raw::greet(server.local_addr()).await;
    for n in 0..10 {
        raw.send(&add(2 * n + 1, 1, 2)).await;
        assert_eq!(raw.response(2 * n + 1).await.code(), 0);
    }
    raw.send(&request(21, 0x1234_5678, &[])).await;
    assert_eq!(raw.response(21).await.code(), 12);
    let calc = client(&server).await;
    assert!(calc.divide(1, 0).await.is_err());
    assert_eq!(calc.sleep(20).await.unwrap(), 20);
    let stats = server.stats();
    assert_eq!((stats.connections, stats.accepted, stats.rejected), (2, 2, 0));
    let methods: Vec<_> = stats.answered.iter().map(|m| (m.method(), m.calls())).collect();
    assert_eq!(methods, [("Calc/add", 10), ("Calc/divide", 1), ("Calc/sleep", 1)]);
    let add = stats.method("Calc/add").unwrap();
    assert_eq!(add.by_code().collect::<Vec<_>>(), [(Code::OK, 10)]);
    assert!(add.min() <= add.mean() && add.mean() <= add.max());
    assert_eq!(add.histogram().map(|(_, count)| count).sum::<u64>(), 10);
    assert_eq!(stats.method("Calc/divide").unwrap().with_code(Code::DECLARED), 1);
    let sleep = stats.method("Calc/sleep").unwrap();
    assert!(sleep.min() >= Duration::from_millis(15), "{sleep:?}");
    assert!(sleep.quantile(0.5) >= Some(sleep.max()));
    assert!(stats.bytes_in > 10 * 40 && stats.bytes_out > 10 * 24, "{stats:?}");
    assert!(stats.asked.is_empty());

    // What has ended stays counted.
    drop((raw, calc));
    while server.connections() > 0 {
        tokio::task::yield_now().await;
    }
    let after = server.stats();
    assert_eq!((after.connections, after.accepted), (0, 2));
    assert!(after.bytes_in >= stats.bytes_in);
    assert_eq!(after.answered, stats.answered);
}

#[tokio::test]
async fn services_of_one_connection_stay_counted_after_it() {
    let bound = Server::bind("127.0.0.1:0").await.unwrap();
    let server = bound.serve_with(|_| CalcServer::new(MyCalc::new())).unwrap();
    for n in 0..3 {
        assert_eq!(client(&server).await.add(n, 1).await.unwrap(), n + 1);
    }
    let still = client(&server).await;
    assert_eq!(still.add(1, 2).await.unwrap(), 3);
    assert_eq!(server.stats().method("Calc/add").unwrap().calls(), 4);
}

#[tokio::test]
async fn bytes_are_counted_as_the_wire_has_them() {
    let (near, far) = hton::memory();
    let peer = hton::attach(near, Side::Acceptor).serve(CalcServer::new(MyCalc::new())).unwrap();
    let peer = peer.start();
    let (mut read, mut write) = tokio::io::split(far);
    let sent = [hello(), add(1, 2, 3)].concat();
    tokio::io::AsyncWriteExt::write_all(&mut write, &sent).await.unwrap();
    drop(write);
    let mut got = vec![0; 4096];
    let mut len = 0;
    let out = || usize::try_from(peer.stats().bytes_out).unwrap();
    while peer.stats().method("Calc/add").is_none() || len < out() {
        len += tokio::io::AsyncReadExt::read(&mut read, &mut got[len..]).await.unwrap();
    }
    let stats = peer.stats();
    assert_eq!((stats.bytes_in, out()), (sent.len() as u64, len));
    assert_eq!((stats.connections, stats.oneway_faults), (1, 0));
}

#[tokio::test]
async fn what_is_asked_is_counted_where_somebody_observes() {
    let server = serve().await;
    let peer = hton::connect(server.local_addr()).observe(()).await.unwrap();
    let calc = CalcClient::new(&peer);
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    assert!(calc.never().timeout(Duration::from_millis(5)).await.is_err());
    let mut asked = peer.stats().asked;
    asked.sort_by_key(hton::MethodStats::method);
    let [add, never] = &*asked else { panic!("{asked:?}") };
    assert_eq!((add.method(), add.with_code(Code::OK)), ("Calc/add", 1));
    assert_eq!(never.with_code(Code::DEADLINE_EXCEEDED), 1);
    assert!(never.min() >= Duration::from_millis(5));
}
