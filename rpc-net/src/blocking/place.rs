//! Whether the thread at hand may block, and how.

use crate::scope::Scope;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::{Context, Waker};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::coop::poll_proceed;

/// More than tokio lets a task do before it must come back: 128 operations.
const MORE_THAN_A_BUDGET: usize = 512;

const IN_HANDLER: &str = "a handler must not block: in an async function write `.await` instead, or \
    use `spawn_blocking`";
const IN_ASYNC: &str = "this would block the thread that runs the connection: inside an async function \
    write `.await` instead, or use `spawn_blocking`";
const IN_LOCAL_SET: &str = "the tasks of a `LocalSet` must not block: inside an async function write \
    `.await` instead, or use `spawn_blocking`";

/// How a thread may block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// No runtime needs the thread.
    Free,
    /// The thread belongs to a runtime with other threads, which must be told.
    Worker,
}

impl Place {
    /// How this thread may block now, or why it must not.
    pub(super) fn here() -> Result<Self, &'static str> {
        if Scope::current().is_some() {
            return Err(IN_HANDLER);
        }
        match Handle::try_current().map(|handle| handle.runtime_flavor()) {
            Err(_) => Ok(Self::Free),
            Ok(RuntimeFlavor::MultiThread) => Ok(Self::Worker),
            // Its own thread, or one of `spawn_blocking`: the runtime is entered in both.
            Ok(_) if is_polled() => Err(IN_ASYNC),
            Ok(_) => Ok(Self::Free),
        }
    }

    /// Blocks in `block`, or says why that must not be.
    pub(super) fn block<R>(self, block: impl FnOnce() -> R) -> Result<R, &'static str> {
        if self == Self::Free {
            return Ok(block());
        }
        let mut begun = false;
        let blocked = catch_unwind(AssertUnwindSafe(|| {
            tokio::task::block_in_place(|| {
                begun = true;
                block()
            })
        }));
        match blocked {
            Ok(blocked) => Ok(blocked),
            Err(panic) if begun => resume_unwind(panic),
            Err(_) => Err(IN_LOCAL_SET),
        }
    }
}

/// Whether this thread is inside of a poll by a tokio runtime. What is polled by one has a budget of
/// operations, and nothing else has; a task that is `unconstrained` cannot be told from a thread.
///
/// It uses the budget up: the task comes back to the runtime sooner than it otherwise would.
fn is_polled() -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    let mut proceed = || poll_proceed(&mut cx).map(|turn| turn.made_progress());
    (0..MORE_THAN_A_BUDGET).any(|_| proceed().is_pending())
}
