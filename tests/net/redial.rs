//! A connection that comes again: what never ran is not lost, and nothing runs twice.

use crate::every::{EveryClient, EveryServer, MyEvery};
use hton::{
    Backoff, CloseCode, Code, Context, Executed, Limits, Peer, Services, Side, attach, connect,
    memory, stream,
};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

/// What comes of dialing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Serve,
    /// Nobody listens.
    Refuse,
    /// Nobody answers.
    Hang,
    /// Somebody accepts and is gone.
    Die,
    /// Somebody accepts who speaks something else.
    Babble,
}

/// The other end of the network.
struct World {
    every: Arc<MyEvery>,
    limits: Limits,
    token: &'static str,
    mode: Mutex<Mode>,
    dials: AtomicUsize,
    /// Dials that nobody waits for any more.
    dropped: AtomicUsize,
    servers: Mutex<Vec<Peer>>,
    wires: Mutex<Vec<AbortHandle>>,
    /// Nothing that is sent arrives any more.
    stall: Arc<Notify>,
}

impl World {
    fn with(mode: Mode, limits: Limits, token: &'static str) -> Arc<Self> {
        Arc::new(Self {
            every: Arc::default(),
            limits,
            token,
            mode: Mutex::new(mode),
            dials: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            servers: Mutex::default(),
            wires: Mutex::default(),
            stall: Arc::default(),
        })
    }

    fn new(mode: Mode) -> Arc<Self> {
        Self::with(mode, Limits::default(), "")
    }

    fn be(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    fn dials(&self) -> usize {
        self.dials.load(Ordering::SeqCst)
    }

    async fn dial(self: Arc<Self>) -> io::Result<DuplexStream> {
        struct Dropped<'a>(&'a AtomicUsize);
        impl Drop for Dropped<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        self.dials.fetch_add(1, Ordering::SeqCst);
        let mode = *self.mode.lock().unwrap();
        let (here, mut far) = memory();
        let (mut near, there) = memory();
        match mode {
            Mode::Refuse => return Err(io::ErrorKind::ConnectionRefused.into()),
            Mode::Hang => {
                let _dropped = Dropped(&self.dropped);
                std::future::pending::<()>().await;
            }
            Mode::Die => return Ok(here),
            Mode::Babble => {
                far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await?;
                tokio::spawn(async move {
                    sleep(Duration::from_secs(60)).await;
                    drop(far)
                });
                return Ok(here);
            }
            Mode::Serve => {}
        }
        let stall = self.stall.clone();
        let wire = tokio::spawn(async move {
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut far, &mut near) => {}
                () = stall.notified() => std::future::pending().await,
            }
        });
        self.wires.lock().unwrap().push(wire.abort_handle());
        let service = EveryServer::from_arc(self.every.clone());
        let token = self.token;
        let server = attach(there, Side::Acceptor)
            .limits(self.limits.clone())
            .serve(service)
            .unwrap()
            .authenticate(move |given: &[u8], _: &hton::PeerInfo| match given {
                given if given == token.as_bytes() => Ok(hton::Identity::named("known")),
                _ => Err(hton::Refused::new("who are you")),
            })
            .start();
        self.servers.lock().unwrap().push(server);
        Ok(here)
    }

    fn connect(self: &Arc<Self>) -> hton::Connect {
        let world = self.clone();
        connect("the world").dial_with(move || world.clone().dial())
    }

    fn lazy(self: &Arc<Self>) -> Peer {
        self.connect().reconnecting().lazy().unwrap()
    }

    fn client(self: &Arc<Self>) -> EveryClient {
        EveryClient::new(self.lazy())
    }

    /// Every connection is lost now.
    fn cut(&self) {
        self.wires.lock().unwrap().drain(..).for_each(|wire| wire.abort());
    }

    /// Every server goes away as one does that is about to stop.
    fn leave(&self) {
        self.servers.lock().unwrap().drain(..).for_each(|server| server.close());
    }

    fn added(&self) -> usize {
        self.every.added.load(Ordering::SeqCst)
    }
}

fn lost(error: &hton::CallError) -> (Code, Executed) {
    (error.code(), error.executed())
}

#[tokio::test(start_paused = true)]
async fn nothing_is_dialed_before_the_first_call_and_again_when_it_is_lost() {
    let world = World::new(Mode::Serve);
    let client = world.client();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.dials(), 0);
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
    assert_eq!(world.dials(), 1);
    world.cut();
    tokio::task::yield_now().await; // Otherwise the call is written to nobody, and may have run.
    assert_eq!(client.add(3, 4).await.unwrap(), 7);
    world.cut();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.dials(), 3, "it is dialed whether or not anybody calls");
    assert!(!client.peer().is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_awaited_is_connected_or_tells_why_not() {
    let world = World::new(Mode::Refuse);
    let error = world.connect().reconnecting().await.unwrap_err();
    assert!(error.to_string().contains("the world"), "{error}");
    assert_eq!(world.dials(), 1);
    world.be(Mode::Serve);
    let peer = world.connect().reconnecting().await.unwrap();
    assert_eq!(world.dials(), 2);
    assert_eq!(EveryClient::new(&peer).add(1, 2).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_a_server_that_comes_later_and_no_longer_than_their_deadlines() {
    let world = World::new(Mode::Refuse);
    let client = world.client();
    let started = Instant::now();
    let error = client.add(1, 2).timeout(Duration::from_secs(2)).await.unwrap_err();
    assert_eq!(lost(&error), (Code::DEADLINE_EXCEEDED, Executed::No), "{error}");
    assert!((2_000..2_010).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    let calls: Vec<_> = (0..10).map(|n| tokio::spawn(client.add(n, n))).collect();
    sleep(Duration::from_secs(1)).await;
    world.be(Mode::Serve);
    for (n, call) in (0..).zip(calls) {
        assert_eq!(call.await.unwrap().unwrap(), 2 * n);
    }
    assert_eq!(world.added(), 10);
}

#[tokio::test(start_paused = true)]
async fn so_many_wait_and_no_more() {
    let world = World::new(Mode::Refuse);
    let mut limits = Limits::default();
    limits.queued_calls = 2;
    let client = EveryClient::new(world.connect().limits(limits).reconnecting().lazy().unwrap());
    let calls: Vec<_> = (0..2).map(|n| tokio::spawn(client.add(n, n))).collect();
    tokio::task::yield_now().await;
    let error = client.add(1, 2).await.unwrap_err();
    assert_eq!(lost(&error), (Code::RESOURCE_EXHAUSTED, Executed::No), "{error}");
    world.be(Mode::Serve);
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_have_run_fails_and_is_not_sent_again() {
    let world = World::new(Mode::Serve);
    let client = world.client();
    let call = tokio::spawn(client.sleep(1_000_000));
    let added = client.add(1, 2).await.unwrap();
    world.cut();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((added, lost(&error)), (3, (Code::UNAVAILABLE, Executed::Maybe)), "{error}");
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_in_line_goes_over_the_next_connection_and_the_open_one_does_not() {
    let mut limits = Limits::default();
    limits.calls = 1;
    let world = World::with(Mode::Serve, limits, "");
    let client = world.client();
    assert_eq!(client.add(1, 2).await.unwrap(), 3); // The peer's limit is known.
    let open = tokio::spawn(client.sleep(1_000_000));
    tokio::task::yield_now().await;
    let waiting: Vec<_> = (0..5).map(|n| tokio::spawn(client.add(n, n))).collect();
    sleep(Duration::from_millis(10)).await;
    assert_eq!(world.added(), 1, "they wait");
    world.cut();
    assert_eq!(lost(&open.await.unwrap().unwrap_err()), (Code::UNAVAILABLE, Executed::Maybe));
    for (n, call) in (0..).zip(waiting) {
        assert_eq!(call.await.unwrap().unwrap(), 2 * n);
    }
    assert_eq!((world.added(), world.dials()), (6, 2));
}

#[tokio::test(start_paused = true)]
async fn what_has_begun_to_leave_may_have_run_and_what_stands_behind_it_has_not() {
    let world = World::new(Mode::Serve);
    let client = world.client();
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
    world.stall.notify_waiters();
    let half = tokio::spawn(client.seen("k".repeat(1_000_000))); // It fills the pipe.
    sleep(Duration::from_millis(10)).await;
    let behind = tokio::spawn(client.add(1, 2));
    sleep(Duration::from_millis(10)).await;
    assert_eq!((world.added(), world.dials()), (1, 1));
    world.cut();
    assert_eq!(lost_in(half).await, (Code::UNAVAILABLE, Executed::Maybe));
    assert_eq!(behind.await.unwrap().unwrap(), 3);
    assert_eq!((world.added(), world.dials()), (2, 2));
}

async fn lost_in<T: std::fmt::Debug>(
    call: tokio::task::JoinHandle<Result<T, hton::CallError>>,
) -> (Code, Executed) {
    lost(&call.await.unwrap().unwrap_err())
}

#[tokio::test(start_paused = true)]
async fn servers_that_leave_under_load_lose_no_call_and_run_none_twice() {
    let world = World::new(Mode::Serve);
    let client = world.client();
    let stop = Arc::new(Notify::new());
    let restarts = tokio::spawn({
        let (world, stop) = (world.clone(), stop.clone());
        async move {
            let mut restarts = 0;
            while timeout(Duration::from_millis(7), stop.notified()).await.is_err() {
                world.leave();
                restarts += 1;
            }
            restarts
        }
    });
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for n in 0..100 {
                    assert_eq!(client.add(n, 1).await.unwrap(), n + 1);
                    sleep(Duration::from_millis(1)).await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    stop.notify_one();
    let restarts = restarts.await.unwrap();
    assert_eq!(world.added(), 2_000);
    assert!(restarts > 10 && world.dials() > 5, "{restarts} restarts, {} dials", world.dials());
}

#[tokio::test(start_paused = true)]
async fn connections_that_are_cut_under_load_run_nothing_twice() {
    let world = World::new(Mode::Serve);
    let client = world.client();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        callers.spawn(async move {
            let (mut well, mut maybe) = (0, 0);
            for n in 0..100 {
                match client.add(n, 1).await {
                    Ok(_) => well += 1,
                    Err(error) => {
                        // What never ran was sent again.
                        assert_eq!(lost(&error), (Code::UNAVAILABLE, Executed::Maybe), "{error}");
                        maybe += 1;
                    }
                }
                sleep(Duration::from_millis(1)).await;
            }
            (well, maybe)
        });
    }
    let (mut well, mut maybe) = (0, 0);
    loop {
        match timeout(Duration::from_millis(7), callers.join_next()).await {
            Ok(Some(counts)) => {
                let counts = counts.unwrap();
                (well, maybe) = (well + counts.0, maybe + counts.1);
            }
            Ok(None) => break,
            Err(_) => world.cut(),
        }
    }
    assert!((well..=well + maybe).contains(&world.added()), "{well} {maybe} {}", world.added());
    assert_eq!(well + maybe, 2_000);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_finishes_what_it_has_accepted_while_others_go_to_the_next() {
    let world = World::new(Mode::Serve);
    let client = world.client();
    let accepted = tokio::spawn(client.sleep(2_000));
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
    world.leave();
    sleep(Duration::from_millis(500)).await;
    assert_eq!(client.add(3, 4).await.unwrap(), 7);
    assert_eq!(world.dials(), 2);
    assert_eq!(accepted.await.unwrap().unwrap(), 2_000);
}

#[tokio::test(start_paused = true)]
async fn a_stream_waits_for_a_connection_and_does_not_go_again_once_begun() {
    let world = World::new(Mode::Refuse);
    let client = world.client();
    let sum = tokio::spawn(client.sum(stream::iter([1, 2, 3])));
    let log = tokio::spawn(client.log("line".to_owned()));
    sleep(Duration::from_millis(100)).await;
    world.be(Mode::Serve);
    assert_eq!(sum.await.unwrap().unwrap(), 6);
    log.await.unwrap().unwrap();
    world.every.logged.notified().await;
    let (sender, numbers) = stream::channel(1);
    let sum = tokio::spawn(client.sum(numbers));
    sender.send(1).await.unwrap();
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
    world.cut();
    assert_eq!(lost_in(sum).await, (Code::UNAVAILABLE, Executed::Maybe));
}

#[tokio::test(start_paused = true)]
async fn its_user_closes_it_whatever_it_does() {
    // While it is up: what is open is finished.
    let world = World::new(Mode::Serve);
    let client = world.client();
    let open = tokio::spawn(client.sleep(1_000));
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
    let closed = tokio::spawn(client.peer().closed());
    client.peer().close();
    assert!(client.peer().is_closed());
    let error = client.add(1, 2).await.unwrap_err();
    assert_eq!(lost(&error), (Code::UNAVAILABLE, Executed::No), "{error}");
    assert!(!closed.is_finished());
    assert_eq!(open.await.unwrap().unwrap(), 1_000);
    assert_eq!(closed.await.unwrap().code, Some(CloseCode::GRACEFUL));

    // While it is dialed, and a call waits.
    let world = World::new(Mode::Hang);
    let client = world.client();
    let waiting = tokio::spawn(client.add(1, 2));
    sleep(Duration::from_millis(10)).await;
    client.peer().close();
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(lost(&error), (Code::UNAVAILABLE, Executed::No), "{error}");
    assert_eq!(client.peer().closed().await.code, Some(CloseCode::GRACEFUL));
    sleep(Duration::from_secs(60)).await;
    assert_eq!((world.dials(), world.dropped.load(Ordering::SeqCst)), (1, 1));

    // Before anything.
    let peer = World::new(Mode::Serve).lazy();
    peer.close();
    peer.closed().await;
    assert_eq!(EveryClient::new(&peer).add(1, 2).await.unwrap_err().code(), Code::UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_ends_it_also_while_it_is_dialed() {
    let world = World::new(Mode::Hang);
    let client = world.client();
    let peer = client.peer().clone();
    let call = tokio::spawn(client.add(1, 2));
    sleep(Duration::from_millis(10)).await;
    let closed = peer.closed();
    drop((client, peer));
    sleep(Duration::from_millis(10)).await;
    assert_eq!(world.dropped.load(Ordering::SeqCst), 0, "the call holds it");
    call.abort();
    closed.await;
    while world.dropped.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.dials(), 1);

    let world = World::new(Mode::Serve);
    let client = world.client();
    let call = tokio::spawn(client.sleep(1_000));
    drop(client);
    assert_eq!(call.await.unwrap().unwrap(), 1_000);
    let server = world.servers.lock().unwrap().pop().unwrap();
    assert_eq!(server.closed().await.code, Some(CloseCode::GRACEFUL));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_dies_at_once_is_not_dialed_in_a_loop() {
    let world = World::new(Mode::Die);
    let client = world.client();
    let error = client.add(1, 2).timeout(Duration::from_secs(60)).await.unwrap_err();
    assert_eq!(error.executed(), Executed::No, "{error}");
    // Bounds of 50 ms × 1.6 up to 10 s: about 11 attempts until then, and then one each 5 s.
    assert!((5..60).contains(&world.dials()), "{}", world.dials());
    world.be(Mode::Serve);
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_is_no_hton_peer_and_who_refuses_us_fail_the_call_and_the_next_begins_anew() {
    for (mode, text) in [(Mode::Babble, "hton"), (Mode::Serve, "who are you")] {
        let world = World::with(mode, Limits::default(), "secret");
        let client = world.client();
        let error = client.add(1, 2).await.unwrap_err();
        assert_eq!(error.code(), Code::UNAVAILABLE, "{mode:?}: {error}");
        assert!(error.to_string().contains(text), "{error}");
        sleep(Duration::from_secs(60)).await;
        assert_eq!(world.dials(), 1, "{mode:?}");
        client.add(1, 2).await.unwrap_err();
        assert_eq!(world.dials(), 2, "{mode:?}");
    }
    let world = World::with(Mode::Serve, Limits::default(), "secret");
    let peer = world.connect().token("secret").reconnecting().lazy().unwrap();
    assert_eq!(EveryClient::new(peer).add(1, 2).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn when_dialing_is_given_up_calls_say_why_and_the_next_begins_anew() {
    let world = World::new(Mode::Refuse);
    let connect = world.connect().retry(Backoff::default().attempts(3));
    let client = EveryClient::new(connect.reconnecting().lazy().unwrap());
    let error = client.add(1, 2).await.unwrap_err();
    assert_eq!(lost(&error), (Code::UNAVAILABLE, Executed::No));
    assert!(error.to_string().contains("cannot connect to the world"), "{error}");
    assert_eq!(world.dials(), 3);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(world.dials(), 3);
    world.be(Mode::Serve);
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_want_to_wait_fails_at_once_and_has_it_dialed() {
    let world = World::new(Mode::Serve);
    let peer = world.connect().reconnecting().fail_fast().lazy().unwrap();
    let client = EveryClient::new(peer);
    let error = client.add(1, 2).await.unwrap_err();
    assert_eq!(lost(&error), (Code::UNAVAILABLE, Executed::No), "{error}");
    sleep(Duration::from_millis(100)).await;
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
}

#[hton::service]
trait Here {
    async fn ping(&self) -> u32;
}

struct MyHere;

impl Here for MyHere {
    async fn ping(&self) -> u32 {
        7
    }
}

#[hton::service]
trait There {
    /// Calls its caller, waits until it is told, and calls it again.
    async fn twice(&self, cx: &Context) -> String;
}

struct MyThere {
    go: Arc<Notify>,
    said: Arc<Mutex<Vec<String>>>,
}

impl There for MyThere {
    async fn twice(&self, cx: &Context) -> String {
        let here = HereClient::new(cx.peer());
        let said = self.said.clone();
        let go = self.go.clone();
        // In a task, so that the end of the connection does not end it.
        let task = async move {
            let pinged = here.ping().await.ok();
            said.lock().unwrap().push(format!("{pinged:?}"));
            go.notified().await;
            let error = here.ping().await.unwrap_err();
            said.lock().unwrap().push(format!("{:?} {:?}", error.code(), error.executed()));
        };
        tokio::spawn(task).await.unwrap();
        String::new()
    }
}

fn dial_in_memory<S: Services + 'static>(
    serve: impl Fn() -> S + Send + Sync + 'static,
) -> (hton::Connect, Arc<Mutex<Vec<Peer>>>) {
    let servers = Arc::new(Mutex::new(Vec::new()));
    let (made, serve) = (servers.clone(), Arc::new(serve));
    let connect = connect("memory").dial_with(move || {
        let (here, there) = memory();
        let server = attach(there, Side::Acceptor).serve(serve()).unwrap().start();
        made.lock().unwrap().push(server);
        async move { Ok::<_, io::Error>(here) }
    });
    (connect, servers)
}

#[tokio::test(start_paused = true)]
async fn services_of_this_side_are_there_on_every_connection_and_old_ones_stay_old() {
    let (go, said) = (Arc::new(Notify::new()), Arc::new(Mutex::new(Vec::new())));
    let (there_go, there_said) = (go.clone(), said.clone());
    let (connect, servers) = dial_in_memory(move || {
        ThereServer::new(MyThere { go: there_go.clone(), said: there_said.clone() })
    });
    let peer = connect.serve(HereServer::new(MyHere)).unwrap().reconnecting().await.unwrap();
    let client = ThereClient::new(&peer);
    let call = tokio::spawn(client.twice());
    while said.lock().unwrap().is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
    let old = servers.lock().unwrap().remove(0);
    old.close();
    while servers.lock().unwrap().is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
    let new = servers.lock().unwrap().remove(0);
    assert_eq!(HereClient::new(&new).ping().await.unwrap(), 7);
    // The handler's peer is the old connection, which takes no new calls.
    go.notify_one();
    assert_eq!(call.await.unwrap().unwrap(), "");
    assert_eq!(*said.lock().unwrap(), ["Some(7)", "UNAVAILABLE No"]);
}

#[test]
fn a_lazy_peer_is_made_without_a_runtime_and_called_within_one() {
    let peer = hton::connect_lazy("127.0.0.1:1");
    let client = EveryClient::new(&peer);
    let mut call = std::pin::pin!(client.add(1, 2));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(result) = call.as_mut().poll(&mut cx) else {
        panic!("it waits for nothing");
    };
    let error = result.unwrap_err();
    assert_eq!(lost(&error), (Code::FAILED_PRECONDITION, Executed::No), "{error}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (server, sum) = runtime.block_on(async {
        let server = crate::service::serve().await;
        let calc = crate::service::CalcClient::connect_lazy(server.local_addr());
        (server, calc.add(1, 2).await)
    });
    assert_eq!(sum.unwrap(), 3);
    runtime.block_on(server.drain());
}

#[tokio::test]
async fn a_server_that_starts_again_on_its_port_is_found() {
    let server = crate::service::serve().await;
    let address = server.local_addr();
    let peer = connect(&address).reconnecting().await.unwrap();
    let calc = crate::service::CalcClient::new(&peer);
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    server.drain().await;
    let call = tokio::spawn(calc.add(3, 4));
    let bound = hton::Server::bind(&address).await.unwrap();
    let service = crate::service::CalcServer::new(crate::service::MyCalc::new());
    let _server = bound.serve(service).unwrap();
    assert_eq!(call.await.unwrap().unwrap(), 7);
}
