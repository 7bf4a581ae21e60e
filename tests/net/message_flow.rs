//! Messages on the way: any cut, both directions at once, slow readers, few writes and few copies.

use crate::message_sockets::pair;
use hton::archive::{AsyncLoad, AsyncStore, DecodeErrorKind, DecodeLimits, Store};
use hton::message::{Connection, Listener};
use hton::{Bytes, SocketOptions};
use sha2::{Digest, Sha256};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(5);

/// A generator of numbers that come again from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

fn texts(random: &mut Random) -> Vec<String> {
    (0..40).map(|n| n.to_string().repeat(random.below(400))).collect()
}

fn stored(texts: &[String]) -> Vec<u8> {
    let mut out = Store::new(Vec::new());
    for text in texts {
        out.store(text).unwrap().flush().unwrap();
    }
    out.close().unwrap()
}

#[tokio::test]
async fn any_cut_of_the_bytes_gives_the_same_messages() {
    let mut random = Random(7);
    for round in 0..20 {
        let texts = texts(&mut random);
        let bytes = stored(&texts);
        let (mut sending, far) = tokio::io::duplex(1024);
        let cuts = async {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                // One byte each, all at once, or as it comes.
                let bound = [1, rest.len(), 500][round % 3];
                let (now, later) = rest.split_at((1 + random.below(bound)).min(rest.len()));
                sending.write_all(now).await.unwrap();
                sending.flush().await.unwrap();
                rest = later;
                tokio::task::yield_now().await;
            }
            drop(sending);
        };
        let mut load = AsyncLoad::new(far);
        let reading = async {
            let mut read = Vec::new();
            while let Some(text) = load.recv::<String>().await.unwrap() {
                read.push(text);
            }
            read
        };
        let ((), read) = tokio::join!(cuts, reading);
        assert_eq!(read, texts, "round {round}");
    }
}

#[tokio::test]
async fn a_proxy_that_cuts_anew_changes_no_message() {
    let mut random = Random(11);
    let texts = texts(&mut random);
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let to = listener.local_addr().socket_addr().unwrap();
    tokio::spawn(async move {
        let (mut from, _) = proxy.accept().await.unwrap();
        let mut to = tokio::net::TcpStream::connect(to).await.unwrap();
        to.set_nodelay(true).unwrap();
        let mut space = [0; 700];
        loop {
            let bound = 1 + random.below(space.len());
            match from.read(&mut space[..bound]).await.unwrap() {
                0 => break,
                count => to.write_all(&space[..count]).await.unwrap(),
            }
        }
    });
    let mut near = Connection::connect(address).await.unwrap();
    let mut far = listener.accept().await.unwrap();
    for text in &texts {
        near.send(text).await.unwrap();
    }
    near.finish().await.unwrap();
    let mut messages = far.messages::<String>();
    for text in &texts {
        assert_eq!(&messages.next().await.unwrap().unwrap(), text);
    }
    assert!(messages.next().await.is_none());
}

/// A stream that takes one byte at a time, with a pause before each.
#[derive(Debug, Default)]
struct Narrow {
    taken: Vec<u8>,
    paused: bool,
}

impl AsyncWrite for Narrow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.paused = !self.paused;
        if self.paused {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.taken.extend(bytes.first());
        Poll::Ready(Ok(bytes.len().min(1)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_window_of_one_byte_takes_every_message_whole() {
    let mut store = AsyncStore::new(Narrow::default());
    store.send(&0x0102_u16).await.unwrap();
    store.send_bytes(&b"large"[..]).await.unwrap();
    store.send(&3_u8).await.unwrap();
    let taken = store.close().await.unwrap().taken;
    assert_eq!(taken, b"\0\0\0\x02\x01\x02\0\0\0\x05large\0\0\0\x01\x03");
}

#[tokio::test]
async fn a_flush_that_is_dropped_goes_on_with_the_next() {
    // Dropped after every number of polls that it can have.
    for polls in 0..30 {
        let mut store = AsyncStore::new(Narrow::default());
        store.store(&0x0102_u16).unwrap();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        {
            let mut flush = pin!(store.flush());
            for _ in 0..polls {
                if flush.as_mut().poll(&mut cx).is_ready() {
                    break;
                }
            }
        }
        {
            let mut sending = pin!(store.send_bytes(&b"xy"[..]));
            for _ in 0..polls / 2 {
                if sending.as_mut().poll(&mut cx).is_ready() {
                    break;
                }
            }
        }
        store.send(&3_u8).await.unwrap();
        let taken = store.close().await.unwrap().taken;
        // What was never polled has not happened.
        let expected: &[u8] = match polls {
            0 => b"\0\0\0\x03\x01\x02\x03",
            1 => b"\0\0\0\x02\x01\x02\0\0\0\x01\x03",
            _ => b"\0\0\0\x02\x01\x02\0\0\0\x02xy\0\0\0\x01\x03",
        };
        assert_eq!(taken, expected, "{polls}");
    }
}

#[tokio::test]
async fn a_load_that_is_dropped_loses_nothing() {
    let (mut near, far) = tokio::io::duplex(64);
    let mut load = AsyncLoad::new(far);
    for byte in *b"\0\0\0\x02\x01\x02\0\0\0\x01\x03" {
        near.write_all(&[byte]).await.unwrap();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut peeked = pin!(load.peek_len());
        let _ = peeked.as_mut().poll(&mut cx);
    }
    assert_eq!(load.recv::<u16>().await.unwrap(), Some(0x0102));
    drop(near);
    assert_eq!(load.recv::<u8>().await.unwrap(), Some(3));
    assert_eq!(load.recv::<u8>().await.unwrap(), None);
}

/// MiB in each direction: HTON_DUPLEX_MIB, 1 unless set.
fn duplex_mib() -> usize {
    std::env::var("HTON_DUPLEX_MIB").ok().and_then(|mib| mib.parse().ok()).unwrap_or(1)
}

#[tokio::test]
async fn both_ends_push_at_once_through_small_buffers_and_nothing_changes() {
    let mut options = SocketOptions::default();
    options.send_buffer_bytes = Some(4096);
    options.recv_buffer_bytes = Some(4096);
    let listener = Listener::bind("127.0.0.1:0").options(options.clone()).await.unwrap();
    let near = Connection::connect(listener.local_addr()).options(options).await.unwrap();
    let far = listener.accept().await.unwrap();
    let total = duplex_mib() * 1024 * 1024;
    let mut tasks = Vec::new();
    for (seed, end) in [(3, near), (5, far)] {
        let (mut load, mut store) = end.split();
        tasks.push(tokio::spawn(async move {
            let (mut random, mut hash, mut left) = (Random(seed), Sha256::new(), total);
            while left > 0 {
                let len = (1 + random.below(60_000)).min(left);
                let bytes = vec![u8::try_from(len % 251).unwrap(); len];
                hash.update(&bytes);
                store.send(&bytes).await.unwrap();
                left -= len;
            }
            store.finish().await.unwrap();
            hash.finalize().to_vec()
        }));
        tasks.push(tokio::spawn(async move {
            let (mut hash, mut got) = (Sha256::new(), 0);
            while let Some(bytes) = load.recv::<Vec<u8>>().await.unwrap() {
                hash.update(&bytes);
                got += bytes.len();
            }
            assert_eq!(got, total);
            hash.finalize().to_vec()
        }));
    }
    let mut hashes = Vec::new();
    for task in tasks {
        hashes.push(timeout(12 * LONG, task).await.expect("no deadlock").unwrap());
    }
    let [near_sent, near_got, far_sent, far_got] = &*hashes else { panic!("{hashes:?}") };
    assert_eq!((near_sent, far_sent), (far_got, near_got));
    assert_ne!(near_sent, far_sent);
}

#[tokio::test]
async fn half_a_message_is_never_received_and_its_length_is_known_before_it() {
    let (near, mut far) = pair().await;
    let (mut stream, _) = near.into_inner();
    stream.write_all(b"\0\0\0\x02\x01").await.unwrap();
    assert_eq!(far.peek_len().await.unwrap(), Some(2));
    {
        let mut receiving = pin!(far.recv::<u16>());
        assert!(timeout(Duration::from_millis(20), receiving.as_mut()).await.is_err());
    }
    stream.write_all(b"\x02").await.unwrap();
    assert_eq!(far.recv::<u16>().await.unwrap(), Some(0x0102));
    // Longer than the limit: refused by its head, before the body has come.
    let mut limits = DecodeLimits::default();
    limits.message_bytes = 100;
    let mut far = far.limits(limits);
    stream.write_all(b"\0\0\0\x65").await.unwrap();
    assert_eq!(far.peek_len().await.unwrap(), Some(101));
    let error = far.recv::<u16>().await.unwrap_err();
    assert_eq!(error.archive().unwrap().kind(), DecodeErrorKind::Message);
}

#[tokio::test]
async fn what_has_come_is_counted_and_two_messages_in_one_packet_are_two() {
    let (near, mut far) = pair().await;
    let (mut stream, _) = near.into_inner();
    stream.write_all(b"\0\0\0\x01\x07\0\0\0\x01\x08").await.unwrap();
    assert_eq!(far.peek_len().await.unwrap(), Some(1));
    assert_eq!(far.buffered(), 10);
    assert_eq!(far.recv::<u8>().await.unwrap(), Some(7));
    assert_eq!(far.buffered(), 5);
    assert_eq!(far.recv::<u8>().await.unwrap(), Some(8));
    assert_eq!(far.buffered(), 0);
}

#[tokio::test]
async fn a_thousand_messages_in_one_segment_need_no_further_traffic() {
    let (near, mut far) = pair().await;
    let (mut stream, _) = near.into_inner();
    stream.write_all(&b"\0\0\0\x01\x07".repeat(1000)).await.unwrap();
    let mut messages = far.messages::<u8>();
    for n in 0..1000 {
        let next = timeout(LONG, messages.next()).await.unwrap_or_else(|_| panic!("{n} came"));
        assert_eq!(next.unwrap().unwrap(), 7);
    }
    // The other end is there still, and silent.
    assert!(timeout(Duration::from_millis(20), messages.next()).await.is_err());
    drop(stream);
}

/// Writes that are counted, and take all they get.
#[derive(Debug, Default)]
struct Counting {
    writes: Vec<usize>,
}

impl AsyncWrite for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.push(bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = pieces.iter().map(|piece| piece.len()).sum();
        self.writes.push(len);
        Poll::Ready(Ok(len))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_message_is_one_write_and_a_large_one_is_not_copied() {
    const LARGE: usize = 1024 * 1024;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut store = AsyncStore::new(Counting { writes: Vec::with_capacity(8) });
    let large = Bytes::from(vec![7; LARGE]);
    let ((), cost) = alloc_counter::measure(|| {
        runtime.block_on(async {
            store.send(&1_u8).await.unwrap();
            store.store(&2_u8).unwrap().store("three").unwrap().flush().await.unwrap();
            store.send_bytes(large.clone()).await.unwrap();
            store.flush().await.unwrap();
        });
    });
    assert!(cost.peak_bytes < 4096, "{cost:?}");
    // A value is encoded once, into the buffer it is written from; the next one costs nothing.
    let value = vec![7_u8; LARGE];
    let (_, first) = alloc_counter::measure(|| runtime.block_on(store.send(&value)).unwrap());
    assert!(first.peak_bytes < LARGE + 4096, "{first:?}");
    let (_, next) = alloc_counter::measure(|| runtime.block_on(store.send(&value)).unwrap());
    assert_eq!(next.allocations, 0, "{next:?}");
    let writes = runtime.block_on(store.close()).unwrap().writes;
    assert_eq!(writes, [4 + 1, 4 + 1 + 8 + 5, 4 + LARGE, 4 + 8 + LARGE, 4 + 8 + LARGE]);
}

#[test]
fn a_reader_who_stops_bounds_the_memory_of_the_writer_until_he_goes_on() {
    const MESSAGE: usize = 64 * 1024;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ((), cost) = alloc_counter::measure(|| {
        runtime.block_on(async {
            let (near, mut far) = pair().await;
            let (_load, mut store) = near.split();
            let value = vec![7_u8; MESSAGE];
            let mut sent = 0;
            // 64 MiB would fit no buffer: it stops when those of the kernel are full.
            while sent < 1024 {
                match timeout(Duration::from_millis(100), store.send(&value)).await {
                    Ok(done) => done.unwrap(),
                    Err(_) => break,
                }
                sent += 1;
            }
            assert!(sent < 1024, "nobody reads, and it never waited");
            assert!(store.buffered() <= MESSAGE + 12);
            // The one that was waiting goes on.
            let rest = async {
                store.finish().await.unwrap();
            };
            let reading = async {
                let mut got = 0;
                while let Some(bytes) = far.recv::<&[u8]>().await.unwrap() {
                    assert_eq!(bytes.len(), MESSAGE);
                    got += 1;
                }
                got
            };
            let ((), got) = tokio::join!(rest, reading);
            assert_eq!(got, sent + 1);
        });
    });
    assert!(cost.peak_bytes < 1024 * 1024, "{cost:?}");
}

#[tokio::test]
async fn another_buffer_keeps_the_limit_and_what_was_stored() {
    let mut limits = DecodeLimits::default();
    limits.message_bytes = 3;
    let mut out = AsyncStore::new(Vec::new()).limits(limits);
    out.store(&0x0102_u16).unwrap();
    let mut out = out.with_capacity(64);
    assert!(out.store(&0_u16).is_err());
    out.store(&3_u8).unwrap().flush().await.unwrap();
    assert_eq!(out.close().await.unwrap(), [0, 0, 0, 3, 1, 2, 3]);
}
