//! How a handler ends a call with a code instead of a result.

use super::{CallError, Code, Failure, Retry};
use std::convert::Infallible;
use std::error::Error;
use std::fmt;

/// An error that a handler returns where its method has no error type of its own, or one more way to end:
/// a code such as [`Code::NOT_FOUND`], and a sentence for developers.
///
/// The caller gets it as a [`Failure`] with the same code, text and [`app`](Failure::app). Unless
/// [`with_retry`](Self::with_retry) says that nothing was done, it counts as executed.
///
/// ```
/// use rpc_core::{Code, Status};
///
/// let status = Status::not_found("no order 7").with_app(404);
/// assert_eq!(status.code(), Code::NOT_FOUND);
/// assert_eq!(status.to_string(), "NOT_FOUND: no order 7");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    code: Code,
    retry: Retry,
    app: u16,
    message: String,
}

macro_rules! constructors {
    ($($name:ident = $code:ident;)*) => {
        /// One constructor for each code; what the codes mean is said at [`Code`].
        impl Status {$(
            #[doc = concat!("A status with the code [`Code::", stringify!($code), "`].")]
            #[must_use]
            pub fn $name(message: impl Into<String>) -> Self {
                Self::new(Code::$code, message)
            }
        )*}
    };
}

constructors! {
    cancelled = CANCELLED;
    unknown = UNKNOWN;
    invalid_argument = INVALID_ARGUMENT;
    deadline_exceeded = DEADLINE_EXCEEDED;
    not_found = NOT_FOUND;
    already_exists = ALREADY_EXISTS;
    permission_denied = PERMISSION_DENIED;
    resource_exhausted = RESOURCE_EXHAUSTED;
    failed_precondition = FAILED_PRECONDITION;
    aborted = ABORTED;
    out_of_range = OUT_OF_RANGE;
    unimplemented = UNIMPLEMENTED;
    internal = INTERNAL;
    unavailable = UNAVAILABLE;
    data_loss = DATA_LOSS;
    unauthenticated = UNAUTHENTICATED;
}

impl Status {
    /// A status with this code, told in one sentence for developers.
    ///
    /// [`Code::OK`] and [`Code::DECLARED`] say that there is a value, which a status has not: they become
    /// [`Code::UNKNOWN`].
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let code = match code {
            Code::OK | Code::DECLARED => Code::UNKNOWN,
            code => code,
        };
        Self { code, retry: Retry::Unknown, app: 0, message: message.into() }
    }

    /// The same status that says whether the caller may try again. [`Retry::Safe`] promises that the
    /// handler has done nothing. [`Retry::Never`] does not travel beside [`Code::UNIMPLEMENTED`]: together
    /// they would say that there is no such method.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The same status with a number of the application's; 0 = none.
    #[must_use]
    pub fn with_app(mut self, app: u16) -> Self {
        self.app = app;
        self
    }

    /// What kind of error it is.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What happened, in a sentence for developers.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The sentence, taken out.
    #[must_use]
    pub fn into_message(self) -> String {
        self.message
    }

    /// What the caller may know about trying again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        self.retry
    }

    /// A number of the application's; 0 = none.
    #[must_use]
    pub const fn app(&self) -> u16 {
        self.app
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message.escape_debug())
    }
}

impl Error for Status {}

/// Passes a failed call on to the handler's own caller: same code, same number, and which method it was.
/// Whether the handler itself has done something is not known, so nothing is said about trying again.
impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let mut message = format!("{}: {}", failure.method(), failure.message());
        if let Some(at) = failure.location() {
            message.push_str(&format!(" (at byte {} of the message, in {})", at.offset, at.path));
        }
        Self::new(failure.code(), message).with_app(failure.app())
    }
}

/// As from a [`Failure`].
impl From<CallError<Infallible>> for Status {
    fn from(error: CallError<Infallible>) -> Self {
        match error {
            CallError::Failed(failure) => (*failure).into(),
            CallError::Declared(never) => match never {},
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Executed;
    use super::*;

    #[test]
    fn a_status_never_claims_a_value() {
        assert_eq!(Status::new(Code::OK, "").code(), Code::UNKNOWN);
        assert_eq!(Status::new(Code::DECLARED, "").code(), Code::UNKNOWN);
        assert_eq!(Status::new(Code::SCHEMA_MISMATCH, "").code(), Code::SCHEMA_MISMATCH);
    }

    #[test]
    fn a_failed_call_is_passed_on_without_a_promise_about_this_handler() {
        let failure = Failure::new("Shop/order", Code::NOT_FOUND, Executed::No, "no order 7")
            .with_retry(Retry::Safe)
            .with_app(9);
        let status = Status::from(CallError::<Infallible>::from(failure));
        assert_eq!(
            (status.code(), status.retry(), status.app()),
            (Code::NOT_FOUND, Retry::Unknown, 9)
        );
        assert_eq!(status.message(), "Shop/order: no order 7");
    }
}
