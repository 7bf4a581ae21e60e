//! Every crossing of cancel, reply, END, stop, deadline and GOAWAY on one streaming call.
//!
//! Two machines, a script of verbs for each, and every order in which verbs are said and frames arrive.

use crate::pair::{DUPLEX, End, Pair, Told};
use crate::wire;
use rpc_core::connection::{Reply, State};
use rpc_core::{CallId, CloseCode, Code, Retry};
use std::collections::VecDeque;

/// What one side does. A caller does not reply and a callee does not cancel.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verb {
    Item,
    LargeItem,
    Finish,
    Stop,
    Cancel,
    Reply,
    Fail,
    Deadline,
    GoAway,
}

use Verb::{Cancel, Deadline, Fail, Finish, GoAway, Item, LargeItem, Reply as Answer, Stop};

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Says(usize),
    Arrives(usize),
}

const ID: u32 = 1;
const LARGE: usize = 70_000;

/// One run: both sides, what each has left to say, and the frames that are on their way from each.
struct Run {
    pair: Pair,
    scripts: [VecDeque<Verb>; 2],
    flights: [VecDeque<Vec<u8>>; 2],
    /// How often the call has ended for its caller.
    ends: usize,
    ended_well: bool,
    /// The callee has the call.
    begun: bool,
    /// Its handler runs.
    running: bool,
    /// Items that each side has sent, and that each was told of.
    sent: [Vec<usize>; 2],
    told: [Vec<usize>; 2],
    /// The callee was told that the caller's items have ended.
    end_told: bool,
    finished: bool,
}

impl Run {
    fn new(dialer: &[Verb], acceptor: &[Verb]) -> Self {
        let mut pair = Pair::open();
        let deadline = pair.dialer.now.plus_millis(10);
        assert_eq!(pair.dialer.call_as(DUPLEX, b"", Some(deadline), &[]), Ok(ID));
        let mut run = Self {
            pair,
            scripts: [dialer.to_vec().into(), acceptor.to_vec().into()],
            flights: [VecDeque::new(), VecDeque::new()],
            ends: 0,
            ended_well: false,
            begun: false,
            running: false,
            sent: [Vec::new(), Vec::new()],
            told: [Vec::new(), Vec::new()],
            end_told: false,
            finished: false,
        };
        run.settle();
        run
    }

    /// What may happen next. A callee says nothing before it has the call.
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for side in [0, 1] {
            let may_say = |verb: &Verb| side == 0 || self.begun || *verb == GoAway;
            if self.scripts[side].front().is_some_and(may_say) {
                steps.push(Step::Says(side));
            }
            if !self.flights[side].is_empty() {
                steps.push(Step::Arrives(side));
            }
        }
        steps
    }

    fn end(&mut self, side: usize) -> &mut End {
        if side == 0 { &mut self.pair.dialer } else { &mut self.pair.acceptor }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Says(side) => {
                let verb = self.scripts[side].pop_front().unwrap();
                self.say(side, verb);
            }
            Step::Arrives(from) => {
                let frame = self.flights[from].pop_front().unwrap();
                self.end(1 - from).feed(&frame);
            }
        }
        self.settle();
    }

    fn say(&mut self, side: usize, verb: Verb) {
        match verb {
            Item | LargeItem => {
                let len = if verb == Item { self.sent[side].len() } else { LARGE };
                if self.end(side).item(ID, &vec![7; len]).is_ok() {
                    self.sent[side].push(len);
                }
            }
            Finish => {
                self.end(side).finish(ID);
                self.finished |= side == 0;
            }
            Stop => {
                self.pair.acceptor.stop(ID);
            }
            Cancel => {
                // An answered call is only taken.
                let cancelled = self.pair.dialer.cancel(ID) && self.ends == 0;
                self.ends += usize::from(cancelled);
            }
            Answer | Fail => self.answer(if verb == Answer { Code::OK } else { Code::ABORTED }),
            Deadline => self.end(side).advance(20),
            GoAway => self.end(side).machine.close(CloseCode::GRACEFUL, ""),
        }
    }

    fn answer(&mut self, code: Code) {
        if std::mem::take(&mut self.running) {
            self.pair.acceptor.machine.reply(CallId::new(ID), Reply::empty(code, Retry::Unknown));
        }
    }

    /// Acts on what both sides were told and lets them write.
    fn settle(&mut self) {
        for side in [0, 1] {
            self.end(side).feed(&[]);
            for told in self.end(side).news() {
                self.hear(side, told);
            }
            let written = self.end(side).frames();
            for frame in written {
                let wire::Seen { kind, flags, metadata_len, id, arg, body } = frame;
                self.flights[side].push_back(wire::frame(
                    kind,
                    flags,
                    metadata_len,
                    id,
                    arg,
                    &body,
                ));
            }
        }
    }

    fn hear(&mut self, side: usize, told: Told) {
        match (side, told) {
            (1, Told::Stream { id: ID, .. }) => (self.begun, self.running) = (true, true),
            (_, Told::Item { id: ID, message, cost, last }) => {
                self.told[side].push(message.len());
                self.end_told |= last;
                self.end(side).consumed(ID, cost);
            }
            (1, Told::End(ID)) => self.end_told = true,
            (1, Told::Cancelled(ID)) => self.answer(Code::CANCELLED),
            (1, Told::ServedExpired(ID)) => self.answer(Code::DEADLINE_EXCEEDED),
            (0, Told::Response { id: ID, code, .. }) => {
                self.ends += 1;
                self.ended_well = code == Code::OK;
            }
            (0, Told::CallExpired(ID)) => self.ends += 1,
            (_, Told::GoAway(..)) => {
                self.end(side).fail_calls();
                for told in self.end(side).news() {
                    self.hear(side, told);
                }
            }
            (0, Told::Failed(ID, executed)) => {
                assert_eq!(executed, rpc_core::Executed::No);
                self.ends += 1;
            }
            (0, Told::Stopped(ID)) | (_, Told::Writable(ID) | Told::MoreCalls) => {}
            (_, told) => panic!("{side} is told {told:?}"),
        }
    }

    /// Everything arrives and is answered; then nothing is open and nothing was told twice or wrongly.
    fn finish(mut self) {
        while let Some(step) = self.steps().first().copied() {
            self.step(step);
        }
        self.answer(Code::OK);
        self.settle();
        while let Some(step) = self.steps().first().copied() {
            self.step(step);
        }
        assert_eq!(self.ends, 1, "the call ends once");
        self.pair.dialer.take(ID);
        for side in [0, 1] {
            let (sent, told) = (self.sent[side].clone(), self.told[1 - side].clone());
            assert!(sent.starts_with(&told), "{sent:?} became {told:?}");
            let machine = &self.end(side).machine;
            assert_eq!((machine.open_calls(), machine.served_calls()), (0, 0));
            assert!(!machine.has_output());
            assert_eq!(machine.unsent_bytes(), 0);
            assert!(machine.state() != State::Closed);
        }
        if self.end_told {
            assert!(self.finished);
            assert_eq!(self.sent[0], self.told[1], "a clean end is a whole stream");
        }
        if self.ended_well {
            assert_eq!(self.sent[1], self.told[0], "a clean end is a whole stream");
        }
    }
}

/// Runs every order of what can happen; returns how many there are.
fn every_order(dialer: &[Verb], acceptor: &[Verb]) -> usize {
    let mut path: Vec<(usize, usize)> = Vec::new();
    for orders in 1.. {
        let mut run = Run::new(dialer, acceptor);
        let mut depth = 0;
        loop {
            let steps = run.steps();
            if steps.is_empty() {
                break;
            }
            if depth == path.len() {
                path.push((0, steps.len()));
            }
            assert_eq!(path[depth].1, steps.len(), "a run is its script");
            run.step(steps[path[depth].0]);
            depth += 1;
        }
        run.finish();
        // The next path: the last choice that has another.
        while path.last().is_some_and(|(chosen, of)| chosen + 1 == *of) {
            path.pop();
        }
        match path.last_mut() {
            Some((chosen, _)) => *chosen += 1,
            None => return orders,
        }
    }
    0
}

fn scripts(enders: &[Verb], first: &[Verb]) -> Vec<Vec<Verb>> {
    let mut scripts = Vec::new();
    for ender in enders {
        scripts.extend(first.iter().map(|first| vec![*first, *ender]));
    }
    scripts
}

/// Verifies: stream.cut.whole, stream.end.clean, call.cancel.crossing, conn.goaway.finish
#[test]
fn every_crossing_ends_the_call_once_and_tears_no_stream() {
    let mut orders = 0;
    for dialer in scripts(&[Finish, Cancel, Deadline, GoAway], &[Item, Finish]) {
        for acceptor in scripts(&[Answer, Fail, Stop, Finish, Deadline, GoAway], &[Item]) {
            orders += every_order(&dialer, &acceptor);
        }
    }
    assert!(orders > 1_000, "{orders}");
}

/// Verifies: stream.cut.whole, stream.stop.answer
#[test]
fn every_crossing_with_a_large_item_ends_the_call_once() {
    let mut orders = 0;
    for dialer in [Finish, Cancel, Deadline] {
        for acceptor in [Answer, Fail, Stop] {
            orders += every_order(&[LargeItem, dialer], &[acceptor]);
            orders += every_order(&[dialer], &[LargeItem, acceptor]);
        }
    }
    assert!(orders > 1_000, "{orders}");
}

/// Verifies: call.response.once, call.cancel.crossing
#[test]
fn enders_of_both_sides_cross_in_every_order() {
    let mut orders = 0;
    for dialer in [[Cancel, GoAway], [Deadline, Cancel], [GoAway, Cancel], [Finish, Cancel]] {
        for acceptor in [[Answer, GoAway], [GoAway, Answer], [Deadline, Answer], [Stop, Fail]] {
            orders += every_order(&dialer, &acceptor);
        }
    }
    assert!(orders > 100, "{orders}");
}
