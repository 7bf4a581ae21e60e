//! Why a call failed, as its caller sees it: the method's own error, or everything else in one shape.

use super::{Code, Executed, Retry};
use crate::Metadata;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

/// A call that did not return its result.
///
/// `E` is the error type of the method; a method that cannot fail by itself has [`Infallible`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError<E = Infallible> {
    /// The handler ran and answered with the method's own error.
    Declared(E),
    /// Anything else: refused, cancelled, late, lost, undecodable.
    Failed(Box<Failure>),
}

/// The part of a [`CallError`] that is not the method's own error.
///
/// Text that came from the peer is bounded by its limit and printed escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    code: Code,
    message: String,
    executed: Executed,
    retry: Retry,
    app: u16,
    /// Boxed, as the location is, because most failures have neither and every result has their size.
    metadata: Option<Box<Metadata>>,
    method: &'static str,
    peer: Option<SocketAddr>,
    at: Option<Box<Location>>,
}

/// Where in an encoded message decoding stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Offset in bytes from the beginning of the message.
    pub offset: u64,
    /// Path of the field, such as `order.items[3].qty`.
    pub path: String,
}

impl Failure {
    /// A failure of a call of `method`, told in one sentence.
    pub fn new(
        method: &'static str,
        code: Code,
        executed: Executed,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            executed,
            retry: Retry::Unknown,
            app: 0,
            metadata: None,
            method,
            peer: None,
            at: None,
        }
    }

    /// The same failure with what the callee said about trying again.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The same failure with the number that the callee's application gave it.
    #[must_use]
    pub fn with_app(mut self, app: u16) -> Self {
        self.app = app;
        self
    }

    /// The same failure with the metadata that came with it.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = (!metadata.as_wire().is_empty()).then(|| Box::new(metadata));
        self
    }

    /// The same failure with the address of the peer that was called.
    #[must_use]
    pub fn with_peer(mut self, peer: Option<SocketAddr>) -> Self {
        self.peer = peer;
        self
    }

    /// The same failure with the place where decoding stopped.
    #[must_use]
    pub fn with_location(mut self, at: Option<Location>) -> Self {
        self.at = at.map(Box::new);
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What happened, in a sentence for developers.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the handler may have run.
    #[must_use]
    pub const fn executed(&self) -> Executed {
        self.executed
    }

    /// Whether the same call may be sent again without the risk that its handler runs twice.
    #[must_use]
    pub fn is_retry_safe(&self) -> bool {
        self.retry != Retry::Never && (self.retry == Retry::Safe || self.executed == Executed::No)
    }

    /// What the callee said about trying again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        self.retry
    }

    /// A number of the callee's application, see [`Status::with_app`](super::Status::with_app); 0 = none.
    #[must_use]
    pub const fn app(&self) -> u16 {
        self.app
    }

    /// The metadata that came with the answer; empty if this side gave the call up.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        static NONE: Metadata = Metadata::new();
        self.metadata.as_deref().unwrap_or(&NONE)
    }

    /// `"Service/method"` of the call.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// The address of the peer that was called, when the transport has addresses.
    #[must_use]
    pub const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Where decoding stopped, when the failure is one of decoding.
    #[must_use]
    pub fn location(&self) -> Option<&Location> {
        self.at.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.method)?;
        if let Some(peer) = self.peer {
            write!(f, " at {peer}")?;
        }
        write!(f, ": {}: {}", self.code, self.message.escape_debug())?;
        if let Some(at) = &self.at {
            write!(f, " (at byte {} of the message, in {})", at.offset, at.path.escape_debug())?;
        }
        write!(f, "; {}", self.executed)
    }
}

impl<E> CallError<E> {
    /// What kind of failure it is: [`Code::DECLARED`] for the method's own error.
    #[must_use]
    pub fn code(&self) -> Code {
        self.failure().map_or(Code::DECLARED, Failure::code)
    }

    /// The failure, unless it is the method's own error.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Declared(_) => None,
            Self::Failed(failure) => Some(failure),
        }
    }

    /// What happened, in a sentence for developers; empty for the method's own error, which says it itself.
    #[must_use]
    pub fn message(&self) -> &str {
        self.failure().map_or("", Failure::message)
    }

    /// The method's own error, if it is that.
    #[must_use]
    pub fn declared(&self) -> Option<&E> {
        match self {
            Self::Declared(error) => Some(error),
            Self::Failed(_) => None,
        }
    }

    /// Whether the handler may have run. A declared error comes from a handler, so it may.
    #[must_use]
    pub fn executed(&self) -> Executed {
        self.failure().map_or(Executed::Maybe, Failure::executed)
    }

    /// Whether the same call may be sent again without the risk that its handler runs twice.
    #[must_use]
    pub fn is_retry_safe(&self) -> bool {
        self.failure().is_some_and(Failure::is_retry_safe)
    }
}

impl<E> From<Failure> for CallError<E> {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl<E: fmt::Debug> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declared(error) => write!(f, "{error:?}"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declared(error) => f.debug_tuple("Declared").field(error).finish(),
            Self::Failed(failure) => write!(f, "Failed({failure})"),
        }
    }
}

impl<E: fmt::Debug> Error for CallError<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(executed: Executed, retry: Retry) -> Failure {
        Failure::new("Calc/add", Code::UNAVAILABLE, executed, "gone").with_retry(retry)
    }

    #[test]
    fn a_retry_is_safe_only_if_the_handler_cannot_have_run() {
        assert!(failure(Executed::No, Retry::Unknown).is_retry_safe());
        assert!(failure(Executed::Maybe, Retry::Safe).is_retry_safe());
        assert!(!failure(Executed::Maybe, Retry::Unknown).is_retry_safe());
        assert!(!failure(Executed::No, Retry::Never).is_retry_safe());
        assert!(!CallError::Declared(()).is_retry_safe());
    }

    #[test]
    fn the_text_of_a_peer_is_escaped() {
        let failure = Failure::new("Calc/add", Code::INTERNAL, Executed::Maybe, "a\u{1b}[31m\nb")
            .with_peer(Some(([127, 0, 0, 1], 7).into()))
            .with_location(Some(Location { offset: 9, path: "b".into() }));
        assert_eq!(
            failure.to_string(),
            "Calc/add at 127.0.0.1:7: INTERNAL: a\\u{1b}[31m\\nb (at byte 9 of the message, in b); the handler may have run"
        );
    }

    #[test]
    fn the_error_stays_small_enough_to_return() {
        assert!(size_of::<CallError<Infallible>>() <= 16);
    }
}
