//! Any verbs, any cuts, any end: every call ends exactly once, and no handler runs twice.

use crate::pair::{End, Told, limits};
use proptest::collection::vec;
use proptest::prelude::*;
use rpc_core::connection::{Refusal, State};
use rpc_core::{CloseCode, Code, Executed, Limits, Side};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Wish {
    Call { side: bool, len: usize, deadline_ms: Option<u64> },
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
    let deadline_ms = prop_oneof![3 => Just(None), 1 => (0..200_u64).prop_map(Some)];
    prop_oneof![
        6 => (side(), len(), deadline_ms)
            .prop_map(|(side, len, deadline_ms)| Wish::Call { side, len, deadline_ms }),
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
        limits.hello_ms = u64::MAX;
        limits.keepalive_after_ms = u64::MAX;
    })
}

/// How a call of one side stands with its caller.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Open,
    Ended,
    EndedAs(Executed),
}

/// One side with everything it did.
struct Party {
    end: End,
    /// Bytes written and not delivered.
    pipe: Vec<u8>,
    calls: BTreeMap<u32, Call>,
    untaken: Vec<u32>,
    ran: BTreeSet<u32>,
    running: Vec<u32>,
    leaves: bool,
    first: u32,
}

impl Party {
    fn new(side: Side) -> Self {
        Self {
            end: End::new(side, quiet_limits()),
            pipe: Vec::new(),
            calls: BTreeMap::new(),
            untaken: Vec::new(),
            ran: BTreeSet::new(),
            running: Vec::new(),
            leaves: false,
            first: side.first().get(),
        }
    }

    /// Books what the machine said.
    fn book(&mut self) {
        for told in self.end.news() {
            match told {
                Told::Opened | Told::MoreCalls => {}
                Told::Request { id, message } => {
                    assert!(self.ran.insert(id), "{id} ran twice");
                    assert!(message.iter().all(|byte| *byte == id.to_le_bytes()[0]));
                    self.running.push(id);
                }
                Told::Response { id, code, message } => {
                    if code == Code::OK {
                        let message = message.unwrap();
                        assert!(message.iter().all(|byte| *byte == !id.to_le_bytes()[0]));
                    }
                    self.ends(id, Call::Ended);
                }
                Told::CallExpired(id) => self.ends(id, Call::Ended),
                Told::Failed(id, executed) => self.ends(id, Call::EndedAs(executed)),
                Told::Cancelled(id) => self.gives_up(id, Code::CANCELLED),
                Told::ServedExpired(id) => self.gives_up(id, Code::DEADLINE_EXCEEDED),
                Told::GoAway(code, _) => {
                    assert_eq!(code, CloseCode::GRACEFUL);
                    self.end.fail_calls();
                }
                Told::Broken(code) | Told::Silent(code) => panic!("{code}"),
            }
        }
        // `fail_calls` tells more.
        if !self.end.told.is_empty() {
            self.book();
        }
    }

    fn ends(&mut self, id: u32, how: Call) {
        let before = self.calls.insert(id, how);
        assert_eq!(before, Some(Call::Open), "{id} ended twice");
        self.untaken.push(id);
    }

    fn gives_up(&mut self, id: u32, code: Code) {
        assert!(self.running.contains(&id));
        self.running.retain(|running| *running != id);
        self.end.reply_code(id, code);
    }

    fn call(&mut self, len: usize, deadline_ms: Option<u64>) {
        let deadline = deadline_ms.map(|ms| self.end.now.plus_millis(ms));
        let next = self.next_id();
        match self.end.call_until(&vec![next.to_le_bytes()[0]; len], deadline) {
            Ok(id) => {
                assert_eq!(id, next);
                assert_eq!(self.calls.insert(id, Call::Open), None);
            }
            Err(Refusal::Busy | Refusal::Closing | Refusal::SendBufferFull) => {}
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Calls here are few, so no id is skipped.
    fn next_id(&self) -> u32 {
        let last = self.calls.keys().next_back();
        last.map_or(self.first, |last| last + 2)
    }

    fn open(&self) -> Vec<u32> {
        let open = self.calls.iter().filter(|(_, call)| **call == Call::Open);
        open.map(|(id, _)| *id).collect()
    }

    fn reply(&mut self, which: usize, len: usize) {
        if self.running.is_empty() {
            return;
        }
        let id = self.running.swap_remove(which % self.running.len());
        self.end.reply(id, &vec![!id.to_le_bytes()[0]; len]);
    }

    fn cancel(&mut self, which: usize) {
        let open = self.open();
        if let Some(id) = open.get(which % open.len().max(1)) {
            assert!(self.end.cancel(*id), "the waiter comes back");
            assert!(!self.end.take(*id));
            self.calls.insert(*id, Call::Ended);
        }
    }

    fn take(&mut self, which: usize) {
        if !self.untaken.is_empty() {
            let id = self.untaken.swap_remove(which % self.untaken.len());
            assert!(self.end.take(id) && !self.end.take(id));
        }
    }
}

fn run(parties: &mut [Party; 2], wishes: Vec<Wish>) {
    for wish in wishes {
        match wish {
            Wish::Call { side, len, deadline_ms } => {
                parties[usize::from(side)].call(len, deadline_ms);
            }
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
    [Party::new(Side::Dialer), Party::new(Side::Acceptor)]
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
                if let Told::Request { id, .. } = told {
                    end.reply(id, b"r");
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
