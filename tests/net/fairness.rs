//! Nobody waits long because others ask for much.

use crate::service::{CalcClient, serve};
use crate::trouble::CountedWrites;
use hton::{Bytes, Side};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;

const CONNECTIONS: usize = 32;
const CALLERS: usize = 16;
const CALLS: i64 = 30;

/// A worker of tokio's multi-thread runtime has a queue of 256 tasks. What it cannot hold goes to a queue
/// that the worker looks at once in 61 tasks: whoever is there waits for milliseconds.
#[test]
fn callers_of_many_connections_do_not_overflow_the_queue_of_their_worker() {
    let serving = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = serving.block_on(serve());
    let addr = server.local_addr();
    let asking = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let overflowed = asking.block_on(async {
        let (begun, overflowed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut callers = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let calc = CalcClient::connect(addr.clone()).await.unwrap();
            for _ in 0..CALLERS {
                let (calc, begun) = (calc.clone(), Arc::clone(&begun));
                let overflowed = Arc::clone(&overflowed);
                callers.spawn(async move {
                    let mut n = 0;
                    while n < CALLS {
                        assert_eq!(calc.add(n, 1).await.unwrap(), n + 1);
                        if begun.load(Ordering::Relaxed) {
                            n += 1;
                            let waiting = Handle::current().metrics().global_queue_depth();
                            overflowed.fetch_max(waiting, Ordering::Relaxed);
                        }
                    }
                });
            }
        }
        // They were spawned through the queue that is to stay empty.
        while Handle::current().metrics().global_queue_depth() > 0 {
            tokio::task::yield_now().await;
        }
        begun.store(true, Ordering::Relaxed);
        while let Some(caller) = callers.join_next().await {
            caller.unwrap();
        }
        overflowed.load(Ordering::Relaxed)
    });
    assert_eq!(overflowed, 0, "tasks waited in the queue that all workers share");
}

/// Whoever asks for much stands in the same line: between a call and its answer nobody is served more than
/// twice, once from before it in line and once from the open calls.
#[tokio::test]
async fn one_who_floods_a_connection_goes_before_nobody_in_its_line() {
    const FLOOD: usize = 1_000;
    let server = serve().await;
    let calc = CalcClient::connect(server.local_addr()).await.unwrap();
    let answers = Arc::new(AtomicUsize::new(0));
    let mut flood = JoinSet::new();
    for _ in 0..FLOOD {
        let (calc, answers) = (calc.clone(), Arc::clone(&answers));
        flood.spawn(async move {
            loop {
                calc.add(1, 1).await.unwrap();
                answers.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while answers.load(Ordering::Relaxed) < FLOOD {
        tokio::task::yield_now().await;
    }
    for n in 0..20 {
        let before = answers.load(Ordering::Relaxed);
        assert_eq!(calc.add(n, 1).await.unwrap(), n + 1);
        let meanwhile = answers.load(Ordering::Relaxed) - before;
        assert!(meanwhile <= 2 * FLOOD, "{meanwhile} calls of {FLOOD} callers went before");
        assert!(meanwhile > 0, "there was no flood");
    }
    assert!(flood.try_join_next().is_none(), "a call of the flood failed");
}

#[hton::service]
trait Scale {
    /// How often the server has written when the handler begins, and how long the load is.
    async fn weigh(&self, load: Bytes) -> (usize, usize);
}

struct MyScale(Arc<AtomicUsize>);

impl Scale for MyScale {
    async fn weigh(&self, load: Bytes) -> (usize, usize) {
        (self.0.load(Ordering::SeqCst), load.len())
    }
}

/// Eight calls that leave together, each with so many bytes. How often the server has written from the first
/// handler to the last.
async fn writes_between(bytes: usize) -> usize {
    let writes = Arc::new(AtomicUsize::new(0));
    let (near, far) = tokio::io::duplex(1 << 20);
    let far = hton::attach(CountedWrites(far, Arc::clone(&writes)), Side::Acceptor);
    let _far = far.serve(ScaleServer::new(MyScale(writes))).unwrap().start();
    let scale = ScaleClient::new(hton::attach(near, Side::Dialer).start());
    scale.weigh(Bytes::new()).await.unwrap(); // Everything that is said at first has been said.
    let load = Bytes::from(vec![7; bytes]);
    let together = (0..8).map(|_| scale.weigh(load.clone()));
    let mut weighed = Vec::new();
    for end in hton::batch(together).await {
        let (writes, len) = end.unwrap();
        assert_eq!(len, bytes);
        weighed.push(writes);
    }
    weighed[7] - weighed[0]
}

/// While the rest is handled, the caller reads what is answered: both ends work at once.
#[tokio::test]
async fn large_calls_that_come_together_are_answered_as_they_are_handled() {
    assert_eq!(writes_between(8 * 1024).await, 3, "16 KiB are two calls");
    assert_eq!(writes_between(1024).await, 0, "small ones share one write");
}
