//! What the calls of a handler inherit: that they are nested, and until when anybody waits for it.
//!
//! Set around each poll of a handler, on its thread. A task that the handler spawns inherits nothing.

use crate::sync::thread_local;
use std::cell::Cell;
use tokio::time::Instant;

thread_local! {
    static CURRENT: Cell<Option<Scope>> = const { Cell::new(None) };
}

/// The handler that is being polled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub(crate) deadline: Option<Instant>,
}

impl Scope {
    /// The handler that is being polled on this thread, if one is.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.with(Cell::get)
    }

    /// Polls a handler in its scope.
    pub(crate) fn enter<T>(self, poll: impl FnOnce() -> T) -> T {
        let _outer = Outer(CURRENT.with(|current| current.replace(Some(self))));
        poll()
    }
}

/// Puts the scope around back, also when the handler panics.
struct Outer(Option<Scope>);

impl Drop for Outer {
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_ends_with_its_poll_even_by_a_panic() {
        let scope = Scope { deadline: None };
        assert!(Scope::current().is_none());
        scope.enter(|| {
            let inner = Scope { deadline: Some(Instant::now()) };
            let panicked = std::panic::catch_unwind(|| inner.enter(|| panic!("in a handler")));
            assert!(panicked.is_err());
            assert!(Scope::current().is_some_and(|scope| scope.deadline.is_none()));
        });
        assert!(Scope::current().is_none());
    }
}
