//! What is told of ends that are not plain: to the program, in reports and errors, and to observers.

use crate::message_ends::Diary;
use crate::message_sockets::pair;
use hton::archive::{LoadError, StoreError};
use hton::message::{Connection, Listener};
use hton::{Address, Backoff, Error, Observer, Side, SocketOptions, blocking};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const LONG: Duration = Duration::from_secs(10);

/// Two ends of a blocking connection.
fn blocking_pair() -> (blocking::Connection, blocking::Connection) {
    let listener = blocking::Listener::bind("127.0.0.1:0").unwrap();
    let near = blocking::Connection::connect(listener.local_addr()).unwrap();
    (near, listener.accept().unwrap())
}

#[tokio::test]
async fn sending_after_ones_own_finish_fails_and_is_no_reset() {
    let (near, mut far) = pair().await;
    let told = Diary::default();
    let mut near = near.observe(told.clone());
    near.finish().await.unwrap();
    let StoreError::Io(error) = near.send(&1_u8).await.unwrap_err() else { panic!("it is closed") };
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(far.recv::<u8>().await.unwrap(), None);
    drop(near);
    assert_eq!(told.lines()[1], "closed: GRACEFUL: this side finished, by_peer=false");
}

#[test]
fn sending_after_ones_own_finish_fails_and_is_no_reset_where_it_blocks() {
    let (near, mut far) = blocking_pair();
    let told = Diary::default();
    let mut near = near.observe(told.clone());
    near.finish().unwrap();
    let StoreError::Io(error) = near.send(&1_u8).unwrap_err() else { panic!("it is closed") };
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(far.recv::<u8>().unwrap(), None);
    drop(near);
    assert_eq!(told.lines()[1], "closed: GRACEFUL: this side finished, by_peer=false");
}

#[tokio::test]
async fn finishing_again_when_both_have_finished_is_well() {
    let (mut near, mut far) = pair().await;
    for _ in 0..2 {
        near.finish().await.unwrap();
        assert_eq!(far.recv::<u8>().await.unwrap(), None);
        far.finish().await.unwrap();
        assert_eq!(near.recv::<u8>().await.unwrap(), None);
    }
    assert!(far.close(LONG).await.unwrap().peer_finished);
    assert!(near.close(LONG).await.unwrap().peer_finished);
}

#[test]
fn finishing_again_when_both_have_finished_is_well_where_it_blocks() {
    let (near, mut far) = blocking_pair();
    let told = Diary::default();
    let mut near = near.observe(told.clone());
    for _ in 0..2 {
        near.finish().unwrap();
        assert_eq!(far.recv::<u8>().unwrap(), None);
        far.finish().unwrap();
        assert_eq!(near.recv::<u8>().unwrap(), None);
    }
    assert!(far.close(LONG).unwrap().peer_finished);
    assert!(near.close(LONG).unwrap().peer_finished);
    assert!(told.lines()[1].starts_with("closed: GRACEFUL"), "{:?}", told.lines());
}

/// Counts attempts that failed.
#[derive(Clone, Default)]
struct Failures(Arc<Mutex<Vec<(String, ErrorKind)>>>);

impl Observer for Failures {
    fn dial_failed(&self, address: &Address, error: &Error) {
        self.0.lock().unwrap().push((address.to_string(), error.kind()));
    }
}

#[tokio::test]
async fn each_attempt_that_fails_is_told_once() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let told = Failures::default();
    let backoff = Backoff::default().first(Duration::from_millis(1)).attempts(3);
    let connecting = Connection::connect(nobody).observe(told.clone()).retry(backoff);
    assert_eq!(connecting.await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let refused = (nobody.to_string(), ErrorKind::ConnectionRefused);
    assert_eq!(*told.0.lock().unwrap(), [refused.clone(), refused.clone(), refused.clone()]);
    let waiting = tokio::task::spawn_blocking({
        let told = told.clone();
        move || Connection::connect(nobody).observe(told).wait()
    });
    assert_eq!(waiting.await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(told.0.lock().unwrap().len(), 4);
}

/// A blocking connection to one who sends these bytes and goes, and what its observer is told.
fn half_sent(bytes: &[u8]) -> (blocking::Connection, Diary) {
    let told = Diary::default();
    let listener = Listener::bind("127.0.0.1:0").observe(told.clone()).wait().unwrap();
    let address = listener.local_addr().socket_addr().unwrap();
    TcpStream::connect(address).unwrap().write_all(bytes).unwrap();
    (listener.accept().unwrap(), told)
}

const TRUNCATED: &str = "closed: the peer ended inside a message, by_peer=true";

#[test]
fn a_blocking_end_inside_a_message_is_told_however_it_is_read() {
    for bytes in [&b"\0\0\0\x01\x07\0\0\0\x02\x08"[..], b"\0\0\0\x01\x07\0\0"] {
        let (mut near, told) = half_sent(bytes);
        let mut messages = near.messages::<u8>();
        assert_eq!(messages.next().unwrap().unwrap(), 7);
        assert!(messages.next().unwrap().is_err());
        drop(near);
        assert_eq!(told.lines()[1], TRUNCATED);

        let (near, told) = half_sent(bytes);
        let (mut load, store) = near.split();
        assert_eq!(load.load::<u8>().unwrap(), 7);
        assert!(load.load::<u8>().is_err());
        drop((load, store));
        assert_eq!(told.lines()[1], TRUNCATED);

        let (near, told) = half_sent(bytes);
        near.close(LONG).unwrap();
        assert_eq!(told.lines()[1], TRUNCATED);
    }
    let (mut near, told) = half_sent(b"\0\0\0\x01\x07\0\0\0\0");
    assert_eq!(near.messages::<u8>().next().unwrap().unwrap(), 7);
    assert!(near.messages::<()>().all(|message| message.is_ok()));
    drop(near);
    assert_eq!(told.lines()[1], "closed: GRACEFUL: the peer finished, by_peer=true");
}

#[tokio::test]
async fn an_end_inside_a_message_is_told_where_it_is_closed_over() {
    let told = Diary::default();
    let listener = Listener::bind("127.0.0.1:0").observe(told.clone()).await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().socket_addr().unwrap()).unwrap();
    let near = listener.accept().await.unwrap();
    stream.write_all(b"\0\0\0\x01\x07\0\0\0\x02\x08").unwrap();
    drop(stream);
    near.close(LONG).await.unwrap();
    assert_eq!(told.lines()[1], TRUNCATED);

    // The bytes that were read before count, too.
    let (stream, far) = tokio::io::duplex(64);
    let told = Diary::default();
    let mut near = Connection::from_parts(stream, b"\0\0\0\x02").observe(told.clone());
    drop(far);
    let LoadError::Archive(_) = near.recv::<u16>().await.unwrap_err() else { panic!("truncated") };
    drop(near);
    assert_eq!(told.lines()[1], TRUNCATED);
}

#[test]
fn a_blocking_close_keeps_its_time_while_the_peer_reads_a_little_now_and_then() {
    let mut options = SocketOptions::default();
    options.send_buffer_bytes = Some(16 * 1024);
    options.recv_buffer_bytes = Some(16 * 1024);
    let listener = Listener::bind("127.0.0.1:0").options(options.clone()).wait().unwrap();
    let near = Connection::connect(listener.local_addr()).options(options).wait();
    let (mut near, (far, _)) = (near.unwrap(), listener.accept().unwrap().into_inner().unwrap());
    let blocking::Socket::Tcp(mut far) = far else { panic!("{far:?}") };
    let reading = std::thread::spawn(move || {
        let mut space = [0; 16 * 1024];
        while far.read(&mut space).is_ok_and(|read| read > 0) {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    near.store_bytes(&[7; 4 * 1024 * 1024]).unwrap();
    let began = Instant::now();
    let StoreError::Io(error) = near.close(Duration::from_millis(300)).unwrap_err() else {
        panic!("the time has passed")
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    // Without a limit it would take 2.5 s or more.
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    reading.join().unwrap();
}

/// A stream that always has more to read.
struct Endless;

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        out.initialize_unfilled();
        out.advance(out.remaining());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_close_gives_up_on_a_stream_that_always_has_more() {
    let (done, waiting) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let near = Connection::from_stream(Endless);
        done.send(runtime.block_on(near.close(Duration::from_millis(50)))).ok();
    });
    let report = waiting.recv_timeout(LONG).expect("it ends").unwrap();
    assert!(!report.peer_finished && report.discarded_bytes > 0, "{report}");
}

#[test]
fn a_time_limit_of_nothing_is_refused_and_the_shortest_one_ends() {
    let (near, _far) = blocking_pair();
    let zero = near.set_read_timeout(Some(Duration::ZERO)).unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::InvalidInput);
    let zero = near.set_write_timeout(Some(Duration::ZERO)).unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::InvalidInput);
    let listener = blocking::Listener::bind("127.0.0.1:0").unwrap();
    let zero = listener.set_timeout(Some(Duration::ZERO)).unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::InvalidInput);
    let (done, waiting) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut near = near;
        near.set_read_timeout(Some(Duration::from_nanos(1))).unwrap();
        listener.set_timeout(Some(Duration::from_nanos(1))).unwrap();
        done.send((near.recv::<u8>().is_err(), listener.accept().is_err())).ok();
    });
    assert_eq!(waiting.recv_timeout(LONG), Ok((true, true)));
}

#[tokio::test]
async fn an_upgrade_still_knows_who_the_other_end_is() {
    let (near, far) = pair().await;
    let (near_addr, far_addr) = (near.local_addr().unwrap(), far.local_addr().unwrap());
    let near = near.upgrade(Side::Dialer).start();
    let far = far.upgrade(Side::Acceptor).start();
    assert_eq!((near.addr(), far.addr()), (far_addr.socket_addr(), near_addr.socket_addr()));
}
