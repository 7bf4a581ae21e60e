//! How calls are given up: from either end, by whatever reason, and without harm to the next.

use hton::{Code, Context, Executed, Peer, Side};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

#[hton::service]
trait Work {
    async fn add(&self, a: u32, b: u32) -> u32;
    async fn never(&self);
    /// Starts a task that lives as long as the call, and then waits so long.
    async fn spawn(&self, cx: &Context, ms: u64);
    /// Makes a call of the caller that never ends by itself, and tells how it ended, and when.
    async fn wait_for_caller(&self, cx: &Context) -> (u8, u64);
}

struct MyWork {
    /// How many handlers of `never` and tasks of `spawn` exist.
    alive: watch::Sender<u32>,
}

impl MyWork {
    fn new() -> Arc<Self> {
        Arc::new(Self { alive: watch::Sender::new(0) })
    }

    async fn has_alive(&self, count: u32) {
        let mut alive = self.alive.subscribe();
        alive.wait_for(|alive| *alive == count).await.expect("it is there");
    }
}

impl Work for MyWork {
    async fn add(&self, a: u32, b: u32) -> u32 {
        a + b
    }

    async fn never(&self) {
        let _alive = crate::flows::Alive::new(&self.alive);
        std::future::pending().await
    }

    async fn spawn(&self, cx: &Context, ms: u64) {
        let (alive, over) = (crate::flows::Alive::new(&self.alive), cx.cancelled());
        tokio::spawn(async move {
            over.await;
            drop(alive);
        });
        sleep(Duration::from_millis(ms)).await;
    }

    async fn wait_for_caller(&self, cx: &Context) -> (u8, u64) {
        let began = Instant::now();
        let call = WorkClient::new(cx.peer()).never().timeout(Duration::from_secs(3600));
        let error = call.await.expect_err("it never ends");
        let ms = u64::try_from(began.elapsed().as_millis()).expect("few");
        (error.code().number(), ms)
    }
}

fn pair() -> (WorkClient, Peer, Arc<MyWork>) {
    let (near, far) = hton::memory();
    let work = MyWork::new();
    let serve = |stream, side, work| {
        hton::attach(stream, side).serve(WorkServer::from_arc(work)).expect("one service").start()
    };
    let near = serve(near, Side::Dialer, MyWork::new());
    (WorkClient::new(near), serve(far, Side::Acceptor, work.clone()), work)
}

/// How soon a handler that nobody waits for is gone.
const SOON: Duration = Duration::from_millis(50);

// Verifies: call.cancel.caller
#[tokio::test(start_paused = true)]
async fn a_handler_is_dropped_soon_after_its_call() {
    let (client, far, work) = pair();
    for end in ["dropped", "by handle", "late", "lost"] {
        let call = client.never().timeout(Duration::from_secs(1));
        let handle = call.handle();
        let task = tokio::spawn(call);
        work.has_alive(1).await;
        match end {
            "dropped" => task.abort(),
            "by handle" => handle.cancel(),
            "late" => sleep(Duration::from_secs(1)).await,
            _ => {
                // The time that a graceful end waits for a call that does not end.
                far.close();
                sleep(Duration::from_secs(10)).await;
            }
        }
        timeout(SOON, work.has_alive(0)).await.expect(end);
        let ended = timeout(SOON, task).await.expect(end);
        let code = ended.map(|ended| ended.unwrap_err().code());
        let expected = match end {
            "dropped" => None,
            "by handle" => Some(Code::CANCELLED),
            "late" => Some(Code::DEADLINE_EXCEEDED),
            _ => Some(Code::DEADLINE_EXCEEDED),
        };
        assert_eq!(code.ok(), expected, "{end}");
    }
}

#[tokio::test]
async fn a_handle_knows_whether_the_call_was_sent() {
    let (client, _far, work) = pair();
    let call = client.add(1, 2);
    let handle = call.handle();
    handle.cancel();
    let error = call.await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::CANCELLED, Executed::No));

    let call = client.never();
    let handle = call.handle();
    let cancel = async {
        work.has_alive(1).await;
        std::thread::spawn(move || handle.cancel()).join().unwrap();
    };
    let (ended, ()) = tokio::join!(call, cancel);
    let error = ended.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::CANCELLED, Executed::Maybe));

    let call = client.add(1, 2);
    let handle = call.handle();
    assert_eq!(call.await.unwrap(), 3);
    handle.cancel(); // Too late to matter.
    assert_eq!(client.add(3, 4).await.unwrap(), 7);
}

// Verifies: call.slots.held
#[tokio::test]
async fn after_a_thousand_cancels_a_thousand_calls_are_served() {
    let (client, far, work) = pair();
    for _ in 0..1000 {
        let mut call = client.never();
        let polled = std::future::poll_fn(|cx| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut call).poll(cx))
        });
        assert!(polled.await.is_pending());
    }
    for n in 0..1000 {
        assert_eq!(client.add(n, 1).await.unwrap(), n + 1);
    }
    // CANCELs are spread out, so that the peer takes them for no flood.
    timeout(Duration::from_secs(30), work.has_alive(0)).await.expect("all are gone");
    assert!(!far.is_closed());
}

// Verifies: call.deadline.caller
#[tokio::test]
async fn a_silent_server_is_late_and_never_cancelled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = WorkClient::connect(listener.local_addr().unwrap()).await.unwrap();
    for _ in 0..20 {
        let began = Instant::now();
        let error = client.add(1, 2).timeout(Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
        assert!(began.elapsed() < Duration::from_millis(101 + 400), "and some for a busy machine");
    }
    let error = client.add(1, 2).timeout(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_a_handler_ends_with_the_handlers_deadline() {
    let (client, _far, _work) = pair();
    let (code, ms) = client.wait_for_caller().timeout(Duration::from_secs(2)).await.unwrap();
    assert_eq!(code, Code::DEADLINE_EXCEEDED.number());
    assert!((1_900..2_000).contains(&ms), "{ms}: less than its parent has");
}

#[tokio::test(start_paused = true)]
async fn a_client_may_have_a_time_limit_of_its_own() {
    let (client, _far, _work) = pair();
    let hasty = WorkClient::new(client.peer().clone().with_timeout(Duration::from_millis(70)));
    for (client, ms) in [(&hasty, 70), (&client, 30_000)] {
        let began = Instant::now();
        assert_eq!(client.never().await.unwrap_err().code(), Code::DEADLINE_EXCEEDED);
        let took = began.elapsed().as_millis();
        assert!((ms..ms + 100).contains(&took), "{took} instead of {ms} ms");
    }
    let began = Instant::now();
    let call = hasty.never().timeout(Duration::from_millis(500));
    assert_eq!(call.await.unwrap_err().code(), Code::DEADLINE_EXCEEDED);
    assert!(began.elapsed() >= Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_started_elsewhere_learns_that_the_call_is_over() {
    let (client, _far, work) = pair();
    client.spawn(10).await.unwrap();
    timeout(SOON, work.has_alive(0)).await.expect("the call was answered");

    let cut = timeout(Duration::from_millis(100), client.spawn(60_000)).await;
    assert!(cut.is_err());
    timeout(SOON, work.has_alive(0)).await.expect("the call was cancelled");
}
