//! What streams promise: order, ends, and a sender that is bound by its reader.

use crate::flows::{Alive, FlowsClient, FlowsServer, MyFlows, Oops, Pair, pair, pair_with};
use hton::{Bytes, CallError, Code, Executed, Limits, Streaming, stream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// Through one stream. A million in a release build; a debug build shows the same with fewer.
const ITEMS: u64 = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };

/// What one side holds of one stream at the most, in items of eight bytes: a window here, and one there
/// that the writer has not written yet.
const WINDOW_ITEMS: u64 = 2 * 256 * 1024 / (16 + 8);

async fn all<T, E: std::fmt::Debug>(mut items: Streaming<T, E>) -> Vec<T> {
    let mut all = Vec::new();
    while let Some(item) = items.recv().await.expect("it ends well") {
        all.push(item);
    }
    all
}

/// A stream of a caller that counts what was asked of it, and itself.
struct Feed {
    made: Arc<AtomicU64>,
    _alive: Alive,
}

impl Feed {
    fn new() -> (Self, Arc<AtomicU64>, watch::Receiver<u32>) {
        let (made, alive) = (Arc::<AtomicU64>::default(), watch::Sender::new(0));
        let feed = Self { made: Arc::clone(&made), _alive: Alive::new(&alive) };
        (feed, made, alive.subscribe())
    }
}

impl hton::Stream for Feed {
    type Item = u64;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u64>> {
        Poll::Ready(Some(self.made.fetch_add(1, Ordering::SeqCst)))
    }
}

// Verifies: stream.item.data, stream.end.flag
#[tokio::test]
async fn items_keep_their_order_in_every_direction() {
    let Pair { near, far: _far, .. } = pair();
    let flows = FlowsClient::new(&near);
    assert_eq!(flows.sum(stream::iter(0..1000)).await.unwrap(), 499_500);
    assert_eq!(all(flows.count(3, 1003)).await, (3..1003).collect::<Vec<_>>());
    let doubled = all(flows.double(stream::iter(0..1000))).await;
    assert_eq!(doubled, (0..1000).map(|n| 2 * n).collect::<Vec<_>>());
    assert_eq!(flows.sum(stream::empty()).await.unwrap(), 0);
    assert!(all(flows.count(1, 1)).await.is_empty());
}

// Verifies: stream.item.data
#[tokio::test]
async fn an_item_of_no_bytes_is_an_item() {
    let Pair { near, far: _far, .. } = pair();
    let units = FlowsClient::new(&near).units(stream::iter(vec![(); 1000]));
    assert_eq!(units.await.unwrap(), 1000);
}

#[tokio::test]
async fn very_many_items_go_through_one_stream() {
    let Pair { near, far: _far, .. } = pair();
    let mut numbers = FlowsClient::new(&near).count(0, ITEMS);
    let mut next = 0;
    while let Some(number) = numbers.recv().await.unwrap() {
        assert_eq!(number, next);
        next += 1;
    }
    assert_eq!(next, ITEMS);
    let sum = FlowsClient::new(&near).sum(stream::iter(0..ITEMS)).await.unwrap();
    assert_eq!(sum, ITEMS * (ITEMS - 1) / 2);
}

/// 256 MiB here; `HTON_TRANSFER_MIB=2048` makes it 2 GiB.
#[test]
fn a_transfer_takes_little_memory_however_long_it_is() {
    const CHUNK_BYTES: u32 = 60_000;
    const MEMORY_BYTES: usize = 32 << 20;
    let mib = std::env::var("HTON_TRANSFER_MIB").ok().and_then(|mib| mib.parse().ok());
    let bytes: u64 = mib.unwrap_or(256) << 20;
    let chunks = u32::try_from(bytes / u64::from(CHUNK_BYTES)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let transfer = || {
        runtime.block_on(async {
            let Pair { near, far: _far, .. } = pair();
            let flows = FlowsClient::new(&near);
            let mut down = flows.chunks(chunks, CHUNK_BYTES);
            let mut read = 0;
            while let Some(chunk) = down.recv().await.unwrap() {
                read += chunk.len() as u64;
            }
            assert_eq!(read, u64::from(chunks) * u64::from(CHUNK_BYTES));
            let chunk = Bytes::from(vec![7; CHUNK_BYTES as usize]);
            let up = stream::iter((0..chunks).map(move |_| chunk.clone()));
            assert_eq!(flows.swallow(up).await.unwrap(), read);
        });
    };
    let peak = alloc_counter::measure(transfer).1.peak_bytes;
    assert!(peak < MEMORY_BYTES, "{peak} bytes were held at once");
}

// Verifies: stream.credit.return
#[tokio::test]
async fn unread_streams_stall_nobody() {
    let Pair { near, far, .. } = pair();
    let (here, there) = (FlowsClient::new(&near), FlowsClient::new(&far));
    let mut unread = Vec::new();
    for flows in [&here, &there] {
        for _ in 0..64 {
            let mut items = flows.chunks(1_000, 16_000);
            assert_eq!(items.recv().await.unwrap().unwrap().len(), 16_000);
            unread.push(items);
        }
    }
    for n in 0..100 {
        assert_eq!(here.add_one(n).await.unwrap(), n + 1);
        assert_eq!(there.add_one(n).await.unwrap(), n + 1);
    }
    drop(unread);
    assert_eq!(all(here.count(0, 100)).await.len(), 100);
}

// Verifies: stream.credit.return, stream.credit.return
#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_bounds_its_sender() {
    let Pair { near, far: _far, served, .. } = pair();
    let flows = FlowsClient::new(&near);
    let mut items = flows.forever();
    assert_eq!(items.recv().await.unwrap(), Some(0));
    sleep(Duration::from_secs(1)).await; // Idle: whoever can send has sent.
    let made = served.made.load(Ordering::SeqCst);
    assert!(made <= WINDOW_ITEMS, "{made} items were made for one that was read");
    for n in 1..3 * WINDOW_ITEMS {
        assert_eq!(items.recv().await.unwrap(), Some(n));
    }
    sleep(Duration::from_secs(1)).await;
    let made = served.made.load(Ordering::SeqCst);
    assert!(made > 3 * WINDOW_ITEMS && made <= 4 * WINDOW_ITEMS, "{made}");
}

// Verifies: stream.stop.answer
#[tokio::test(start_paused = true)]
async fn a_reader_that_leaves_stops_its_producer() {
    let Pair { near, far: _far, served, .. } = pair();
    let mut items = FlowsClient::new(&near).forever();
    assert_eq!(items.recv().await.unwrap(), Some(0));
    let mut alive = served.alive.subscribe();
    assert_eq!(*alive.borrow_and_update(), 1);
    drop(items);
    let gone = alive.wait_for(|alive| *alive == 0);
    timeout(Duration::from_millis(50), gone).await.expect("in time").unwrap();
}

// Verifies: stream.stop.answer
#[tokio::test(start_paused = true)]
async fn a_handler_that_wants_no_more_stops_the_caller_and_goes_on() {
    let Pair { near, far: _far, .. } = pair();
    let flows = FlowsClient::new(&near);
    let (feed, made, mut alive) = Feed::new();
    let call = tokio::spawn(flows.first(feed));
    let gone = alive.wait_for(|alive| *alive == 0);
    timeout(Duration::from_millis(50), gone).await.expect("in time").unwrap();
    assert!(made.load(Ordering::SeqCst) <= WINDOW_ITEMS);
    assert!(!call.is_finished());
    flows.release().await.unwrap();
    assert_eq!(call.await.unwrap().unwrap(), 0);
}

// Verifies: stream.stop.answer
#[tokio::test(start_paused = true)]
async fn a_caller_that_has_nothing_to_send_is_stopped_too() {
    let Pair { near, far: _far, .. } = pair();
    let flows = FlowsClient::new(&near);
    let (sender, numbers) = stream::channel(1);
    let call = tokio::spawn(flows.first(numbers));
    sender.send(9).await.unwrap();
    timeout(Duration::from_millis(50), sender.closed()).await.expect("in time");
    flows.release().await.unwrap();
    assert_eq!(call.await.unwrap().unwrap(), 9);
}

// Verifies: stream.end.flag
#[tokio::test(start_paused = true)]
async fn an_upload_that_is_cut_off_never_looks_complete() {
    for cut in ["cancelled", "lost", "answered", "finished"] {
        let Pair { near, far, mut watched, .. } = pair();
        let flows = FlowsClient::new(&near);
        let (sender, numbers) = stream::channel(1);
        let call = match cut {
            "answered" => tokio::spawn(flows.give_away(numbers)),
            _ => tokio::spawn(flows.hand_over(numbers)),
        };
        if cut != "answered" {
            for n in 0..3 {
                sender.send(n).await.unwrap();
            }
            sleep(Duration::from_millis(1)).await;
        }
        match cut {
            "cancelled" => call.abort(),
            "lost" => {
                near.close();
                drop((far, call));
                sleep(Duration::from_secs(20)).await; // Longer than a graceful end waits.
            }
            "answered" => call.await.unwrap().unwrap(),
            _ => drop(sender),
        }
        let (read, end) = watched.recv().await.unwrap();
        assert_eq!(
            (read, end.is_none()),
            (if cut == "answered" { 0 } else { 3 }, cut == "finished"),
            "{cut}: {end:?}"
        );
    }
}

// Verifies: stream.end.response
#[tokio::test]
async fn a_method_may_refuse_before_it_streams() {
    let Pair { near, far: _far, .. } = pair();
    let flows = FlowsClient::new(&near);
    let error = flows.guarded(false).recv().await.unwrap_err();
    assert_eq!(error, CallError::Declared(Oops::Closed));
    assert_eq!(all(flows.guarded(true)).await, [7]);
}

// Verifies: stream.end.response
#[tokio::test]
async fn the_last_word_follows_the_last_item() {
    let Pair { near, far: _far, .. } = pair();
    let flows = FlowsClient::new(&near);
    let mut items = flows.status_after(3);
    for n in 0..3 {
        assert_eq!(items.recv().await.unwrap(), Some(n));
    }
    let error = items.recv().await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!((failure.code(), failure.app()), (Code::NOT_FOUND, 404));
    assert!(items.recv().await.unwrap().is_none(), "nothing follows the end");

    for bytes in [10, 50_000, 200_000] {
        let mut items = flows.error_after(5, bytes);
        for _ in 0..5 {
            assert_eq!(items.recv().await.unwrap().unwrap().len(), bytes as usize);
        }
        assert_eq!(items.recv().await.unwrap_err(), CallError::Declared(Oops::After(5)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_ends_stream_at_once_in_both_directions() {
    const COUNT: u64 = 20_000;
    let Pair { near, far, .. } = pair();
    let mut tasks = Vec::new();
    for peer in [&near, &far] {
        for _ in 0..4 {
            let doubled = FlowsClient::new(peer).double(stream::iter(0..COUNT));
            tasks.push(tokio::spawn(async { all(doubled).await }));
        }
    }
    for task in tasks {
        let doubled = task.await.unwrap();
        assert!(doubled.iter().copied().eq((0..COUNT).map(|n| 2 * n)));
    }
}

#[tokio::test]
async fn a_stream_calls_its_caller_back_for_every_item() {
    let Pair { near, far: _far, .. } = pair();
    let more = all(FlowsClient::new(&near).ask_back(stream::iter(0..50))).await;
    assert_eq!(more, (1..51).collect::<Vec<_>>());
}

// Verifies: call.deadline.caller
#[tokio::test(start_paused = true)]
async fn a_deadline_covers_the_whole_stream_and_there_is_none_by_default() {
    let Pair { near, far: _far, served, .. } = pair();
    let flows = FlowsClient::new(&near);
    let mut items = flows.forever().timeout(Duration::from_secs(1));
    let before = Instant::now();
    let mut read = 0;
    let error = loop {
        match items.recv().await {
            Ok(item) => assert_eq!(item, Some(read)),
            Err(error) => break error,
        }
        read += 1;
        sleep(Duration::from_millis(10)).await;
    };
    assert_eq!((error.code(), error.executed()), (Code::DEADLINE_EXCEEDED, Executed::Maybe));
    assert!(read >= 99, "{read} items before the deadline");
    assert!(before.elapsed() < Duration::from_secs(1_000), "what had come was read at leisure");
    served.alive.subscribe().wait_for(|alive| *alive == 0).await.unwrap();

    let mut items = flows.forever();
    assert_eq!(items.recv().await.unwrap(), Some(0));
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(items.recv().await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_handle_ends_a_stream_at_once() {
    let Pair { near, far: _far, served, .. } = pair();
    let mut items = FlowsClient::new(&near).forever();
    let handle = items.handle();
    assert_eq!(items.recv().await.unwrap(), Some(0));
    std::thread::spawn(move || handle.cancel()).join().unwrap();
    let error = items.recv().await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::CANCELLED, Executed::Maybe));
    assert!(items.recv().await.unwrap().is_none());
    served.alive.subscribe().wait_for(|alive| *alive == 0).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_panics_ends_its_call_and_nothing_else() {
    let Pair { near, far: _far, .. } = pair();
    let flows = FlowsClient::new(&near);
    for items in [0, 3, 1000] {
        let mut numbers = flows.panic_after(items);
        for n in 0..items {
            assert_eq!(numbers.recv().await.unwrap(), Some(n));
        }
        let error = numbers.recv().await.unwrap_err();
        assert_eq!(error.code(), Code::INTERNAL);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let panics = stream::iter((0..10_u64).map(|n| if n < 3 { n } else { panic!("the caller's") }));
    let call = tokio::spawn(flows.sum(panics));
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(flows.sum(stream::iter(0..4)).await.unwrap(), 6);
}

// Verifies: stream.open.limit
#[tokio::test]
async fn streams_beyond_the_limit_wait_for_their_turn_and_those_of_handlers_do_not() {
    let mut limits = Limits::default();
    limits.streams = 2;
    let Pair { near, far: _far, .. } = pair_with(limits);
    let flows = FlowsClient::new(&near);
    assert_eq!(flows.add_one(1).await.unwrap(), 2); // Both know the limits now.
    let (mut first, mut second, mut third) = (flows.forever(), flows.forever(), flows.count(0, 3));
    assert_eq!(first.recv().await.unwrap(), Some(0));
    assert_eq!(second.recv().await.unwrap(), Some(0));
    {
        let mut waiting = std::pin::pin!(third.recv());
        let polled = std::future::poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        // Unary calls have a limit of their own.
        assert_eq!(flows.add_one(2).await.unwrap(), 3);
        drop(first);
        assert_eq!(waiting.await.unwrap(), Some(0));
    }
    drop((second, third));
    assert_eq!(flows.greedy().await.unwrap(), 2);
}

// Verifies: stream.item.window
#[tokio::test]
async fn an_item_that_can_never_be_sent_is_refused_and_the_next_call_is_served() {
    let Pair { near, far: _far, .. } = pair();
    let flows = FlowsClient::new(&near);
    let error = flows.chunks(1, 300_000).recv().await.unwrap_err();
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
    assert!(error.to_string().contains("300008"), "{error}");
    let error = flows.swallow(stream::once(Bytes::from(vec![0; 300_000]))).await.unwrap_err();
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
    let largest = flows.swallow(stream::once(Bytes::from(vec![0; 262_000]))).await.unwrap();
    assert_eq!(largest, 262_000);
}

#[tokio::test]
async fn a_graceful_end_waits_for_the_streams_that_are_open() {
    let bound = hton::Server::bind("127.0.0.1:0").await.unwrap();
    let (mine, _) = MyFlows::new();
    let server = bound.serve(FlowsServer::from_arc(mine)).unwrap();
    let flows = FlowsClient::connect(server.local_addr()).await.unwrap();
    let (sender, numbers) = stream::channel(1);
    let call = tokio::spawn(flows.sum(numbers));
    sender.send(1).await.unwrap();
    let mut items = flows.count(0, 100_000);
    assert_eq!(items.recv().await.unwrap(), Some(0));
    let drained = tokio::spawn(server.drain());
    assert_eq!(all(items).await.len(), 99_999);
    sender.send(2).await.unwrap();
    drop(sender);
    assert_eq!(call.await.unwrap().unwrap(), 3);
    drained.await.unwrap();
    let error = flows.count(0, 1).recv().await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::UNAVAILABLE, Executed::No));
}

#[tokio::test]
async fn a_lost_connection_ends_every_stream() {
    let mut limits = Limits::default();
    limits.drain_ms = 100;
    let Pair { near, far, .. } = pair_with(limits);
    let flows = FlowsClient::new(&near);
    let mut items = flows.forever();
    assert_eq!(items.recv().await.unwrap(), Some(0));
    let (sender, numbers) = stream::channel(1);
    let upload = tokio::spawn(flows.sum(numbers));
    sender.send(1).await.unwrap();
    far.close(); // Gracefully; it gives up after the time that it waits.
    drop(far);
    drop(flows);
    let error = loop {
        if let Err(error) = items.recv().await {
            break error;
        }
    };
    assert_eq!((error.code(), error.executed()), (Code::UNAVAILABLE, Executed::Maybe));
    assert_eq!(upload.await.unwrap().unwrap_err().code(), Code::UNAVAILABLE);
}
