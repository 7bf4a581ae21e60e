//! What is still to be said, one line after the other, and the goodbye behind the last.

use crate::rooms::wire::{ChatClient, Refusal};
use hton::{Call, CallError};
use std::collections::VecDeque;
use std::future::pending;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Lines that wait, and the call that says the first of them.
#[derive(Default)]
pub(crate) struct Outbox {
    lines: VecDeque<String>,
    /// The number of the last line that was put in.
    number: u64,
    call: Option<Call<(), Refusal>>,
    /// Nothing is said before the next join.
    is_paused: bool,
    leaving: Option<Leave>,
}

struct Leave {
    /// The room to go to; `None` = quit.
    to: Option<String>,
    until: Instant,
    is_asked: bool,
}

impl Outbox {
    pub(crate) fn say(&mut self, text: String) {
        self.lines.push_back(text);
        self.number += 1;
    }

    /// Leaves when all is said, for another room or for good.
    pub(crate) fn leave(&mut self, to: Option<String>, limit: Duration) {
        self.leaving = Some(Leave { to, until: Instant::now() + limit, is_asked: false });
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    pub(crate) fn destination_is_none(&self) -> bool {
        self.leaving.as_ref().is_some_and(|leave| leave.to.is_none())
    }

    /// Where to go, now that the room is left.
    pub(crate) fn destination(&mut self) -> Option<String> {
        self.leaving.take().and_then(|leave| leave.to)
    }

    /// Until the next join whatever is not answered counts as not said.
    pub(crate) fn pause(&mut self) {
        self.is_paused = true;
        self.call = None;
        if let Some(leave) = &mut self.leaving {
            leave.is_asked = false;
        }
    }

    pub(crate) fn resume(&mut self) {
        self.is_paused = false;
    }

    pub(crate) const fn is_busy(&self) -> bool {
        self.call.is_some()
    }

    /// Whether all is said.
    pub(crate) fn is_idle(&self) -> bool {
        self.lines.is_empty() && self.call.is_none()
    }

    /// How many lines nobody has acknowledged.
    pub(crate) fn unsaid(&self) -> Option<usize> {
        Some(self.lines.len()).filter(|lines| *lines > 0)
    }

    /// Begins what comes next, if nothing is on its way.
    pub(crate) fn go_on(&mut self, chat: &ChatClient, room: &str) {
        if self.is_paused || self.call.is_some() {
            return;
        }
        if let Some(text) = self.lines.front() {
            let number = self.number + 1 - self.lines.len() as u64;
            self.call = Some(chat.say(room.to_owned(), number, text.clone()));
        } else if let Some(leave) = self.leaving.as_mut().filter(|leave| !leave.is_asked) {
            leave.is_asked = true;
            self.call = Some(chat.leave(room.to_owned()));
        }
    }

    /// What came of the call that is on its way. Nothing is lost if it is dropped.
    pub(crate) async fn done(&mut self) -> Result<(), CallError<Refusal>> {
        let Some(call) = &mut self.call else { return pending().await };
        let done = call.await;
        self.call = None;
        done
    }

    /// The first line is said.
    pub(crate) fn said(&mut self) {
        self.lines.pop_front();
    }

    /// Ready when it has taken too long to leave.
    pub(crate) fn overdue(&self) -> impl Future<Output = ()> + use<> {
        let until = self.leaving.as_ref().map(|leave| leave.until);
        async move {
            match until {
                Some(until) => sleep_until(until).await,
                None => pending().await,
            }
        }
    }
}
