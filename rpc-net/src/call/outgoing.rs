//! A call on its way out: everything that is needed to send it, once or again.

use rpc_core::archive::{EncodeError, EncodeErrorKind};
use rpc_core::{Code, Executed, Metadata, Method, Payload};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

use super::Ending;
use crate::scope::Scope;
use crate::stream::{Inflow, Pump, Source};
use crate::sync;

/// Longest time that a call may be given.
const TIMEOUT_MS_MAX: u32 = 24 * 60 * 60 * 1000;

/// A call that is not sent yet: what is called, with which arguments, beside which metadata, for how long.
#[derive(Debug)]
pub struct Outgoing {
    pub(crate) method: &'static Method,
    /// What this side means by the method's types. Found out here, for it may run the user's code.
    pub(crate) signature: u64,
    pub(crate) payload: Payload,
    pub(crate) metadata: Metadata,
    pub(crate) timeout_ms: Option<u32>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) kind: Kind,
}

/// What sends the items of a call's own stream. Boxed so that calls without one stay small.
pub(crate) type Sending = Option<Box<Pump<Box<dyn Source>>>>;

/// What goes to and fro in a call.
pub(crate) enum Kind {
    /// One message, one answer.
    Unary,
    /// One message, no answer.
    OneWay,
    /// Items, in one direction or in both, beside the message and the answer. They can be sent and
    /// received once.
    Streams { pump: Sending, inflow: Option<Arc<Inflow>> },
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unary => "Unary",
            Self::OneWay => "OneWay",
            Self::Streams { .. } => "Streams",
        })
    }
}

impl Outgoing {
    pub(crate) fn new(
        method: &'static Method,
        payload: Payload,
        timeout_ms: Option<u32>,
        kind: Kind,
    ) -> Self {
        Self {
            method,
            signature: method.signature().hash(),
            payload,
            metadata: Metadata::new(),
            timeout_ms,
            deadline: None,
            kind,
        }
    }

    /// The same call, to be sent another time. `None` for a call with streams: their items pass once.
    #[must_use]
    pub fn again(&self) -> Option<Self> {
        let kind = match &self.kind {
            Kind::Unary => Kind::Unary,
            Kind::OneWay => Kind::OneWay,
            Kind::Streams { .. } => return None,
        };
        Some(Self {
            kind,
            method: self.method,
            signature: self.signature,
            payload: self.payload.clone(),
            metadata: self.metadata.clone(),
            timeout_ms: self.timeout_ms,
            deadline: self.deadline,
        })
    }

    /// The call, taken out; what stays is empty.
    pub(crate) fn take(&mut self) -> Self {
        let empty = Self::new(self.method, Payload::default(), None, Kind::Unary);
        std::mem::replace(self, empty)
    }

    /// What is called.
    #[must_use]
    pub const fn method(&self) -> &'static Method {
        self.method
    }

    /// Bytes of the encoded arguments.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.payload.len()
    }

    /// Whether nothing answers it: it ends well when it was written to the connection.
    #[must_use]
    pub const fn is_oneway(&self) -> bool {
        matches!(self.kind, Kind::OneWay)
    }

    /// Whether one message goes and one answer comes.
    pub(crate) const fn is_unary(&self) -> bool {
        matches!(self.kind, Kind::Unary)
    }

    /// Whether items go with it, in one direction or in both.
    #[must_use]
    pub const fn has_streams(&self) -> bool {
        matches!(self.kind, Kind::Streams { .. })
    }

    /// What travels beside the arguments.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What travels beside the arguments, to be added to.
    #[must_use]
    pub const fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// How long the call may take, counted from when it is first polled. `None` = no limit of its own.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(|ms| Duration::from_millis(ms.into()))
    }

    /// Sets how long the call may take, rounded up to a millisecond and clamped to 24 hours.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout_ms = Some(timeout_ms(timeout));
    }

    /// When the call ends at the latest, once that is fixed: it counts from the first poll, however often
    /// the call is sent.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Fixes the deadline now: the earliest of its own, of one that is fixed already, and of the handler
    /// that makes the call.
    pub(crate) fn fix_deadline(&mut self, scope: Option<Scope>) {
        // One more, because a connection counts in whole milliseconds and must not be early.
        let ms = self.timeout_ms.take().map(|ms| u64::from(ms) + 1);
        let own = ms.and_then(|ms| sync::now().checked_add(Duration::from_millis(ms)));
        let inherited = scope.and_then(|scope| scope.deadline);
        self.deadline = [self.deadline, own, inherited].into_iter().flatten().min();
    }
}

/// A limit in whole milliseconds, never shorter than what was asked for unless by the clamp.
pub(crate) fn timeout_ms(timeout: Duration) -> u32 {
    let ms = timeout.as_nanos().div_ceil(1_000_000);
    u32::try_from(ms).unwrap_or(TIMEOUT_MS_MAX).min(TIMEOUT_MS_MAX)
}

/// The end of a call whose arguments have no encoding.
pub(crate) fn unencodable(error: &EncodeError) -> Ending {
    let code = match error.kind() {
        EncodeErrorKind::TooLarge => Code::RESOURCE_EXHAUSTED,
        _ => Code::INVALID_ARGUMENT,
    };
    Ending::here(code, Executed::No, format!("the arguments cannot be encoded: {error}"))
}
