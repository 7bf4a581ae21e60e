//! Messages in three styles over one codec: blocking, non-blocking by hand, async. And blocking alone.

use hton::archive::stream::MessageReader;
use hton::archive::{AsyncLoad, DecodeErrorKind, DecodeLimits, Load, LoadError, StoreError};
use hton::blocking::{Connection, Listener};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Entry {
    name: String,
    scores: Vec<u16>,
    parent: Option<u8>,
}

/// A session as it was recorded, byte by byte from the spec: two good messages, and between them one that is too
/// short for its type and one with a byte too many.
const RECORDED: &[u8] = b"\
    \0\0\0\x16\0\0\0\0\0\0\0\x01A\0\0\0\0\0\0\0\x02\0\x01\x03\xe8\x00\
    \0\0\0\x01\x07\
    \0\0\0\x15\0\0\0\0\0\0\0\x02BC\0\0\0\0\0\0\0\0\x01\x09\xff\
    \0\0\0\x14\0\0\0\0\0\0\0\x02DE\0\0\0\0\0\0\0\0\x01\x09";

fn expected() -> Vec<Result<Entry, DecodeErrorKind>> {
    let entry = |name: &str, scores: &[u16], parent| {
        Ok(Entry { name: name.into(), scores: scores.into(), parent })
    };
    vec![
        entry("A", &[1, 1000], None),
        Err(DecodeErrorKind::Eof),
        Err(DecodeErrorKind::Trailing),
        entry("DE", &[], Some(9)),
    ]
}

fn kinds(result: Result<Entry, LoadError>) -> Result<Entry, DecodeErrorKind> {
    result.map_err(|error| error.archive().expect("the stream is good").kind())
}

/// Writes the recording so that its bytes come in pieces of this size.
fn play(piece: usize) -> TcpStream {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    std::thread::spawn(move || {
        for bytes in RECORDED.chunks(piece) {
            stream.write_all(bytes).unwrap();
        }
    });
    far
}

#[test]
fn one_recorded_session_reads_the_same_in_every_style() {
    for piece in [1, 7, 1000] {
        let mut blocking = Load::new(play(piece));
        let read: Vec<_> = blocking.messages::<Entry>().map(kinds).collect();
        assert_eq!(read, expected(), "blocking, {piece}");

        let mut socket = play(piece);
        socket.set_nonblocking(true).unwrap();
        assert_eq!(by_hand(&mut socket), expected(), "non-blocking, {piece}");

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let read = runtime.block_on(async {
            let socket = play(piece);
            socket.set_nonblocking(true).unwrap();
            let mut load = AsyncLoad::new(tokio::net::TcpStream::from_std(socket).unwrap());
            let mut messages = load.messages::<Entry>();
            let mut read = Vec::new();
            while let Some(entry) = messages.next().await {
                read.push(kinds(entry));
            }
            read
        });
        assert_eq!(read, expected(), "async, {piece}");
    }
}

/// A loop of one's own over a socket that never waits.
fn by_hand(socket: &mut TcpStream) -> Vec<Result<Entry, DecodeErrorKind>> {
    let mut reader = MessageReader::new(DecodeLimits::default());
    let mut read = Vec::new();
    loop {
        while reader.next_message().unwrap() {
            read.push(reader.message().only().map_err(|error| error.kind()));
        }
        match socket.read(reader.space()) {
            Ok(0) => {
                reader.end().unwrap();
                return read;
            }
            Ok(count) => reader.filled(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

fn pair() -> (Connection, Connection) {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let near = Connection::connect(listener.local_addr()).unwrap();
    (near, listener.accept().unwrap())
}

#[test]
fn a_socket_that_was_left_non_blocking_waits_all_the_same() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    let another_handle = near.try_clone().unwrap();
    let (mut near, mut far) = (Connection::from(near), Connection::from(far));
    let answering = std::thread::spawn(move || {
        let mut received = 0;
        while let Some(bytes) = far.recv::<Vec<u8>>().unwrap() {
            received += bytes.len();
        }
        far.send(&received).unwrap();
    });
    // More than the socket's buffers hold, and then more than has come.
    for _ in 0..3 {
        another_handle.set_nonblocking(true).unwrap();
        near.send(&vec![7_u8; 1_000_000]).unwrap();
    }
    near.finish().unwrap();
    another_handle.set_nonblocking(true).unwrap();
    assert_eq!(near.recv::<usize>().unwrap(), Some(3_000_000));
    answering.join().unwrap();
}

#[test]
fn a_time_limit_is_said_to_have_passed_and_loses_nothing() {
    let (near, mut far) = pair();
    let limit = Duration::from_millis(50);
    let mut near = near;
    near.set_read_timeout(Some(limit)).unwrap();
    let began = Instant::now();
    let LoadError::Io(error) = near.recv::<u8>().unwrap_err() else { panic!("nothing came") };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(began.elapsed() >= Duration::from_millis(40));
    far.send(&7_u8).unwrap();
    near.set_read_timeout(None).unwrap();
    assert_eq!(near.recv::<u8>().unwrap(), Some(7));

    far.set_write_timeout(Some(limit)).unwrap();
    let large = vec![7_u8; 3_000_000];
    let mut sent = 0;
    let error = loop {
        match far.send(&large) {
            Ok(()) => sent += 1,
            Err(StoreError::Io(error)) => break error,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let reading = std::thread::spawn(move || {
        let mut count = 0;
        while let Some(bytes) = near.recv::<Vec<u8>>().unwrap() {
            assert!(bytes.len() == 3_000_000 && bytes.iter().all(|byte| *byte == 7));
            count += 1;
        }
        count
    });
    far.set_write_timeout(None).unwrap();
    far.finish().unwrap();
    assert_eq!(reading.join().unwrap(), sent + 1, "the rest went with the next flush");
}

#[test]
fn blocking_connections_split_over_threads_close_and_name_themselves() {
    let (mut near, far) = pair();
    assert_eq!((near.local_addr(), near.peer_addr()), (far.peer_addr(), far.local_addr()));
    near.set_label("first");
    assert_eq!((near.label(), near.kind()), (Some("first"), hton::message::Kind::Tcp));
    assert_eq!(near.options_in_force().unwrap().nodelay, Some(true));
    let (mut load, mut store) = far.split();
    let echo = std::thread::spawn(move || {
        for number in load.messages::<u32>() {
            store.store(&number.unwrap()).unwrap().flush().unwrap();
        }
        drop(load);
        store.close().unwrap().finish().unwrap();
    });
    for n in 0..100_u32 {
        near.store(&n).unwrap().flush().unwrap();
        assert_eq!(near.load::<u32>().unwrap(), n);
    }
    let report = near.close(Duration::from_secs(5)).unwrap();
    assert_eq!((report.peer_finished, report.discarded_bytes), (true, 0));
    echo.join().unwrap();
}

#[test]
fn a_blocking_close_gives_up_on_a_peer_that_does_not_finish() {
    let (near, mut far) = pair();
    far.send(&[0_u8; 6]).unwrap();
    let report = near.close(Duration::from_millis(50)).unwrap();
    assert_eq!((report.peer_finished, report.discarded_bytes), (false, 10));
}

#[cfg(unix)]
#[test]
fn a_blocking_unix_listener_knows_who_comes_and_removes_its_file() {
    let address = crate::unix::fresh_path("blocking-message");
    let listener = Listener::bind(&address).unwrap();
    let mut near = Connection::connect(&address).unwrap();
    let mut far = listener.accept().unwrap();
    assert!(matches!(far.identity(), hton::Identity::Unix { .. }));
    near.send("over a file").unwrap();
    assert_eq!(far.recv::<&str>().unwrap(), Some("over a file"));
    listener.set_timeout(Some(Duration::from_millis(20))).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::TimedOut);
    drop(listener);
    assert!(!address.path().unwrap().exists());
}
