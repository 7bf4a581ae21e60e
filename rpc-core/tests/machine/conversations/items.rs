//! The application's side of the items of one call: what came, what waits to be sent, what is wanted.

use super::iut::Iut;
use crate::calc;
use rpc_core::connection::ItemRefusal;
use rpc_core::{CallId, Payload};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// The items of one call, in both directions.
#[derive(Default)]
pub(super) struct Lane {
    /// Came and not taken, with what each costs.
    came: VecDeque<(Vec<u8>, u32)>,
    ended: bool,
    /// Given by the application and not sent; whether it is the last one.
    unsent: VecDeque<(Vec<u8>, bool)>,
    finishes: bool,
    refused: usize,
    stopped: bool,
}

impl Lane {
    pub(super) fn told(&self) -> Value {
        json!({
            "waiting": self.came.len(), "ended": self.ended, "unsent": self.unsent.len(),
            "refused": self.refused, "stopped": self.stopped,
        })
    }

    pub(super) fn came(&mut self, item: &[u8], cost: u32) {
        self.came.push_back((item.to_vec(), cost));
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Nobody wants items of the application any more.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
        self.finishes = false;
        self.unsent.clear();
    }

    pub(super) fn push(&mut self, item: Vec<u8>, last: bool) {
        if !self.stopped && !self.finishes {
            self.unsent.push_back((item, last));
        }
    }

    pub(super) fn finish(&mut self) {
        self.finishes = !self.stopped;
    }

    pub(super) fn is_sent(&self) -> bool {
        self.unsent.is_empty()
    }
}

impl Iut {
    /// Items of the application leave as far as the machine takes them, and the end behind them.
    pub(super) fn flush(&mut self, who: &str, id: CallId) {
        let lane = self.lanes.get_mut(who).unwrap();
        while let Some((item, last)) = lane.unsent.front() {
            match self.machine.item(id, &mut Payload::from(item.clone()), *last) {
                Ok(()) => {}
                Err(ItemRefusal::Wait) => return,
                Err(ItemRefusal::TooLarge { .. }) => lane.refused += 1,
                Err(ItemRefusal::Stopped) => {
                    lane.unsent.clear();
                    return;
                }
            }
            lane.unsent.pop_front();
        }
        if std::mem::take(&mut lane.finishes) {
            self.machine.finish(id);
        }
    }

    /// The verbs of items: `verb` says what happens on the call `id`.
    pub(super) fn item_verb(&mut self, who: &str, id: CallId, method: &str, verb: &Value) {
        if !verb["item"].is_null() {
            let item = calc::encode_item(method, &verb["item"]);
            self.lanes.get_mut(who).unwrap().push(item, verb["last"] == true);
            self.flush(who, id);
        } else if verb["finish"].is_string() || verb["finish"] == true {
            self.lanes.get_mut(who).unwrap().finish();
            self.flush(who, id);
        } else if verb["stop"] == true {
            assert!(self.machine.stop(id));
            self.lanes.get_mut(who).unwrap().came.clear();
        } else if let Some(items) = verb["items"].as_array().or_else(|| verb["take"].as_array()) {
            for expected in items {
                let taken = self.lanes.get_mut(who).unwrap().came.pop_front();
                let (item, cost) = taken.expect("an item has come");
                assert_eq!(calc::decode_item(method, &item), Some(calc::spelled(expected)));
                self.machine.consumed(id, cost);
            }
        } else {
            self.machine.starving(id);
        }
    }

    /// An item has come on a call. A handler that works by itself takes it at once.
    pub(super) fn on_item(&mut self, id: CallId, item: &[u8], cost: u32, last: bool) {
        let who = self.who(id);
        let Some(stream) = self.handlers.get_mut(&id).and_then(|handler| handler.stream.as_mut())
        else {
            self.lanes.get_mut(&who).unwrap().came(item, cost);
            return;
        };
        if stream.is_by_hand() {
            self.lanes.get_mut(&who).unwrap().came(item, cost);
        } else {
            self.machine.consumed(id, cost);
            match stream.on_item(item) {
                Ok(Some(answer)) => self.lanes.get_mut(&who).unwrap().push(answer, false),
                Ok(None) => {}
                Err(error) => {
                    self.handlers.remove(&id);
                    self.machine.reply(id, calc::undecodable(&error, rpc_core::Retry::Unknown));
                    return;
                }
            }
        }
        if last {
            self.on_end(id);
        } else {
            self.go_on(id);
        }
    }

    /// The caller's items have ended.
    pub(super) fn on_end(&mut self, id: CallId) {
        let who = self.who(id);
        self.lanes.get_mut(&who).unwrap().end();
        if let Some(handler) = self.handlers.get_mut(&id) {
            handler.answer = handler.answer.take().or_else(|| handler.stream.as_ref()?.at_end());
        }
        self.go_on(id);
    }

    /// Items leave, and the answer when all have left.
    pub(super) fn go_on(&mut self, id: CallId) {
        let who = self.who(id);
        self.flush(&who, id);
        if !self.lanes[&who].is_sent() {
            return;
        }
        if let Some(reply) = self.handlers.get_mut(&id).and_then(|handler| handler.answer.take()) {
            self.handlers.remove(&id);
            self.machine.reply(id, reply);
        }
    }
}
