//! One side of a random conversation, with a ledger of everything it did and was told.

use crate::pair::{DOWNLOAD, DUPLEX, End, Told, UPLOAD};
use rpc_core::connection::{ItemRefusal, Refusal, Shape};
use rpc_core::{CallId, CloseCode, Code, Executed, Limits, Side};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const WINDOW: u32 = Limits::FLOOR_WINDOW_BYTES;

/// How a call of one side stands with its caller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Call {
    Open,
    Ended,
    EndedAs(Executed),
}

/// The items of one streaming call, as one of its sides sees them.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// This side may send items.
    sends: bool,
    /// The lengths of the items that were sent and that came.
    pub(crate) sent: Vec<usize>,
    pub(crate) came: Vec<usize>,
    /// What the items cost that came and are not consumed.
    unconsumed: VecDeque<u32>,
    stopped: bool,
    /// All items of the other side are said to have come.
    pub(crate) is_whole: bool,
}

impl Ledger {
    fn new(sends: bool) -> Self {
        let (sent, came, unconsumed) = (Vec::new(), Vec::new(), VecDeque::new());
        Self { sends, sent, came, unconsumed, stopped: false, is_whole: false }
    }
}

/// The shape of a streaming call, told by the length of its arguments.
fn shape(args_len: usize) -> Shape {
    [UPLOAD, DOWNLOAD, DUPLEX][args_len % 3]
}

/// What an item is filled with.
fn filling(id: u32, nth: usize, from_caller: bool) -> u8 {
    let nth = u32::try_from(nth).unwrap();
    let byte = id.wrapping_mul(31).wrapping_add(nth).to_le_bytes()[0];
    if from_caller { byte } else { !byte }
}

/// One side with everything it did.
pub(crate) struct Party {
    pub(crate) end: End,
    side: Side,
    /// Bytes written and not delivered.
    pub(crate) pipe: Vec<u8>,
    pub(crate) calls: BTreeMap<u32, Call>,
    pub(crate) untaken: Vec<u32>,
    pub(crate) ran: BTreeSet<u32>,
    pub(crate) running: Vec<u32>,
    pub(crate) leaves: bool,
    next: u32,
    /// Streaming calls of both sides.
    pub(crate) streams: BTreeMap<u32, Ledger>,
    oneways: VecDeque<u32>,
    oneways_sent: VecDeque<usize>,
}

impl Party {
    pub(crate) fn new(side: Side, limits: Limits) -> Self {
        Self {
            end: End::new(side, limits),
            side,
            pipe: Vec::new(),
            calls: BTreeMap::new(),
            untaken: Vec::new(),
            ran: BTreeSet::new(),
            running: Vec::new(),
            leaves: false,
            next: side.first().get(),
            streams: BTreeMap::new(),
            oneways: VecDeque::new(),
            oneways_sent: VecDeque::new(),
        }
    }

    /// Books what the machine said.
    pub(crate) fn book(&mut self) {
        for told in self.end.news() {
            match told {
                Told::Opened | Told::MoreCalls => {}
                Told::Request { id, message } => {
                    assert!(self.ran.insert(id), "{id} ran twice");
                    assert!(message.iter().all(|byte| *byte == id.to_le_bytes()[0]));
                    self.running.push(id);
                }
                Told::Stream { id, message, ended } => {
                    assert!(self.ran.insert(id), "{id} ran twice");
                    assert!(message.iter().all(|byte| *byte == id.to_le_bytes()[0]));
                    assert!(!ended || message.is_empty());
                    self.running.push(id);
                    self.streams.insert(id, Ledger::new(shape(message.len()) != UPLOAD));
                }
                Told::OneWay { cost, .. } => self.oneways.push_back(cost),
                Told::Item { id, message, cost, last } => self.item_came(id, &message, cost, last),
                Told::End(id) => self.whole(id),
                Told::Writable(id) => assert!(self.streams[&id].sends),
                Told::Stopped(id) => assert_eq!(self.item(id, 1, false), Err(ItemRefusal::Stopped)),
                Told::Response { id, code, message } => {
                    if code == Code::OK {
                        let message = message.unwrap();
                        assert!(message.iter().all(|byte| *byte == !id.to_le_bytes()[0]));
                        if self.streams.contains_key(&id) {
                            self.whole(id);
                        }
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

    fn item_came(&mut self, id: u32, message: &[u8], cost: u32, last: bool) {
        let from_caller = !self.side.owns(CallId::new(id));
        let ledger = self.streams.get_mut(&id).unwrap();
        assert!(!ledger.is_whole && !ledger.stopped, "{id}: nothing more was to come");
        let byte = filling(id, ledger.came.len(), from_caller);
        assert!(message.iter().all(|come| *come == byte), "{id}: out of order");
        ledger.came.push(message.len());
        ledger.unconsumed.push_back(cost);
        assert!(ledger.unconsumed.iter().sum::<u32>() <= WINDOW, "{id}: more than a window");
        if last {
            self.whole(id);
        }
    }

    fn whole(&mut self, id: u32) {
        self.streams.get_mut(&id).unwrap().is_whole = true;
    }

    pub(crate) fn call(&mut self, len: usize, deadline_ms: Option<u64>, streams: bool) {
        let shape = if streams { shape(len) } else { Shape::Unary };
        let deadline = deadline_ms.map(|ms| self.end.now.plus_millis(ms));
        let next = self.next;
        match self.end.call_as(shape, &vec![next.to_le_bytes()[0]; len], deadline, &[]) {
            Ok(id) => {
                // Calls here are few, so no id is skipped.
                assert_eq!(id, next);
                self.next += 2;
                assert_eq!(self.calls.insert(id, Call::Open), None);
                if streams {
                    self.streams.insert(id, Ledger::new(shape != DOWNLOAD));
                }
            }
            Err(Refusal::Busy | Refusal::Closing | Refusal::SendBufferFull) => {}
            Err(other) => panic!("{other:?}"),
        }
    }

    pub(crate) fn oneway(&mut self, len: usize) {
        match self.end.oneway(&vec![1; len]) {
            Ok(_) => {
                self.oneways_sent.push_back(len);
                self.next += 2;
            }
            Err(Refusal::Busy | Refusal::Closing | Refusal::SendBufferFull) => {}
            Err(Refusal::TooLarge { max, .. }) => assert!(len > max),
            Err(other) => panic!("{other:?}"),
        }
    }

    pub(crate) fn oneway_done(&mut self) {
        if let Some(cost) = self.oneways.pop_front() {
            self.end.machine.oneway_done(cost);
        }
    }

    fn nth_stream(&self, which: usize) -> Option<u32> {
        self.streams.keys().nth(which % self.streams.len().max(1)).copied()
    }

    pub(crate) fn send(&mut self, which: usize, len: usize, last: bool) {
        if let Some(id) = self.nth_stream(which).filter(|id| self.streams[id].sends) {
            let _ = self.item(id, len, last);
        }
    }

    fn item(&mut self, id: u32, len: usize, last: bool) -> Result<(), ItemRefusal> {
        let from_caller = self.side.owns(CallId::new(id));
        let ledger = self.streams.get_mut(&id).unwrap();
        let bytes = vec![filling(id, ledger.sent.len(), from_caller); len];
        match last {
            false => self.end.item(id, &bytes)?,
            true => self.end.last_item(id, &bytes)?,
        }
        ledger.sent.push(len);
        Ok(())
    }

    pub(crate) fn finish(&mut self, which: usize) {
        if let Some(id) = self.nth_stream(which) {
            self.end.finish(id);
        }
    }

    pub(crate) fn stop(&mut self, which: usize) {
        if let Some(id) = self.nth_stream(which).filter(|id| self.running.contains(id)) {
            self.end.stop(id);
            // Nothing is told of one that had ended, either.
            self.streams.get_mut(&id).unwrap().stopped = true;
        }
    }

    pub(crate) fn consume(&mut self, which: usize) {
        if let Some(id) = self.nth_stream(which) {
            match self.streams.get_mut(&id).unwrap().unconsumed.pop_front() {
                Some(cost) => self.end.consumed(id, cost),
                None => self.end.starving(id),
            }
        }
    }

    /// Everything that came is consumed, and waits for more.
    pub(crate) fn consume_all(&mut self) {
        for (id, ledger) in &mut self.streams {
            for cost in ledger.unconsumed.drain(..) {
                self.end.consumed(*id, cost);
            }
            self.end.starving(*id);
        }
        while !self.oneways.is_empty() {
            self.oneway_done();
        }
    }

    pub(crate) fn open(&self) -> Vec<u32> {
        let open = self.calls.iter().filter(|(_, call)| **call == Call::Open);
        open.map(|(id, _)| *id).collect()
    }

    pub(crate) fn reply(&mut self, which: usize, len: usize) {
        if self.running.is_empty() {
            return;
        }
        let id = self.running.swap_remove(which % self.running.len());
        // The last word behind items has no message.
        let sends = self.streams.get(&id).is_some_and(|ledger| ledger.sends);
        self.end.reply(id, &vec![!id.to_le_bytes()[0]; if sends { 0 } else { len }]);
    }

    pub(crate) fn cancel(&mut self, which: usize) {
        let open = self.open();
        if let Some(id) = open.get(which % open.len().max(1)) {
            assert!(self.end.cancel(*id), "the waiter comes back");
            assert!(!self.end.take(*id));
            self.calls.insert(*id, Call::Ended);
        }
    }

    pub(crate) fn take(&mut self, which: usize) {
        if !self.untaken.is_empty() {
            let id = self.untaken.swap_remove(which % self.untaken.len());
            assert!(self.end.take(id) && !self.end.take(id));
        }
    }
}
