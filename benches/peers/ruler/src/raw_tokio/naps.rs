//! Frames that go out later: W8's slow calls. All sleep equally long, so they wake in their order.

use harness::data::NAP;
use std::collections::VecDeque;
use tokio::time::Instant;

#[derive(Default)]
pub(super) struct Naps {
    frames: VecDeque<(Instant, Vec<u8>)>,
}

impl Naps {
    pub(super) fn add(&mut self, frame: Vec<u8>) {
        self.frames.push_back((Instant::now() + NAP, frame));
    }

    /// When the first one wakes.
    pub(super) fn next(&self) -> Option<Instant> {
        self.frames.front().map(|(at, _)| *at)
    }

    /// One that has slept long enough.
    pub(super) fn wake(&mut self) -> Option<Vec<u8>> {
        let now = Instant::now();
        self.frames.pop_front_if(|(at, _)| *at <= now).map(|(_, frame)| frame)
    }
}
