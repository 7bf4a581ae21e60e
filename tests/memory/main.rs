//! What a connection holds while nothing happens on it, at both ends together, whatever has happened before.
//!
//! A program of its own: the space of large messages is shared by a whole process, and other tests would
//! take it and bring it back.

use hton::{Bytes, Rx, Server, Status, Stream, stream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

#[global_allocator]
static COUNTER: alloc_counter::Counter = alloc_counter::Counter;

/// One test after the other, for the reason above.
static ALONE: Mutex<()> = Mutex::new(());

const CONNECTIONS: usize = 16;
/// Both ends, with their tasks, sockets and timers.
const IDLE_BYTES: usize = 12 * 1024;
/// Longer than the silence before a ping, shorter than the wait for its answer.
const SILENCE: Duration = Duration::from_millis(10_500);

#[hton::service]
trait Store {
    async fn name(&self, name: String) -> String;
    async fn blob(&self, blob: Bytes) -> Bytes;
    async fn put(&self, chunks: Rx<Bytes>) -> Result<u64, Status>;
    fn get(&self, chunks: u32, bytes: u32) -> impl Stream<Item = Bytes>;
}

struct MyStore;

impl Store for MyStore {
    async fn name(&self, name: String) -> String {
        name
    }

    async fn blob(&self, blob: Bytes) -> Bytes {
        blob
    }

    async fn put(&self, mut chunks: Rx<Bytes>) -> Result<u64, Status> {
        let mut bytes = 0;
        while let Some(chunk) = chunks.recv().await? {
            bytes += chunk.len() as u64;
        }
        Ok(bytes)
    }

    fn get(&self, chunks: u32, bytes: u32) -> impl Stream<Item = Bytes> {
        stream::iter((0..chunks).map(move |_| Bytes::from(vec![7; bytes as usize])))
    }
}

/// What each of some connections holds after `ask` was called on it once, and then so much silence.
fn held_after(silence: Duration, ask: impl AsyncFn(&StoreClient)) -> usize {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let held = runtime.block_on(async {
        let bound = Server::bind("127.0.0.1:0").await.unwrap();
        let server = bound.serve(StoreServer::new(MyStore)).unwrap();
        let connect = async || {
            let store = StoreClient::connect(server.local_addr()).await.unwrap();
            ask(&store).await;
            store
        };
        let mut stores = Vec::with_capacity(2 * CONNECTIONS);
        // What a thread and a process keep is there once, however many connections there are.
        stores.push(connect().await);
        stores.push(connect().await);
        rest(silence).await;
        let before = alloc_counter::live_bytes();
        for _ in 0..CONNECTIONS {
            stores.push(connect().await);
        }
        rest(silence).await;
        usize::try_from(alloc_counter::live_bytes() - before).unwrap() / CONNECTIONS
    });
    println!("{held} bytes for each connection");
    held
}

/// Lets the tasks of both ends finish what they do about the last answer, and then time pass.
async fn rest(silence: Duration) {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    if silence > Duration::ZERO {
        tokio::time::pause();
        tokio::time::sleep(silence).await;
        tokio::time::resume();
    }
}

async fn name(store: &StoreClient) {
    assert_eq!(store.name("a name".to_owned()).await.unwrap(), "a name");
}

async fn blob(store: &StoreClient) {
    let blob = Bytes::from(vec![7; 1024 * 1024]);
    assert_eq!(store.blob(blob.clone()).await.unwrap(), blob);
}

#[test]
fn after_a_small_call_it_is_small() {
    let held = held_after(Duration::ZERO, name);
    assert!(held < IDLE_BYTES, "{held} bytes");
    assert!(held > 4 * 1024, "{held} bytes are too few to be true");
}

#[test]
fn after_a_large_call_it_is_as_small() {
    let held = held_after(Duration::ZERO, blob);
    assert!(held < IDLE_BYTES, "{held} bytes");
}

#[test]
fn after_many_large_calls_at_once_it_is_as_small() {
    let held = held_after(Duration::ZERO, async |store| {
        let mut calls = JoinSet::new();
        for _ in 0..12 {
            let store = store.clone();
            calls.spawn(async move { blob(&store).await });
        }
        calls.join_all().await;
    });
    assert!(held < IDLE_BYTES + 4 * 1024, "{held} bytes");
}

#[test]
fn after_large_streams_and_some_silence_it_is_as_small() {
    let held = held_after(SILENCE, async |store| {
        let chunks = stream::iter((0..64).map(|_| Bytes::from(vec![7; 60_000])));
        assert_eq!(store.put(chunks).await.unwrap(), 64 * 60_000);
        let mut chunks = store.get(64, 100_000);
        while let Some(chunk) = chunks.recv().await.unwrap() {
            assert_eq!(chunk.len(), 100_000);
        }
    });
    assert!(held < IDLE_BYTES, "{held} bytes");
}

/// A thousand calls in flight at once.
async fn burst(store: &StoreClient) {
    let mut calls = JoinSet::new();
    for _ in 0..1000 {
        let store = store.clone();
        calls.spawn(async move { name(&store).await });
    }
    calls.join_all().await;
}

#[test]
fn after_a_burst_of_calls_and_some_silence_it_is_as_small() {
    let held = held_after(SILENCE, burst);
    assert!(held < IDLE_BYTES, "{held} bytes");
}

#[test]
fn without_the_silence_a_burst_keeps_its_tables_for_the_next_one() {
    let held = held_after(Duration::ZERO, burst);
    assert!(held > 4 * IDLE_BYTES, "{held} bytes");
    assert!(held < 384 * 1024, "{held} bytes");
}
