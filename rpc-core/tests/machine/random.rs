//! Any verbs, any cuts, any end: every call ends exactly once, and no handler runs twice.

use crate::pair::{End, Told, limits};
use crate::party::{Call, Party};
use proptest::collection::vec;
use proptest::prelude::*;
use rpc_core::connection::State;
use rpc_core::{CloseCode, Executed, Limits, Side};

#[derive(Clone, Debug)]
enum Wish {
    Call { side: bool, len: usize, deadline_ms: Option<u64>, streams: bool },
    OneWay { side: bool, len: usize },
    OneWayDone { side: bool },
    Item { side: bool, which: usize, len: usize, last: bool },
    Finish { side: bool, which: usize },
    Stop { side: bool, which: usize },
    Consume { side: bool, which: usize },
    Reply { side: bool, which: usize, len: usize },
    Cancel { side: bool, which: usize },
    Take { side: bool, which: usize },
    Write { side: bool },
    Deliver { side: bool, bytes: usize },
    Advance { ms: u64 },
    AllowCalls { side: bool, calls: u32 },
    Leave { side: bool },
}

fn wish() -> impl Strategy<Value = Wish> {
    let side = any::<bool>;
    let len = || prop_oneof![8 => 0..100_usize, 2 => 60_000..300_000_usize];
    let item_len =
        prop_oneof![4 => 0..100_usize, 3 => 40_000..80_000_usize, 2 => 150_000..262_060_usize];
    let deadline_ms = prop_oneof![3 => Just(None), 1 => (0..200_u64).prop_map(Some)];
    prop_oneof![
        8 => (side(), len(), deadline_ms, any::<bool>()).prop_map(
            |(side, len, deadline_ms, streams)| Wish::Call { side, len, deadline_ms, streams }
        ),
        2 => (side(), len()).prop_map(|(side, len)| Wish::OneWay { side, len }),
        1 => side().prop_map(|side| Wish::OneWayDone { side }),
        12 => (side(), any::<usize>(), item_len, 0..8)
            .prop_map(|(side, which, len, last)| Wish::Item { side, which, len, last: last == 0 }),
        1 => (side(), any::<usize>()).prop_map(|(side, which)| Wish::Finish { side, which }),
        1 => (side(), any::<usize>()).prop_map(|(side, which)| Wish::Stop { side, which }),
        6 => (side(), any::<usize>()).prop_map(|(side, which)| Wish::Consume { side, which }),
        5 => (side(), any::<usize>(), len())
            .prop_map(|(side, which, len)| Wish::Reply { side, which, len }),
        2 => (side(), any::<usize>()).prop_map(|(side, which)| Wish::Cancel { side, which }),
        2 => (side(), any::<usize>()).prop_map(|(side, which)| Wish::Take { side, which }),
        5 => side().prop_map(|side| Wish::Write { side }),
        8 => (side(), prop_oneof![0..60_usize, 0..200_000_usize])
            .prop_map(|(side, bytes)| Wish::Deliver { side, bytes }),
        2 => (0..150_u64).prop_map(|ms| Wish::Advance { ms }),
        1 => (side(), 0..12_u32).prop_map(|(side, calls)| Wish::AllowCalls { side, calls }),
        1 => side().prop_map(|side| Wish::Leave { side }),
    ]
}

/// Few calls, so that the limit is met; silence is no fault, because time goes on while nobody carries.
fn quiet_limits() -> Limits {
    limits(|limits| {
        limits.calls = 8;
        limits.streams = 5;
        limits.hello_ms = u64::MAX;
        limits.keepalive_after_ms = u64::MAX;
    })
}

fn run(parties: &mut [Party; 2], wishes: Vec<Wish>) {
    for wish in wishes {
        match wish {
            Wish::Call { side, len, deadline_ms, streams } => {
                parties[usize::from(side)].call(len, deadline_ms, streams);
            }
            Wish::OneWay { side, len } => parties[usize::from(side)].oneway(len),
            Wish::OneWayDone { side } => parties[usize::from(side)].oneway_done(),
            Wish::Item { side, which, len, last } => {
                parties[usize::from(side)].send(which, len, last);
            }
            Wish::Finish { side, which } => parties[usize::from(side)].finish(which),
            Wish::Stop { side, which } => parties[usize::from(side)].stop(which),
            Wish::Consume { side, which } => parties[usize::from(side)].consume(which),
            Wish::Reply { side, which, len } => parties[usize::from(side)].reply(which, len),
            Wish::Cancel { side, which } => parties[usize::from(side)].cancel(which),
            Wish::Take { side, which } => parties[usize::from(side)].take(which),
            Wish::Write { side } => {
                let party = &mut parties[usize::from(side)];
                party.end.batch(&mut party.pipe);
            }
            Wish::Deliver { side, bytes } => deliver(parties, side, bytes),
            Wish::Advance { ms } => {
                for party in parties.iter_mut() {
                    party.end.advance(ms);
                    party.book();
                }
            }
            Wish::AllowCalls { side, calls } => {
                parties[usize::from(side)].end.machine.allow_calls(calls);
            }
            Wish::Leave { side } => {
                let party = &mut parties[usize::from(side)];
                party.leaves = true;
                party.end.machine.close(CloseCode::GRACEFUL, "done");
            }
        }
        for party in parties.iter_mut() {
            party.book();
        }
    }
}

fn deliver(parties: &mut [Party; 2], from: bool, bytes: usize) {
    let pipe = &mut parties[usize::from(from)].pipe;
    let rest = pipe.split_off(bytes.min(pipe.len()));
    let arrived = std::mem::replace(pipe, rest);
    let there = &mut parties[usize::from(!from)];
    there.end.feed(&arrived);
    there.book();
}

/// Everything is written, delivered and replied to.
fn settle(parties: &mut [Party; 2]) {
    loop {
        let mut moved = false;
        for side in [false, true] {
            let party = &mut parties[usize::from(side)];
            while !party.running.is_empty() {
                party.reply(0, 10);
            }
            party.consume_all();
            while party.end.batch(&mut party.pipe) {}
            moved |= !party.pipe.is_empty();
            deliver(parties, side, usize::MAX);
        }
        if !moved {
            break;
        }
    }
}

/// Two machines that have not spoken.
fn parties() -> [Party; 2] {
    [Side::Dialer, Side::Acceptor].map(|side| Party::new(side, quiet_limits()))
}

proptest! {
    #[test]
    fn every_call_ends_exactly_once_and_runs_at_most_once(wishes in vec(wish(), 0..150)) {
        let mut parties = parties();
        run(&mut parties, wishes);
        settle(&mut parties);
        for party in &mut parties {
            prop_assert_eq!(party.open(), Vec::<u32>::new());
            prop_assert_eq!(party.end.machine.open_calls(), 0);
            prop_assert_eq!(party.end.machine.served_calls(), 0);
            prop_assert_eq!(party.end.machine.unsent_bytes(), 0);
            while !party.untaken.is_empty() {
                party.take(0);
            }
            let state = party.end.machine.state();
            prop_assert_eq!(state == State::Drained, party.leaves, "{:?}", state);
        }
        not_executed_never_ran(&parties);
        items_came_once_and_in_order(&parties);
    }

    #[test]
    fn a_lost_transport_leaves_no_call_open_and_no_lie(wishes in vec(wish(), 0..150)) {
        let mut parties = parties();
        run(&mut parties, wishes);
        for party in &mut parties {
            party.end.machine.fail();
            party.end.fail_calls();
            party.book();
            prop_assert_eq!(party.open(), Vec::<u32>::new());
            prop_assert_eq!(party.end.machine.open_calls(), 0);
        }
        not_executed_never_ran(&parties);
        items_came_once_and_in_order(&parties);
    }

    #[test]
    fn any_bytes_are_borne(bytes in vec(any::<u8>(), 0..400), side: bool) {
        let side = if side { Side::Dialer } else { Side::Acceptor };
        let mut end = End::open(side);
        end.call(b"").unwrap();
        end.feed(&bytes);
        end.written();
        end.advance(60_000);
    }

    #[test]
    fn any_heads_are_borne(
        heads in vec((0_u8..12, any::<u8>(), 0_u16..3, 0_u32..8, any::<u32>(), vec(any::<u8>(), 0..24)), 0..40),
    ) {
        let mut end = End::open(Side::Acceptor);
        for (kind, flags, metadata_len, id, arg, body) in heads {
            // Mostly flags that the type allows, so that more than the first frame is read.
            let flags = if flags & 0x80 == 0 { flags & 0x07 } else { flags };
            end.feed(&crate::wire::frame(kind, flags, metadata_len, id, arg, &body));
            for told in end.news() {
                match told {
                    Told::Request { id, .. } => end.reply(id, b"r"),
                    Told::Stream { id, .. } if id % 3 == 0 => end.reply(id, b"r"),
                    Told::Item { id, cost, .. } => end.consumed(id, cost),
                    _ => {}
                }
            }
            prop_assert!(end.machine.served_calls() <= 256);
        }
        end.written();
    }
}

/// What is said to be not executed has not run at the other side.
fn not_executed_never_ran(parties: &[Party; 2]) {
    for (asking, serving) in [(0, 1), (1, 0)] {
        for (id, call) in &parties[asking].calls {
            if *call == Call::EndedAs(Executed::No) {
                assert!(!parties[serving].ran.contains(id), "{id} ran");
            }
        }
    }
}

/// What came is a beginning of what was sent, and all of it where that was said.
fn items_came_once_and_in_order(parties: &[Party; 2]) {
    for (from, to) in [(0, 1), (1, 0)] {
        for (id, there) in &parties[to].streams {
            let none = Vec::new();
            let sent = parties[from].streams.get(id).map_or(&none, |ledger| &ledger.sent);
            assert!(sent.starts_with(&there.came), "{id}");
            assert!(!there.is_whole || sent.len() == there.came.len(), "{id} was cut short");
        }
    }
}
