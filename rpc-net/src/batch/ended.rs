//! How a call of a crew ended, as it is found out under the lock.

use crate::call::{CANCELLED, Ending, Unopened};
use rpc_core::{Code, Executed};

/// How a call ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// As its slot says.
    Slot(Option<Ending>),
    Unopened(Unopened),
    Cancelled(Executed),
}

impl Ended {
    pub(super) fn ending(self) -> Ending {
        match self {
            Self::Slot(Some(ending)) => ending,
            Self::Slot(None) => Ending::lost(),
            Self::Unopened(why) => why.ending(),
            Self::Cancelled(executed) => Ending::here(Code::CANCELLED, executed, CANCELLED),
        }
    }
}
