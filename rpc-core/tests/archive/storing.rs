//! Storing in a stream: when bytes reach it, which, and what is told when it fails.

use std::io::{self, Write};
use std::{cell::RefCell, rc::Rc};

use alloc_counter::measure;
use rpc_core::archive::stream::MessageWriter;
use rpc_core::archive::{DecodeLimits, EncodeErrorKind, Load, Store, StoreError};

/// What reached a stream, write by write.
#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Vec<Vec<u8>>>>);

impl Wire {
    fn writes(&self) -> Vec<Vec<u8>> {
        self.0.borrow().clone()
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes a few bytes, then fails as often as it is told, then takes the rest.
#[derive(Debug, Default)]
struct Failing {
    taken: Vec<u8>,
    room: usize,
    failures: usize,
    attempts: Rc<RefCell<usize>>,
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        *self.attempts.borrow_mut() += 1;
        if self.taken.len() >= self.room && self.failures > 0 {
            self.failures -= 1;
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = if self.failures > 0 { self.room - self.taken.len() } else { bytes.len() };
        let len = bytes.len().min(room);
        self.taken.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// Verifies: message.length, message.body
#[test]
fn nothing_reaches_the_stream_before_the_flush_and_then_one_write() {
    let wire = Wire::default();
    let mut out = Store::new(wire.clone());
    out.store(&1_u8).unwrap();
    out.store_bytes(b"ab").unwrap();
    assert_eq!((wire.writes().len(), out.buffered()), (0, 3));
    out.flush().unwrap();
    assert_eq!((wire.writes(), out.buffered()), (vec![b"\0\0\0\x03\x01ab".to_vec()], 0));
    out.flush().unwrap();
    assert_eq!(wire.writes().len(), 1, "nothing was stored, so there is no message");
    out.store(&()).unwrap().flush().unwrap();
    assert_eq!(wire.writes()[1], [0, 0, 0, 0], "a message without bytes is one");
}

#[test]
fn a_chain_stores_what_single_calls_store() {
    let mut chained = Store::new(Vec::new());
    chained
        .store(&7_u16)
        .unwrap()
        .store_bytes(b"raw")
        .unwrap()
        .store("hi")
        .unwrap()
        .flush()
        .unwrap();
    let mut single = Store::new(Vec::new());
    single.store(&7_u16).unwrap();
    single.store_bytes(b"raw").unwrap();
    single.store("hi").unwrap();
    single.flush().unwrap();
    let bytes = b"\0\0\0\x0f\0\x07raw\0\0\0\0\0\0\0\x02hi";
    assert_eq!(chained.get_ref(), bytes);
    assert_eq!(single.close().unwrap(), bytes);
}

#[test]
fn a_raw_archive_writes_what_it_gathered_when_its_buffer_is_full() {
    let wire = Wire::default();
    let mut out = Store::raw(wire.clone()).with_capacity(4);
    out.store(&0x0102_u16).unwrap().store(&3_u8).unwrap();
    assert_eq!(wire.writes().len(), 0);
    out.store(&4_u8).unwrap();
    assert_eq!(wire.writes(), [[1, 2, 3, 4]]);
    out.store(&5_u8).unwrap().flush().unwrap();
    assert_eq!(wire.writes()[1], [5]);
}

#[test]
fn closing_and_dropping_write_what_waits_and_aborting_discards_it() {
    let stored = |end: fn(Store<Wire>)| {
        let wire = Wire::default();
        let mut out = Store::new(wire.clone());
        out.store(&1_u8).unwrap();
        end(out);
        wire.writes().concat()
    };
    assert_eq!(stored(|out| drop(out.close().unwrap())), [0, 0, 0, 1, 1]);
    assert_eq!(stored(drop), [0, 0, 0, 1, 1]);
    assert!(stored(|out| drop(out.abort())).is_empty());
}

#[test]
fn a_stream_that_fails_is_told_apart_from_a_value_that_cannot_be_stored() {
    let mut out = Store::new(Failing { room: 2, failures: 1, ..Failing::default() });
    out.store(&1_u8).unwrap();
    let error = out.store(&vec![()]).unwrap_err();
    assert!(
        matches!(&error, StoreError::Archive(error) if error.kind() == EncodeErrorKind::ZeroSize)
    );
    let error = out.flush().unwrap_err();
    assert!(matches!(&error, StoreError::Io(error) if error.kind() == io::ErrorKind::BrokenPipe));
    assert!(error.archive().is_none());
    // The refused value left nothing behind, and the flush goes on where it was broken off.
    out.flush().unwrap();
    assert_eq!(out.close().unwrap().taken, [0, 0, 0, 1, 1]);
}

#[test]
fn after_an_error_dropping_and_aborting_try_no_second_time() {
    for abort in [false, true] {
        let attempts: Rc<RefCell<usize>> = Rc::default();
        let stream = Failing { failures: 9, attempts: Rc::clone(&attempts), ..Failing::default() };
        let mut out = Store::new(stream);
        out.store(&1_u8).unwrap();
        assert!(matches!(out.flush(), Err(StoreError::Io(_))));
        if abort {
            drop(out.abort())
        } else {
            drop(out)
        }
        assert_eq!(*attempts.borrow(), 1);
    }
    let mut out = Store::new(Failing { failures: 9, ..Failing::default() });
    out.store(&1_u8).unwrap();
    assert!(matches!(out.close(), Err(StoreError::Io(_))), "closing reports");
}

#[test]
fn a_stream_that_panics_is_not_written_again_by_the_drop() {
    struct Panics(Rc<RefCell<usize>>);
    impl Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            *self.0.borrow_mut() += 1;
            panic!("no")
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let writes: Rc<RefCell<usize>> = Rc::default();
    let mut out = Store::new(Panics(Rc::clone(&writes)));
    out.store(&1_u8).unwrap();
    let flushed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| out.flush().is_ok()));
    assert!(flushed.is_err());
    drop(out);
    assert_eq!(*writes.borrow(), 1);
}

#[test]
fn the_limit_of_a_message_names_itself_and_keeps_what_was_stored() {
    let mut limits = DecodeLimits::default();
    limits.message_bytes = 3;
    let mut out = Store::new(Vec::new()).limits(limits);
    out.store(&0x0102_u16).unwrap();
    let error = out.store(&0_u16).unwrap_err();
    assert_eq!(error.archive().unwrap().kind(), EncodeErrorKind::TooLarge);
    assert!(error.to_string().contains("4 bytes, and its limit is 3"), "{error}");
    out.store(&3_u8).unwrap();
    assert_eq!(out.close().unwrap(), [0, 0, 0, 3, 1, 2, 3]);
}

#[test]
fn ten_thousand_messages_allocate_nothing_after_the_first() {
    let message = (7_u64, "a text of some length", [1_u16; 16]);
    let mut out = Store::new(io::sink()).with_capacity(256);
    let (_, cost) = measure(|| {
        for _ in 0..10_000 {
            out.store(&message).unwrap().store_bytes(b"and bytes").unwrap().flush().unwrap();
        }
    });
    assert_eq!(cost.allocations, 0);

    let mut bytes = Store::new(Vec::new());
    bytes.store(&message).unwrap().flush().unwrap();
    let one = bytes.close().unwrap();
    let all = one.repeat(10_000);
    let mut from = Load::new(&all[..]);
    let mut load = |count| {
        for _ in 0..count {
            let (number, text, _): (u64, &str, [u16; 16]) = from.load().unwrap();
            assert_eq!((number, text.len()), (7, 21));
        }
    };
    load(1);
    assert_eq!(measure(|| load(9_999)).1.allocations, 0);
}

#[test]
fn a_buffer_of_the_callers_is_used_and_a_smaller_one_grows() {
    let (_, cost) = measure(|| {
        let mut out = Store::new(io::sink()).with_buffer(vec![9; 64]);
        out.store(&([1_u8; 30], [2_u8; 30])).unwrap().flush().unwrap();
    });
    assert_eq!(cost.allocations, 1, "that of the buffer itself");
    let mut out = Store::new(Vec::new()).with_buffer(Vec::with_capacity(1));
    out.store(&([1_u8; 30], [2_u8; 30])).unwrap();
    assert_eq!(out.close().unwrap().len(), 64);
}

#[test]
fn another_buffer_and_other_limits_lose_nothing_of_what_was_stored() {
    let mut limits = DecodeLimits::default();
    limits.message_bytes = 3;
    let mut out = Store::new(Failing { room: 2, failures: 1, ..Failing::default() }).limits(limits);
    out.store(&0x0102_u16).unwrap();
    assert!(out.flush().is_err());
    out.store(&3_u8).unwrap();
    let mut out = out.with_buffer(vec![9; 5]);
    assert_eq!(out.buffered(), 4 + 1);
    assert!(out.store(&0_u32).is_err(), "the limit stands");
    assert_eq!(out.close().unwrap().taken, [0, 0, 0, 2, 1, 2, 0, 0, 0, 1, 3]);
}

#[test]
fn a_writer_that_always_has_a_message_in_the_making_needs_no_more_and_more_space() {
    let mut writer = MessageWriter::new();
    let mut written = Vec::new();
    for at in 0..1000_u32 {
        writer.value(&at).unwrap();
        written.extend_from_slice(writer.finished());
        writer.consume(writer.finished().len());
        writer.finish_message();
        writer.bytes(b"and the beginning of another").unwrap();
    }
    assert!(writer.into_buffer().capacity() < 1024);
    let first =
        [&[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 32][..], b"and the beginning of another"].concat();
    assert_eq!(&written[..first.len()], first);
    let mut from = Load::new(&written[8..]);
    for at in 1..999_u32 {
        let mut message = from.next_message().unwrap().unwrap();
        message.bytes(28).unwrap();
        assert_eq!(message.only::<u32>().unwrap(), at);
    }
}

/// Is interrupted once, by a signal say, whatever it does.
#[derive(Debug, Default)]
struct Interrupted {
    taken: Vec<u8>,
    writes: usize,
    flushes: usize,
}

impl Write for Interrupted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        match self.writes {
            1 => Err(io::ErrorKind::Interrupted.into()),
            _ => self.taken.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushes += 1;
        if self.flushes == 1 { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

#[test]
fn a_signal_interrupts_neither_a_write_nor_a_flush() {
    let mut out = Store::new(Interrupted::default());
    out.store(&7_u8).unwrap().flush().unwrap();
    assert_eq!((out.get_ref().writes, out.get_ref().flushes), (2, 2));
    assert_eq!(out.close().unwrap().taken, [0, 0, 0, 1, 7]);
}

#[test]
fn what_is_stored_is_not_printed() {
    let mut out = Store::new(io::sink());
    out.store("secret").unwrap();
    assert!(format!("{out:?}").contains("message_bytes: 14"), "{out:?}");
    let mut from = Load::new(&b"\0\0\0\x0e\0\0\0\0\0\0\0\x06secret\0"[..]);
    from.next_message().unwrap();
    let printed = format!("{from:?}");
    let stream = format!("{:?}", from.get_ref());
    assert!(!printed.replace(&stream, "").contains("115, 101, 99"), "{printed}");
}
