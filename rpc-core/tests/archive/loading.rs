//! Loading from a stream: messages in any cut, what spoils what, and how a stream ends.

use std::io::{self, Read};

use alloc_counter::measure;
use rpc_core::archive::stream::MessageReader;
use rpc_core::archive::{DecodeErrorKind as Kind, DecodeLimits, Load, LoadError};

/// One byte a read, and an error instead of each of the reads that are named.
struct Dribble<'a> {
    rest: &'a [u8],
    reads: usize,
    fail_at: &'a [usize],
}

impl Read for Dribble<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.fail_at.contains(&self.reads) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = space.len().min(1);
        self.rest.read(&mut space[..len])
    }
}

fn kind(error: LoadError) -> (Kind, u64) {
    match error {
        LoadError::Archive(error) => (error.kind(), error.offset()),
        error => panic!("{error}"),
    }
}

const TWO: &[u8] = b"\0\0\0\x03\0\x01\x02\0\0\0\x01\x07";

// Verifies: message.length, message.body, message.end
#[test]
fn values_come_out_of_message_after_message_and_the_end_is_told() {
    let mut from = Load::new(TWO);
    assert_eq!(from.load::<u16>().unwrap(), 1);
    assert_eq!(from.load::<u8>().unwrap(), 2);
    assert_eq!(from.load::<u8>().unwrap(), 7);
    assert_eq!(kind(from.load::<u8>().unwrap_err()), (Kind::End, 0));
    assert_eq!(kind(from.load::<u8>().unwrap_err()), (Kind::End, 0));
}

#[test]
fn a_value_never_lies_in_two_messages_and_a_bad_one_spoils_only_its_own() {
    let mut from = Load::new(TWO);
    assert_eq!(kind(from.load::<u32>().unwrap_err()), (Kind::Eof, 0));
    assert_eq!(from.load::<u8>().unwrap(), 7);
}

// Verifies: message.end
#[test]
fn a_stream_may_end_between_messages_and_nowhere_else() {
    for cut in 0..=TWO.len() {
        let mut from = Load::new(&TWO[..cut]);
        let mut whole = 0;
        let end = loop {
            match from.next_message() {
                Ok(Some(_)) => whole += 1,
                Ok(None) => break None,
                Err(error) => break Some(kind(error).0),
            }
        };
        let expected = match cut {
            0 => (0, None),
            7 => (1, None),
            12 => (2, None),
            1..7 => (0, Some(Kind::Truncated)),
            _ => (1, Some(Kind::Truncated)),
        };
        assert_eq!((whole, end), expected, "cut at {cut}");
    }
}

#[test]
fn a_reader_that_dribbles_gives_the_same_and_its_faults_lose_nothing() {
    let fail_at: Vec<_> = (1..30).step_by(2).collect();
    let mut from = Load::new(Dribble { rest: TWO, reads: 0, fail_at: &fail_at });
    let mut values = Vec::new();
    let mut faults = 0;
    while values.len() < 3 {
        match from.load::<u8>() {
            Ok(value) => values.push(value),
            Err(LoadError::Io(error)) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                faults += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((values, faults > 5), (vec![0, 1, 2], true));
    let mut from = Load::raw(Dribble { rest: &[1, 2, 3], reads: 0, fail_at: &[2] });
    assert!(matches!(from.load::<u16>(), Err(LoadError::Io(_))));
    assert_eq!(from.load::<u16>().unwrap(), 0x0102);
}

// Verifies: message.limit
#[test]
fn a_message_that_is_too_long_is_refused_from_its_length_alone() {
    let mut limits = DecodeLimits::default();
    limits.message_bytes = 3;
    assert_eq!(
        Load::new(TWO).limits(limits).messages::<[u8; 3]>().next().unwrap().unwrap(),
        [0, 1, 2]
    );
    limits.message_bytes = 2;
    let mut from = Load::new(&TWO[..4]).limits(limits);
    let error = from.load::<u8>().unwrap_err();
    assert!(
        error.to_string().contains("message of 3 bytes is announced, and its limit is 2"),
        "{error}"
    );
    assert_eq!(kind(error), (Kind::Message, 0));
    assert_eq!(kind(from.load::<u8>().unwrap_err()), (Kind::Message, 0), "nothing can follow it");
    for first in [&b"GET / HTTP/1.1\r\n"[..], &[0x16, 3, 1, 2, 0, 1, 0, 1], b"SSH-2.0-"] {
        assert_eq!(kind(Load::new(first).load::<u8>().unwrap_err()).0, Kind::Message);
    }
}

// Verifies: message.reserve
#[test]
fn a_length_alone_takes_no_memory() {
    let mut bytes = 0x0040_0000_u32.to_be_bytes().to_vec(); // The limit itself: 4 MiB.
    bytes.extend_from_slice(&[0; 8]);
    let (error, cost) = measure(|| Load::new(&bytes[..]).load::<u8>().unwrap_err());
    assert_eq!(kind(error).0, Kind::Truncated);
    assert!(cost.peak_bytes <= 2 * 64 * 1024 + 4096, "{cost:?}");
    // 12 bytes that claim a sequence of 2^32 elements.
    let claim = b"\0\0\0\x08\0\0\0\x01\0\0\0\0";
    let (error, cost) = measure(|| Load::new(&claim[..]).load::<Vec<u64>>().unwrap_err());
    assert_eq!(kind(error), (Kind::Length, 0));
    assert!(cost.peak_bytes < 64 * 1024, "{cost:?}");
}

#[test]
fn a_thousand_messages_in_one_read_are_all_given_before_the_stream_is_read_again() {
    struct Once(Option<Vec<u8>>);
    impl Read for Once {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            let bytes = self.0.take().expect("a read that would wait");
            space[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
    }
    let stream = Once(Some(b"\0\0\0\x01\x07".repeat(1000)));
    let mut from = Load::new(stream);
    assert_eq!(
        from.messages::<u8>().take(1000).map(Result::unwrap).filter(|it| *it == 7).count(),
        1000
    );
}

#[test]
fn an_iterator_goes_on_after_a_bad_message_and_ends_once() {
    // A bool that is none, a byte too many, a good one, and a message that is cut.
    let bytes = b"\0\0\0\x01\x02\0\0\0\x02\x01\x01\0\0\0\x01\x01\0\0\0\x02\x01";
    let mut from = Load::new(&bytes[..]);
    let mut messages = from.messages::<bool>();
    assert_eq!(kind(messages.next().unwrap().unwrap_err()), (Kind::Bool, 0));
    assert_eq!(kind(messages.next().unwrap().unwrap_err()), (Kind::Trailing, 1));
    assert!(messages.next().unwrap().unwrap());
    assert_eq!(kind(messages.next().unwrap().unwrap_err()), (Kind::Truncated, 1));
    assert!(messages.next().is_none());
}

#[test]
fn raw_bytes_come_exactly_or_are_an_error_and_up_to_a_count_without_one() {
    let mut exact = [0; 2];
    let mut from = Load::new(TWO);
    from.load_exact(&mut exact).unwrap();
    assert_eq!(exact, [0, 1]);
    assert_eq!(kind(from.load_exact(&mut exact).unwrap_err()), (Kind::Eof, 2));
    let mut some = [0; 9];
    assert_eq!((from.load_up_to(&mut some).unwrap(), some[0]), (1, 7));
    assert_eq!(from.load_up_to(&mut some).unwrap(), 0);
    assert_eq!(kind(from.load_exact(&mut exact).unwrap_err()), (Kind::End, 0));

    let mut from = Load::raw(&[1, 2, 3, 4, 5][..]);
    assert_eq!(from.load::<u8>().unwrap(), 1);
    from.load_exact(&mut exact).unwrap();
    assert_eq!((exact, from.load_up_to(&mut some).unwrap(), &some[..2]), ([2, 3], 2, &[4, 5][..]));
    assert_eq!(from.load_up_to(&mut some).unwrap(), 0);
    assert_eq!(kind(from.load_exact(&mut exact).unwrap_err()), (Kind::End, 0));
}

#[test]
fn what_was_read_ahead_is_given_back_with_the_stream() {
    let mut from = Load::new(TWO);
    assert_eq!(from.next_message().unwrap().unwrap().value::<u16>().unwrap(), 1);
    let (stream, unread) = from.into_inner();
    assert_eq!((unread, stream), (b"\0\0\0\x01\x07".to_vec(), &[][..]));
}

#[test]
fn a_raw_archive_stands_where_it_stood_after_a_value_that_failed() {
    let mut from = Load::raw(&[2, 0, 1][..]);
    assert_eq!(kind(from.load::<bool>().unwrap_err()), (Kind::Bool, 0));
    assert_eq!(kind(from.load::<u32>().unwrap_err()), (Kind::Eof, 0));
    assert_eq!(from.load::<(u8, bool, bool)>().unwrap(), (2, false, true));
    assert_eq!(kind(from.load::<u8>().unwrap_err()), (Kind::End, 0));
    let mut limits = DecodeLimits::default();
    limits.message_bytes = 10;
    let text = b"\0\0\0\0\0\0\0\x02hi";
    assert_eq!(Load::raw(&text[..]).limits(limits).load::<String>().unwrap(), "hi");
    limits.message_bytes = 9;
    let error = Load::raw(&text[..]).limits(limits).load::<String>().unwrap_err();
    assert_eq!(kind(error), (Kind::Length, 0));
}

#[test]
fn the_budget_is_one_for_all_values_of_a_message_and_new_for_the_next() {
    let message = b"\0\0\0\x16\0\0\0\0\0\0\0\x03abc\0\0\0\0\0\0\0\x03def".repeat(2);
    let load = |budget| {
        let mut from = Load::new(&message[..]).limits(DecodeLimits::new(budget, 8));
        (0..4).map(|_| from.load::<String>().map_err(|error| kind(error).0)).collect::<Vec<_>>()
    };
    assert!(load(6).iter().all(Result::is_ok));
    let tight = load(5);
    assert_eq!((&tight[1], &tight[3]), (&Err(Kind::Budget), &Err(Kind::Budget)));
}

// Verifies: message.length
#[test]
fn a_reader_without_io_takes_any_cut() {
    for size in 1..=TWO.len() {
        let mut reader = MessageReader::new(DecodeLimits::default());
        let mut given = Vec::new();
        for mut cut in TWO.chunks(size) {
            while !cut.is_empty() {
                let space = reader.space();
                let len = space.len().min(cut.len());
                space[..len].copy_from_slice(&cut[..len]);
                reader.filled(len);
                cut = &cut[len..];
            }
            while reader.next_message().unwrap() {
                given.push(reader.remaining());
            }
        }
        reader.end().unwrap();
        assert_eq!(given, [3, 1], "in pieces of {size}");
    }
}

#[test]
fn another_buffer_loses_nothing_of_what_was_read_ahead() {
    let mut from = Load::new(TWO);
    assert_eq!(from.load::<u16>().unwrap(), 1);
    let mut from = from.with_buffer(vec![9; 1]);
    assert_eq!([(); 2].map(|()| from.load::<u8>().unwrap()), [2, 7]);
    let mut from = Load::new(&[0xFF; 4][..]);
    assert!(from.load::<u8>().is_err());
    let error = from.with_capacity(64).load::<u8>().unwrap_err();
    assert_eq!(
        kind(error),
        (Kind::Message, 0),
        "what cannot be read on cannot with another buffer"
    );
}

// Verifies: message.end
#[test]
fn a_stream_that_has_ended_behind_whole_messages_has_not_ended_inside_one() {
    let mut reader = MessageReader::new(DecodeLimits::default());
    reader.space()[..TWO.len()].copy_from_slice(TWO);
    reader.filled(TWO.len());
    reader.end().unwrap();
    assert!(reader.next_message().unwrap());
    reader.end().unwrap();
    assert!(reader.next_message().unwrap());
    assert_eq!(reader.value::<u8>().unwrap(), 7);
    reader.end().unwrap();
}
