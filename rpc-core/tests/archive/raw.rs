//! Raw mode: the same bytes on anything that reads or writes, without a frame around them.

use std::fs::File;
use std::io::{self, Read, Write};

use alloc_counter::measure;
use rpc_core::archive::{
    DecodeErrorKind, DecodeLimits, LoadError, StoreError, encoded_len, read_from, to_vec, write_to,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Packet {
    magic: i32,
    command: u16,
    param1: i16,
    param2: i32,
}

const PACKET: Packet =
    Packet { magic: 0x0102_0304, command: 0x0506, param1: -2, param2: 0x0708_090A };

const PACKET_BYTES: [u8; 12] =
    [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0xFF, 0xFE, 0x07, 0x08, 0x09, 0x0A];

fn limits() -> DecodeLimits {
    DecodeLimits::default()
}

/// Gives one byte a call, and is interrupted before each.
struct Dribble<'a> {
    rest: &'a [u8],
    interrupted: bool,
}

impl Read for Dribble<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = space.len().min(1);
        self.rest.read(&mut space[..len])
    }
}

#[test]
fn a_foreign_fixed_packet_has_exactly_its_bytes() {
    let mut bytes = Vec::new();
    write_to(&mut bytes, &PACKET).unwrap();
    assert_eq!(bytes, PACKET_BYTES);
    assert_eq!(read_from::<_, Packet>(&PACKET_BYTES[..], limits()).unwrap(), PACKET);
}

fn story() -> (Packet, Vec<String>, Option<char>) {
    (PACKET, vec!["one".into(), "two".into()], Some('é'))
}

#[test]
fn values_follow_each_other_in_a_file() {
    let path = std::env::temp_dir().join(format!("hton-archive-{}", std::process::id()));
    let mut file = File::create(&path).unwrap();
    write_to(&mut file, &story()).unwrap();
    write_to(&file, &7_u8).unwrap();
    drop(file);
    let file = File::open(&path).unwrap();
    let first: (Packet, Vec<String>, Option<char>) = read_from(&file, limits()).unwrap();
    let second: u8 = read_from(&file, limits()).unwrap();
    let end = read_from::<_, u8>(&file, limits()).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert_eq!((first, second), (story(), 7));
    assert!(matches!(end, LoadError::Archive(error) if error.kind() == DecodeErrorKind::Eof));
}

#[cfg(unix)]
#[test]
fn values_pass_through_a_pipe() {
    use std::process::{Command, Stdio};
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    write_to(cat.stdin.take().unwrap(), &story()).unwrap();
    let value = read_from(cat.stdout.take().unwrap(), limits());
    cat.wait().unwrap();
    let value: (Packet, Vec<String>, Option<char>) = value.unwrap();
    assert_eq!(value, story());
}

#[test]
fn a_reader_that_dribbles_gives_the_same_value() {
    let bytes = to_vec(&story()).unwrap();
    let read = |rest| read_from(Dribble { rest, interrupted: false }, limits());
    let value: (Packet, Vec<String>, Option<char>) = read(&bytes).unwrap();
    assert_eq!(value, story());
}

#[test]
fn not_a_byte_beyond_the_value_is_read() {
    let mut stream = &[1, 2, 3][..];
    assert_eq!(read_from::<_, u16>(&mut stream, limits()).unwrap(), 0x0102);
    assert_eq!(stream, [3]);
}

#[test]
fn a_stream_that_ends_early_is_told_with_offset_and_path() {
    let error = read_from::<_, Packet>(&PACKET_BYTES[..11], limits()).unwrap_err();
    let LoadError::Archive(error) = error else { panic!("{error}") };
    assert_eq!(
        error.to_string(),
        "the bytes end inside a value: 4 are needed and 3 left at byte 8 in `param2`: \
         the message was cut, or its writer used another type"
    );
}

// Verifies: values.reserve
#[test]
fn space_is_reserved_at_most_64_kib_ahead_of_the_bytes() {
    const AHEAD: usize = 64 * 1024;
    // As much may be claimed as the limits allow: it has to arrive first.
    let mut limits = DecodeLimits::new(usize::MAX, 128);
    limits.message_bytes = usize::MAX;
    for arrived in [0, 10, AHEAD, 3 * AHEAD + 1] {
        let mut bytes = (1_u64 << 40).to_be_bytes().to_vec();
        bytes.resize(8 + arrived, b'x');
        let (result, cost) = measure(|| read_from::<_, String>(&bytes[..], limits).map(drop));
        assert!(matches!(result, Err(LoadError::Archive(_))));
        // Growing holds the old and the new space at once; the error takes a little.
        assert!(cost.peak_bytes <= 2 * arrived + AHEAD + 1024, "{arrived}: {cost:?}");
        let (result, cost) = measure(|| read_from::<_, Vec<u64>>(&bytes[..], limits).map(drop));
        assert!(result.is_err());
        assert!(cost.peak_bytes <= 4 * arrived + AHEAD + 1024, "{arrived}: {cost:?}");
    }
}

#[test]
fn the_message_limit_is_checked_before_the_bytes_are_awaited() {
    /// Fails the test when it is read beyond what a value may take.
    struct Guarded<'a>(&'a [u8]);
    impl Read for Guarded<'_> {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            assert!(!self.0.is_empty(), "a read that would wait");
            self.0.read(space)
        }
    }
    let text = to_vec("abc").unwrap();
    let mut limits = limits();
    limits.message_bytes = 11;
    assert_eq!(read_from::<_, String>(Guarded(&text), limits).unwrap(), "abc");
    limits.message_bytes = 10;
    let error = read_from::<_, String>(Guarded(&text), limits).unwrap_err();
    let LoadError::Archive(error) = error else { panic!("{error}") };
    assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::Length, 0));
    limits.message_bytes = 7;
    let error = read_from::<_, u64>(Guarded(&[]), limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the value takes 8 more bytes, and its message may have only 7 more, at byte 0: \
         the bytes are damaged, or their writer used another type"
    );
}

#[test]
fn the_memory_budget_holds_for_streams() {
    let bytes = to_vec(&vec![1_u64; 4]).unwrap();
    let read = |budget| read_from::<_, Vec<u64>>(&bytes[..], DecodeLimits::new(budget, 8));
    assert_eq!(read(32).unwrap(), [1; 4]);
    let Err(LoadError::Archive(error)) = read(31) else { panic!("beyond the budget") };
    assert_eq!(error.kind(), DecodeErrorKind::Budget);
}

/// Fails after some bytes.
struct Broken(usize);

impl Read for Broken {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let len = space.len().min(self.0);
        self.0 -= len;
        if len == 0 { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(len) }
    }
}

impl Write for Broken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(self.0);
        self.0 -= len;
        if len == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(len) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn faults_of_the_stream_are_kept_apart_from_faults_of_the_value() {
    let error = read_from::<_, Packet>(Broken(5), limits()).unwrap_err();
    assert_eq!(error.to_string(), "the stream cannot be read: connection reset");
    assert!(
        matches!(error, LoadError::Io(error) if error.kind() == io::ErrorKind::ConnectionReset)
    );
    let error = write_to(Broken(5), &PACKET).unwrap_err();
    assert_eq!(error.to_string(), "the stream cannot be written: broken pipe");
    assert!(matches!(error, StoreError::Io(error) if error.kind() == io::ErrorKind::BrokenPipe));
    let mut untouched = Vec::new();
    let error = write_to(&mut untouched, &vec![()]).unwrap_err();
    assert!(matches!(error, StoreError::Archive(_)) && untouched.is_empty());
}

#[test]
fn the_length_is_known_before_writing() {
    assert_eq!(encoded_len(&PACKET).unwrap(), PACKET_BYTES.len());
}
