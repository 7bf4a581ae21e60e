//! Polls a call within a runtime, wherever it is polled.

use super::Ending;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

/// A call that has timers, though the thread that polls it may have no runtime.
pub(crate) struct Within<F> {
    runtime: Option<Handle>,
    call: Pin<Box<F>>,
}

impl<F: Future<Output = Ending>> Within<F> {
    pub(crate) fn new(runtime: Option<Handle>, call: F) -> Self {
        Self { runtime, call: Box::pin(call) }
    }
}

impl<F: Future<Output = Ending>> Future for Within<F> {
    type Output = Ending;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending> {
        let this = &mut *self;
        let runtime = this.runtime.as_ref().filter(|_| Handle::try_current().is_err());
        let _entered = runtime.map(Handle::enter);
        this.call.as_mut().poll(cx)
    }
}
