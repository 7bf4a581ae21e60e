//! What a thread that waits asks of a call, or of calls that are awaited together.

use crate::call::Inner;
use crate::link::Link;
use rpc_core::Code;
use std::time::Duration;

/// One call, or several, without their types.
pub(crate) trait Awaited {
    /// Whether it was polled before, or need not be sent.
    fn is_sent(&mut self) -> bool;

    /// How long it may take, while it was not polled.
    fn timeout(&mut self) -> Option<Duration>;

    /// Whether it needs a runtime to begin, because what is to carry it has none yet.
    fn needs_runtime(&self) -> bool;

    /// Whether it was told how it ended.
    fn has_ended(&self) -> bool;

    /// The connection that carries it, when one alone does.
    fn link(&self) -> Option<&Link>;

    /// The next poll tells that it was cancelled.
    fn cancel(&mut self);

    /// The next poll tells this end, even if it was told another before.
    fn end(&mut self, code: Code, text: &str);
}

impl Awaited for Inner {
    fn is_sent(&mut self) -> bool {
        self.outgoing().is_none()
    }

    fn timeout(&mut self) -> Option<Duration> {
        self.outgoing().and_then(|call| call.timeout())
    }

    fn needs_runtime(&self) -> bool {
        Self::needs_runtime(self)
    }

    fn has_ended(&self) -> bool {
        Self::has_ended(self)
    }

    fn link(&self) -> Option<&Link> {
        Self::link(self)
    }

    fn cancel(&mut self) {
        self.handle().cancel();
    }

    fn end(&mut self, code: Code, text: &str) {
        Self::end(self, code, text);
    }
}
