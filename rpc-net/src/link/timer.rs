//! The clock of one connection.

use super::Link;
use crate::sync::{Sleep, sleep_until};
use rpc_core::Time;
use std::future::Future;
use std::pin::Pin;
use std::task::Context;

/// The one timer of a connection. It may fire early; it never fires late.
#[derive(Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Whether `at` may have come. Arms the timer if it has not.
    pub(super) fn poll(&mut self, link: &Link, at: Option<Time>, cx: &mut Context<'_>) -> bool {
        let Some(at) = at else { return false };
        let at = link.instant(at);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.is_elapsed() || sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx).is_ready()
    }
}
