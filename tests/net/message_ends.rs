//! How connections of messages end: in halves, in good order, cut; what each end sees, and who is told.

use crate::message_sockets::pair;
use crate::service::{CalcClient, CalcServer, MyCalc};
use hton::archive::{DecodeErrorKind, LoadError};
use hton::message::{Connection, Listener, Socket};
use hton::{Closed, ConnectionInfo, Observer, PeerInfo, Side, blocking};
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(5);

/// Writes down what it is told.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

impl Observer for Diary {
    fn connected(&self, _: &ConnectionInfo) {
        self.note("connected".into());
    }

    fn accepted(&self, _: &ConnectionInfo) {
        self.note("accepted".into());
    }

    fn rejected(&self, _: &PeerInfo, reason: &str) {
        self.note(format!("rejected: {reason}"));
    }

    fn closed(&self, _: &ConnectionInfo, how: &Closed) {
        self.note(format!("closed: {how}, by_peer={}", how.by_peer));
    }
}

pub(crate) fn assert_reset(error: &LoadError) {
    let LoadError::Io(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// Both ends of a connection, and what each is told.
async fn watched() -> [(Connection, Diary); 2] {
    let [near_told, far_told] = [Diary::default(), Diary::default()];
    let listener = Listener::bind("127.0.0.1:0").observe(far_told.clone()).await.unwrap();
    let connecting = Connection::connect(listener.local_addr()).observe(near_told.clone());
    let near = connecting.await.unwrap();
    [(near, near_told), (listener.accept().await.unwrap(), far_told)]
}

#[tokio::test]
async fn a_clean_end_between_two_messages_is_none() {
    let (mut near, mut far) = pair().await;
    near.send(&7_u8).await.unwrap();
    drop(near);
    assert_eq!(far.recv::<u8>().await.unwrap(), Some(7));
    assert_eq!(far.recv::<u8>().await.unwrap(), None);
    assert_eq!(far.recv::<u8>().await.unwrap(), None, "and so it stays");
    let error = far.load::<u8>().await.unwrap_err();
    assert_eq!(error.archive().unwrap().kind(), DecodeErrorKind::End);
}

#[tokio::test]
async fn an_end_inside_a_message_is_truncated() {
    // One byte of the head is missing, all of the body, the last byte of the body.
    for cut in [&b"\0\0\0"[..], b"\0\0\0\x02", b"\0\0\0\x02\x01"] {
        let (near, mut far) = pair().await;
        let (mut stream, _) = near.into_inner();
        stream.write_all(b"\0\0\0\x01\x07").await.unwrap();
        stream.write_all(cut).await.unwrap();
        drop(stream);
        assert_eq!(far.recv::<u8>().await.unwrap(), Some(7));
        let error = far.recv::<u16>().await.unwrap_err();
        assert_eq!(error.archive().unwrap().kind(), DecodeErrorKind::Truncated, "{cut:?}");
    }
}

#[tokio::test]
async fn an_abort_is_a_reset_and_no_clean_end() {
    let (near, mut far) = pair().await;
    near.abort();
    assert_reset(&far.recv::<u8>().await.unwrap_err());
    // A close in good order delivers what was sent, and the same peer sees no reset.
    let (mut near, mut far) = pair().await;
    near.send("the last word").await.unwrap();
    near.store("not flushed").unwrap();
    let (report, heard) = tokio::join!(near.close(LONG), async {
        let mut heard = Vec::new();
        while let Some(text) = far.recv::<String>().await.unwrap() {
            heard.push(text);
        }
        drop(far);
        heard
    });
    assert_eq!(heard, ["the last word", "not flushed"]);
    assert!(report.unwrap().peer_finished);
}

#[tokio::test]
async fn closing_says_what_was_lost_and_that_the_peer_did_not_finish() {
    let (near, mut far) = pair().await;
    far.send(&[1_u8; 6]).await.unwrap();
    let report = near.close(Duration::from_millis(100)).await.unwrap();
    assert_eq!((report.peer_finished, report.discarded_bytes), (false, 4 + 6));
    let words = "the peer did not finish in time; 10 bytes of its messages were discarded";
    assert_eq!(report.to_string(), words);
}

#[tokio::test]
async fn closing_reports_that_the_peer_is_gone_and_dropping_never_panics() {
    let (mut near, far) = pair().await;
    near.store("unflushed").unwrap();
    far.abort();
    // The reset has come when reading says so.
    assert_reset(&near.recv::<u8>().await.unwrap_err());
    let hton::archive::StoreError::Io(error) = near.close(LONG).await.unwrap_err() else {
        panic!("the value is good")
    };
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
    let (mut near, far) = pair().await;
    near.store("unflushed").unwrap();
    far.abort();
    drop(near);
}

#[tokio::test]
async fn a_client_that_finishes_still_receives_until_the_server_does() {
    let [(mut near, near_told), (mut far, far_told)] = watched().await;
    for n in 1..=3_u8 {
        near.store(&n).unwrap().flush().await.unwrap();
    }
    near.finish().await.unwrap();
    let server = async {
        let mut asked = Vec::new();
        while let Some(n) = far.recv::<u8>().await.unwrap() {
            asked.push(n);
        }
        // It has seen the end; the rest goes out all the same.
        for n in asked {
            far.send(&(n * 10)).await.unwrap();
        }
        far.close(LONG).await.unwrap()
    };
    let client = async {
        for n in 1..=3_u8 {
            assert_eq!(near.recv::<u8>().await.unwrap(), Some(n * 10));
        }
        assert_eq!(near.recv::<u8>().await.unwrap(), None);
        drop(near);
    };
    let (report, ()) = tokio::join!(server, client);
    assert_eq!((report.peer_finished, report.discarded_bytes), (true, 0));
    // The order of the ends, and no reset.
    let clean = |first: &str, who: &str, by_peer| {
        [first.to_owned(), format!("closed: GRACEFUL: {who} finished, by_peer={by_peer}")]
    };
    assert_eq!(near_told.lines(), clean("connected", "this side", false));
    assert_eq!(far_told.lines(), clean("accepted", "the peer", true));
}

#[tokio::test]
async fn what_was_sent_right_before_the_end_is_received() {
    const COUNT: u32 = 5_000;
    let (mut near, mut far) = pair().await;
    let sending = tokio::spawn(async move {
        for n in 0..COUNT {
            near.send(&n).await.unwrap();
        }
        near.finish().await.unwrap();
        near
    });
    let near = sending.await.unwrap();
    for n in 0..COUNT {
        assert_eq!(far.recv::<u32>().await.unwrap(), Some(n));
    }
    assert_eq!(far.recv::<u32>().await.unwrap(), None);
    drop(near);
}

#[tokio::test]
async fn observers_tell_a_clean_end_a_reset_and_an_abort_apart() {
    let [(near, near_told), (mut far, far_told)] = watched().await;
    drop(near);
    assert_eq!(far.recv::<u8>().await.unwrap(), None);
    drop(far);
    assert_eq!(near_told.lines()[1], "closed: GRACEFUL: this side finished, by_peer=false");
    assert_eq!(far_told.lines()[1], "closed: GRACEFUL: the peer finished, by_peer=true");

    let [(near, near_told), (mut far, far_told)] = watched().await;
    near.abort();
    assert_reset(&far.recv::<u8>().await.unwrap_err());
    drop(far);
    assert_eq!(near_told.lines()[1], "closed: this side aborted the connection, by_peer=false");
    assert_eq!(far_told.lines()[1], "closed: the connection was reset, by_peer=true");

    let [(near, near_told), (mut far, far_told)] = watched().await;
    let (mut stream, _) = near.into_inner();
    stream.write_all(b"\0\0\0\x01").await.unwrap();
    drop(stream);
    assert!(far.recv::<u8>().await.is_err());
    drop(far);
    assert_eq!(near_told.lines()[1], "closed: GRACEFUL: the stream was taken over, by_peer=false");
    assert_eq!(far_told.lines()[1], "closed: the peer ended inside a message, by_peer=true");
}

#[test]
fn blocking_ends_are_told_as_the_others_are() {
    let [near_told, far_told] = [Diary::default(), Diary::default()];
    let listener = Listener::bind("127.0.0.1:0").observe(far_told.clone()).wait().unwrap();
    let dial = || {
        let connecting = Connection::connect(listener.local_addr()).observe(near_told.clone());
        (connecting.wait().unwrap(), listener.accept().unwrap())
    };
    let (near, mut far) = dial();
    drop(near);
    assert_eq!(far.recv::<u8>().unwrap(), None);
    drop(far);
    let (near, mut far) = dial();
    near.abort();
    assert_reset(&far.recv::<u8>().unwrap_err());
    drop(far);
    let expected = [
        "connected",
        "closed: GRACEFUL: this side finished, by_peer=false",
        "connected",
        "closed: this side aborted the connection, by_peer=false",
    ];
    assert_eq!(near_told.lines(), expected);
    let expected = [
        "accepted",
        "closed: GRACEFUL: the peer finished, by_peer=true",
        "accepted",
        "closed: the connection was reset, by_peer=true",
    ];
    assert_eq!(far_told.lines(), expected);
}

#[tokio::test]
async fn nothing_is_left_of_a_connection_that_went_out_of_scope() {
    let told = Arc::new(Diary::default());
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    for n in 0..20 {
        let connecting = Connection::connect(listener.local_addr()).observe(Arc::clone(&told));
        let near = connecting.await.unwrap();
        let mut far = listener.accept().await.unwrap();
        match n % 3 {
            0 => drop(near),
            1 => drop(Box::new(near)),
            _ => drop(near.split()),
        }
        assert_eq!(far.recv::<u8>().await.unwrap(), None, "it is closed");
    }
    assert_eq!(Arc::strong_count(&told), 1);
    assert_eq!(told.lines().len(), 40);
}

#[tokio::test]
async fn a_half_that_is_dropped_leaves_the_other_as_it_is() {
    let (near, mut far) = pair().await;
    let (mut load, store) = near.split();
    drop(store);
    far.send("still there").await.unwrap();
    assert_eq!(load.recv::<&str>().await.unwrap(), Some("still there"));
    // The other end has seen no end either.
    let mut waiting = std::pin::pin!(far.recv::<u8>());
    assert!(timeout(Duration::from_millis(20), waiting.as_mut()).await.is_err());
    drop(load);
    assert_eq!(waiting.await.unwrap(), None);

    let (near, mut far) = pair().await;
    let (load, mut store) = near.split();
    drop(load);
    store.send("and the other way").await.unwrap();
    assert_eq!(far.recv::<&str>().await.unwrap(), Some("and the other way"));
}

#[tokio::test]
async fn halves_come_together_again_only_with_their_own() {
    let ((first, mut far), (second, _other)) = (pair().await, pair().await);
    let ((load, store), (other_load, other_store)) = (first.split(), second.split());
    let (load, other_store) = Connection::rejoin(load, other_store).unwrap_err();
    drop((other_load, other_store));
    let mut whole = Connection::rejoin(load, store).unwrap();
    whole.send(&1_u8).await.unwrap();
    assert_eq!(far.recv::<u8>().await.unwrap(), Some(1));
    let (socket, unread) = whole.into_inner();
    assert!(matches!(socket, Socket::Tcp(_)) && unread.is_empty(), "{socket:?}");
}

#[tokio::test]
async fn a_raw_stream_is_wrapped_taken_back_and_wrapped_in_another_thread() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut near = Connection::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut far = Connection::from(listener.accept().await.unwrap().0);
    // The second message is read too early, and must not be lost.
    near.send(&1_u8).await.unwrap();
    near.send(&2_u8).await.unwrap();
    assert_eq!(far.recv::<u8>().await.unwrap(), Some(1));
    assert_eq!(far.peek_len().await.unwrap(), Some(1));
    let (socket, unread) = far.into_inner();
    let Socket::Tcp(stream) = socket else { panic!("{socket:?}") };
    let stream = stream.into_std().unwrap();
    assert_eq!(unread, b"\0\0\0\x01\x02"[..]);
    let thread = std::thread::spawn(move || {
        // Tokio left it non-blocking.
        let mut far = blocking::Connection::from(stream);
        far.send(&(unread[4] + 1)).unwrap();
        assert_eq!(far.recv::<u8>().unwrap(), Some(4));
        let (socket, unread) = far.into_inner().unwrap();
        assert!(matches!(socket, blocking::Socket::Tcp(_)) && unread.is_empty());
    });
    assert_eq!(near.recv::<u8>().await.unwrap(), Some(3));
    near.send(&4_u8).await.unwrap();
    thread.join().unwrap();
}

#[tokio::test]
async fn raw_bytes_then_messages_then_calls_go_over_one_socket() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap().into_inner();
        let mut greeting = [0; 6];
        stream.read_exact(&mut greeting).await.unwrap();
        stream.write_all(b"WELCOME").await.unwrap();
        let mut messages = Connection::from_stream(stream);
        let name = messages.recv::<String>().await.unwrap().unwrap();
        messages.send(&format!("hello, {name}")).await.unwrap();
        let calls = messages.upgrade(Side::Acceptor);
        let peer = calls.serve(CalcServer::new(MyCalc::new())).unwrap().start();
        peer.closed().await;
        (greeting, name)
    });
    let (mut stream, _) = Connection::connect(address).await.unwrap().into_inner();
    stream.write_all(b"HELLO!").await.unwrap();
    stream.read_exact(&mut [0; 7]).await.unwrap();
    let mut messages = Connection::from_stream(stream);
    messages.send("client").await.unwrap();
    assert_eq!(messages.recv::<&str>().await.unwrap(), Some("hello, client"));
    // The server's HELLO may have come with its message: it is kept.
    let peer = messages.upgrade(Side::Dialer).start();
    let calc = CalcClient::new(&peer);
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    drop((calc, peer));
    let (greeting, name) = serving.await.unwrap();
    assert_eq!((&greeting, &*name), (b"HELLO!", "client"));
}

#[tokio::test]
async fn the_bytes_that_an_upgrade_has_read_already_are_calls() {
    let (near, far) = hton::memory();
    // The dialer begins to call at once: its HELLO and its request follow its message.
    let mut dialer = Connection::from_stream(near);
    dialer.send("upgrade").await.unwrap();
    let dialer = dialer.upgrade(Side::Dialer).start();
    let calc = CalcClient::new(&dialer);
    let asking = tokio::spawn(async move { calc.add(1, 2).await });
    let mut acceptor = Connection::from_stream(far);
    while dialer.stats().bytes_out < 40 {
        tokio::task::yield_now().await;
    }
    assert_eq!(acceptor.recv::<&str>().await.unwrap(), Some("upgrade"));
    assert!(acceptor.buffered() > 16, "the calls came with it");
    let attach = acceptor.upgrade(Side::Acceptor).serve(CalcServer::new(MyCalc::new())).unwrap();
    let _acceptor = attach.start();
    assert_eq!(asking.await.unwrap().unwrap(), 3);
}
