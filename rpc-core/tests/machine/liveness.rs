//! Streams between two applications that wait only where they are told to: nothing is left waiting for ever.

use crate::pair::{DOWNLOAD, DUPLEX, End, Told, UPLOAD, limits};
use proptest::collection::vec;
use proptest::prelude::*;
use rpc_core::connection::{ItemRefusal, Shape};
use rpc_core::{Limits, Side};
use std::collections::{BTreeMap, VecDeque};

/// What an application does with one stream at one of its ends.
#[derive(Debug, Default)]
struct Stream {
    is_caller: bool,
    to_send: VecDeque<usize>,
    sent: Vec<usize>,
    is_blocked: bool,
    is_finished: bool,
    has_replied: bool,
    came: Vec<usize>,
    unconsumed: VecDeque<u32>,
    is_over: bool,
}

struct App {
    end: End,
    streams: BTreeMap<u32, Stream>,
    pipe: Vec<u8>,
    /// What callees send, one after the other.
    answers: Vec<Vec<usize>>,
}

impl App {
    fn book(&mut self) {
        for told in self.end.news() {
            match told {
                Told::Opened | Told::MoreCalls => {}
                Told::Stream { id, message, ended } => {
                    let to_send = match message.first() {
                        Some(0) => VecDeque::new(),
                        _ => self.answers.pop().unwrap_or_default().into(),
                    };
                    let stream = Stream { to_send, is_over: ended, ..Stream::default() };
                    self.streams.insert(id, stream);
                }
                Told::Item { id, message, cost, last } => {
                    let stream = self.streams.get_mut(&id).unwrap();
                    stream.came.push(message.len());
                    stream.unconsumed.push_back(cost);
                    stream.is_over |= last && !stream.is_caller;
                }
                Told::End(id) => self.streams.get_mut(&id).unwrap().is_over = true,
                Told::Writable(id) => self.streams.get_mut(&id).unwrap().is_blocked = false,
                Told::Response { id, .. } => {
                    self.streams.get_mut(&id).unwrap().is_over = true;
                    self.end.take(id);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// One step of one stream.
    fn step(&mut self, id: u32, eager: bool) -> bool {
        let stream = self.streams.get_mut(&id).unwrap();
        let mut moved = false;
        if let Some(cost) = stream.unconsumed.front().copied().filter(|_| eager) {
            stream.unconsumed.pop_front();
            self.end.consumed(id, cost);
            moved = true;
        }
        if stream.unconsumed.is_empty() && !stream.is_over {
            self.end.starving(id);
        }
        if let (Some(len), false) = (stream.to_send.front().copied(), stream.is_blocked) {
            match self.end.item(id, &vec![7; len]) {
                Ok(()) => {
                    stream.sent.extend(stream.to_send.pop_front());
                    moved = true;
                }
                Err(ItemRefusal::Wait) => stream.is_blocked = true,
                Err(refusal) => panic!("{refusal} {len}"),
            }
        }
        if stream.to_send.is_empty() && !stream.is_blocked && !stream.is_finished {
            stream.is_finished = true;
            moved = true;
            if stream.is_caller {
                self.end.finish(id);
            }
        }
        let may_reply = !stream.is_caller && stream.is_finished && stream.is_over;
        if may_reply && stream.unconsumed.is_empty() && !stream.has_replied {
            stream.has_replied = true;
            moved = true;
            self.end.reply(id, b"");
        }
        moved
    }
}

fn carry(apps: &mut [App; 2], from: usize, bytes: usize) -> bool {
    let mut written = std::mem::take(&mut apps[from].pipe);
    if written.len() < bytes {
        apps[from].end.batch(&mut written);
        apps[from].end.feed(&[]);
    }
    let rest = written.split_off(bytes.min(written.len()));
    apps[from].pipe = rest;
    let there = &mut apps[1 - from];
    there.end.feed(&written);
    for app in apps.iter_mut() {
        app.book();
    }
    !written.is_empty()
}

#[derive(Clone, Debug)]
struct NewStream {
    caller: usize,
    shape: Shape,
    args_len: usize,
    items: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Plan {
    limits: [Limits; 2],
    calls: Vec<NewStream>,
    answers: [Vec<Vec<usize>>; 2],
    steps: Vec<(usize, usize, usize)>,
}

fn sizes() -> impl Strategy<Value = Limits> {
    let frame = prop_oneof![Just(65_536_u32), 65_536..70_000_u32, Just(200_000), Just(1 << 20)];
    let window = prop_oneof![Just(262_144_u32), 262_144..300_000_u32, Just(1 << 20)];
    let buffer = prop_oneof![Just(1_usize), Just(100), Just(70_000), Just(16 << 20)];
    (frame, window, buffer).prop_map(|(frame, window, buffer)| {
        limits(|limits| {
            limits.frame_bytes = frame;
            limits.window_bytes = window;
            limits.send_buffer_bytes = buffer;
            limits.hello_ms = u64::MAX;
            limits.keepalive_after_ms = u64::MAX;
        })
    })
}

fn items() -> impl Strategy<Value = Vec<usize>> {
    let len = prop_oneof![
        4 => 0..30_usize,
        2 => 65_500..65_540_usize,
        2 => 130_000..132_000_usize,
        3 => 200_000..262_060_usize,
        1 => Just(262_060),
    ];
    vec(len, 0..8)
}

fn new_stream() -> impl Strategy<Value = NewStream> {
    let shape = prop_oneof![Just(UPLOAD), Just(DOWNLOAD), Just(DUPLEX)];
    let args_len = prop_oneof![4 => 1..20_usize, 1 => 65_000..200_000_usize];
    (0..2_usize, shape, args_len, items()).prop_map(|(caller, shape, args_len, items)| {
        let items = if shape == DOWNLOAD { Vec::new() } else { items };
        NewStream { caller, shape, args_len, items }
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let calls = vec(new_stream(), 1..5);
    let steps = vec((0..5_usize, any::<usize>(), 0..200_000_usize), 0..120);
    let answers = || vec(items(), 0..5);
    ([sizes(), sizes()], calls, [answers(), answers()], steps)
        .prop_map(|(limits, calls, answers, steps)| Plan { limits, calls, answers, steps })
}

fn run(plan: Plan) {
    let mut answers = plan.answers.into_iter();
    let [dialer, acceptor] = plan.limits;
    let mut apps = [(Side::Dialer, dialer), (Side::Acceptor, acceptor)].map(|(side, limits)| App {
        end: End::new(side, limits),
        streams: BTreeMap::new(),
        pipe: Vec::new(),
        answers: answers.next().unwrap(),
    });
    let mut calls = VecDeque::from(plan.calls);
    let mut sent = Vec::new();
    for (what, which, bytes) in plan.steps {
        match what {
            0 => open(&mut apps, &mut calls, &mut sent),
            1 | 2 => {
                let app = &mut apps[what - 1];
                let ids: Vec<u32> = app.streams.keys().copied().collect();
                if let Some(id) = ids.get(which % ids.len().max(1)) {
                    app.step(*id, which % 3 == 0);
                }
            }
            from => {
                carry(&mut apps, from - 3, bytes);
            }
        }
    }
    loop {
        open(&mut apps, &mut calls, &mut sent);
        let mut moved = false;
        for from in [0, 1] {
            moved |= carry(&mut apps, from, usize::MAX);
            let ids: Vec<u32> = apps[from].streams.keys().copied().collect();
            for id in ids {
                moved |= apps[from].step(id, true);
            }
        }
        if !moved {
            break;
        }
    }
    assert!(calls.is_empty(), "a call was never opened: {calls:?}");
    for app in &apps {
        for (id, stream) in &app.streams {
            assert!(stream.to_send.is_empty() && stream.is_over, "{id} is stuck: {stream:?}");
        }
        assert_eq!((app.end.machine.open_calls(), app.end.machine.served_calls()), (0, 0));
        assert_eq!(app.end.machine.unsent_bytes(), 0);
    }
    for (caller, id, items) in sent {
        assert_eq!(apps[1 - caller].streams[&id].came, items);
        assert_eq!(apps[caller].streams[&id].came, apps[1 - caller].streams[&id].sent);
    }
}

/// Opens the next call, if it is accepted now.
fn open(
    apps: &mut [App; 2],
    calls: &mut VecDeque<NewStream>,
    sent: &mut Vec<(usize, u32, Vec<usize>)>,
) {
    let Some(NewStream { caller, shape, args_len, items }) = calls.front().cloned() else { return };
    let app = &mut apps[caller];
    // The arguments tell whether the callee sends items.
    let Ok(id) = app.end.stream(shape, &vec![u8::from(shape != UPLOAD); args_len]) else { return };
    calls.pop_front();
    let stream = Stream {
        is_caller: true,
        to_send: items.clone().into(),
        is_finished: shape == DOWNLOAD,
        ..Stream::default()
    };
    app.streams.insert(id, stream);
    sent.push((caller, id, items));
}

proptest! {
    // Verifies: stream.credit.partial, stream.credit.starving, stream.credit.hello
    #[test]
    fn every_item_arrives_whatever_the_windows_and_frames(plan in plan()) {
        run(plan);
    }
}
