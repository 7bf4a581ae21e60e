//! Items in portions: what leaves or comes in one go is what would have left or come one by one.

use crate::pair::{DOWNLOAD, DUPLEX, End, Told, UPLOAD, item, limits, streams};
use crate::wire::{self, END, MORE, NOMSG};
use rpc_core::connection::{ItemRefusal, Portion};
use rpc_core::frame::split_judged;
use rpc_core::{CallId, CloseCode, Payload, Side};

const WINDOW: usize = 262_144;

fn payload(len: usize) -> Payload {
    Payload::from(vec![7; len])
}

/// An empty portion that has room.
fn portion(end: &mut End, id: u32) -> Portion {
    let mut portion = Portion::new(CallId::new(id), vec![1, 2, 3]);
    end.machine.items(&mut portion).unwrap();
    portion
}

/// A callee with one streaming call, id 1, whose caller is played by hand.
fn callee_with(change: impl FnOnce(&mut rpc_core::Limits)) -> End {
    let mut end = End::open_with(Side::Acceptor, limits(change));
    end.feed(&wire::request_with(0, 1, 0, &[], b""));
    assert_eq!(end.news(), [streams(1, b"")]);
    end
}

/// Takes what follows an item of call 1, as bodies, and tells how many bytes it was.
fn more(end: &mut End, input: &[u8]) -> (usize, Vec<Vec<u8>>) {
    let frames = end.machine.more_items(CallId::new(1), input);
    assert!(input.starts_with(frames));
    let (mut rest, mut bodies) = (frames, Vec::new());
    while let Some((body, behind)) = split_judged(rest) {
        bodies.push(body.to_vec());
        rest = behind;
    }
    assert_eq!(rest, b"", "whole frames");
    (frames.len(), bodies)
}

/// Verifies: stream.item.data, stream.credit.return
#[test]
fn the_frames_of_a_portion_are_those_of_its_items() {
    let mut end = callee_with(|_| {});
    end.feed(&wire::data(0, 1, b"12345"));
    end.consumed(1, 21);
    let mut portion = portion(&mut end, 1);
    assert_eq!(end.written(), b"", "room is no item");
    assert!(portion.push(&Payload::from(b"one".to_vec())));
    assert!(portion.push(&Payload::default()));
    assert!(portion.push(&Payload::from(b"three".to_vec())));
    end.machine.items(&mut portion).unwrap();
    assert!(portion.is_empty());
    let credit = wire::frame(4, 0, 0, 1, 21, b"one");
    let expected = [credit, wire::data(0, 1, b""), wire::data(0, 1, b"three")];
    assert_eq!(end.written(), expected.concat());
    assert!(portion.push(&Payload::default()), "it has room again");
}

/// Verifies: stream.credit.cost
#[test]
fn portions_end_where_credit_does() {
    for len in [0, 84, 1_000, 16_000] {
        let mut end = End::open(Side::Dialer);
        let id = end.stream(UPLOAD, b"").unwrap();
        end.written();
        let (mut portion, mut sent) = (portion(&mut end, id), 0);
        loop {
            let mut bytes = 0;
            while portion.push(&payload(len)) {
                bytes += 16 + len;
            }
            assert!(bytes <= Portion::BYTES_MAX);
            if bytes == 0 {
                break;
            }
            end.machine.items(&mut portion).unwrap();
            assert_eq!(end.written().len(), bytes);
            sent += bytes;
        }
        assert_eq!(sent, WINDOW / (16 + len) * (16 + len), "{len}");
        // What is left covers the beginning of an item, at most.
        while end.item(id, &vec![7; len.max(1)]) == Ok(()) {}
        end.written();
        assert_eq!(end.machine.items(&mut portion), Ok(()));
        assert!(!portion.push(&payload(len)));
        end.feed(&wire::frame(5, 0, 0, id, 16 * 1024, &[]));
        end.written();
        assert_eq!(end.machine.items(&mut portion), Ok(()));
        assert!(portion.push(&payload(1)), "credit has come");
    }
}

#[test]
fn a_portion_takes_no_item_that_must_be_sent_alone() {
    let mut end = End::open_with(Side::Dialer, limits(|limits| limits.message_bytes = 100));
    let id = end.stream(UPLOAD, b"").unwrap();
    let mut portion = portion(&mut end, id);
    assert!(portion.push(&payload(100)));
    assert!(!portion.push(&payload(101)));
    let mut shared = Payload::default();
    shared.share(vec![7; Payload::SHARE_FROM_BYTES].into());
    assert!(!portion.push(&shared));
    assert!(portion.push(&payload(100)), "the next small one fits");
    end.machine.items(&mut portion).unwrap();
    assert_eq!(end.item(id, &[7; 101]), Err(ItemRefusal::TooLarge { len: 101, max: 100 }));
}

#[test]
fn a_portion_waits_for_an_item_that_is_cut_and_for_a_full_buffer() {
    let mut end = End::open_with(Side::Dialer, limits(|limits| limits.send_buffer_bytes = 100_000));
    let id = end.stream(UPLOAD, b"").unwrap();
    end.written();
    for before in [70_000, 60_000] {
        let mut portion = portion(&mut end, id);
        assert!(portion.push(&payload(10)));
        end.item(id, &vec![7; before]).unwrap();
        if before == 60_000 {
            end.call(&[7; 50_000]).unwrap();
        }
        assert_eq!(end.machine.items(&mut portion), Err(ItemRefusal::Wait));
        assert!(!portion.is_empty() && !portion.push(&payload(10)), "it is as it was");
        end.written();
        end.feed(&[]);
        assert_eq!(end.news(), [Told::Writable(id)]);
        end.machine.items(&mut portion).unwrap();
        assert_eq!(end.written(), wire::data(0, id, &[7; 10]));
    }
}

#[test]
fn a_portion_is_refused_when_nobody_wants_it() {
    let mut end = End::open(Side::Dialer);
    for ends in [0, 1, 2] {
        let id = end.stream(UPLOAD, b"").unwrap();
        let mut portion = portion(&mut end, id);
        assert!(portion.push(&payload(10)));
        end.written();
        match ends {
            0 => end.finish(id),
            1 => end.feed(&wire::cancel(id, 3)),
            _ => assert!(end.cancel(id)),
        }
        end.written();
        assert_eq!(end.machine.items(&mut portion), Err(ItemRefusal::Stopped), "{ends}");
        assert!(!portion.push(&payload(10)));
        assert_eq!(end.written(), b"");
    }
    let id = end.stream(DOWNLOAD, b"").unwrap();
    let mut none = Portion::new(CallId::new(id), Vec::new());
    assert_eq!(end.machine.items(&mut none), Err(ItemRefusal::Stopped), "it sends no items");
}

/// Verifies: stream.item.data
#[test]
fn a_run_ends_before_whatever_is_not_a_small_whole_item_of_its_call() {
    let behind = [
        wire::data(END, 1, b"last"),
        wire::data(END | NOMSG, 1, b""),
        wire::data(MORE, 1, &[0, 0, 0, 9, 1]),
        wire::frame(4, 0, 0, 1, 7, b"with credit"),
        wire::data(0, 3, b"of another call"),
        wire::data(0, 1, &[7; Payload::SHARE_FROM_BYTES]),
        wire::data(0, 1, &[7; 901]),
        wire::ping(1),
        wire::data(0, 1, b"not whole")[..24].to_vec(),
        wire::data(0, 1, b"not whole")[..15].to_vec(),
        Vec::new(),
    ];
    for behind in behind {
        let mut end = callee_with(|limits| limits.message_bytes = 900);
        end.feed(&wire::data(0, 1, b"zero"));
        assert_eq!(end.news(), [item(1, b"zero")]);
        let run = [wire::data(0, 1, b"one"), wire::data(0, 1, b""), wire::data(0, 1, &[7; 900])];
        let run = run.concat();
        let (taken, bodies) = more(&mut end, &[run.as_slice(), &behind].concat());
        assert_eq!((taken, bodies), (run.len(), vec![b"one".to_vec(), vec![], vec![7; 900]]));
        assert_eq!(more(&mut end, &behind), (0, vec![]));
    }
}

/// Verifies: stream.credit.bound, stream.credit.return
#[test]
fn a_run_spends_credit_and_gives_it_back_as_its_items_would() {
    let items = |count| wire::data(0, 1, &[7; 1_008]).repeat(count);
    let mut end = callee_with(|_| {});
    assert_eq!(more(&mut end, &items(200)).0, 200 * 1_024);
    assert_eq!(more(&mut end, &items(100)).0, 56 * 1_024, "what credit covers");
    end.consumed(1, 128 * 1_024 - 1);
    assert_eq!(end.written(), b"");
    end.consumed(1, 1);
    assert_eq!(end.written(), wire::frame(5, 0, 0, 1, 128 * 1_024, &[]));
    assert_eq!(more(&mut end, &items(129)).0, 128 * 1_024);
    end.feed(&items(1));
    end.is_broken(CloseCode::CREDIT);
    assert_eq!(more(&mut end, &items(1)).0, 0, "nothing is read after a breach");
}

#[test]
fn there_is_no_run_where_items_are_not_told() {
    let run = wire::data(0, 1, b"one");
    let mut stopped = callee_with(|_| {});
    assert!(stopped.stop(1));
    let mut inside = callee_with(|_| {});
    inside.feed(&wire::data(MORE, 1, &[0, 0, 0, 9, 1]));
    let mut ended = callee_with(|_| {});
    ended.feed(&wire::data(END | NOMSG, 1, b""));
    let mut cancelled = callee_with(|_| {});
    cancelled.feed(&wire::cancel(1, 1));
    let mut none = End::open(Side::Acceptor);
    let mut result = End::open(Side::Dialer);
    assert_eq!(result.stream(UPLOAD, b""), Ok(1));
    for (case, end) in [stopped, inside, ended, cancelled, none, result].iter_mut().enumerate() {
        assert_eq!(more(end, &run).0, 0, "{case}");
    }
    none = End::open(Side::Dialer);
    assert_eq!(none.stream(DUPLEX, b""), Ok(1));
    assert_eq!(more(&mut none, &run).0, run.len());
}
