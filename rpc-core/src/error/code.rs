//! How a call ended: the code in its RESPONSE, and what the caller may do about it.

use std::fmt;

/// The outcome of a call, as the first byte of a RESPONSE's `arg` says it.
///
/// Codes 1 to 16 have the meaning of gRPC's codes of the same number. A number that this version
/// does not know keeps its number and is printed as `UNKNOWN(n)`.
///
/// Spec: `errors.code.registry`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(u8);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// The name of the code in the spec; `None` for a number this version does not know.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// The call succeeded; the payload is its result.
    OK = 0;
    /// The call was cancelled by its caller.
    CANCELLED = 1;
    /// An error that fits no other code.
    UNKNOWN = 2;
    /// The arguments cannot be decoded or are refused by the handler.
    INVALID_ARGUMENT = 3;
    /// The deadline passed before the call ended.
    DEADLINE_EXCEEDED = 4;
    /// What was asked for does not exist.
    NOT_FOUND = 5;
    /// What was to be created exists.
    ALREADY_EXISTS = 6;
    /// The caller may not do this.
    PERMISSION_DENIED = 7;
    /// A limit is reached: open calls, message size, memory.
    RESOURCE_EXHAUSTED = 8;
    /// The system is not in the state that the call needs.
    FAILED_PRECONDITION = 9;
    /// The work was given up, by a conflict with other work.
    ABORTED = 10;
    /// The request reaches past the valid range.
    OUT_OF_RANGE = 11;
    /// The peer serves no such method.
    UNIMPLEMENTED = 12;
    /// The handler panicked, or its result cannot be encoded.
    INTERNAL = 13;
    /// The connection is closed, closing or lost.
    UNAVAILABLE = 14;
    /// Data is lost or damaged for good.
    DATA_LOSS = 15;
    /// The caller has not said who it is.
    UNAUTHENTICATED = 16;
    /// The method's own typed error; the payload is the error's value.
    DECLARED = 17;
    /// Caller and callee disagree about the method's types.
    SCHEMA_MISMATCH = 18;
}

impl Code {
    /// The code with this number, known or not.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        Self(number)
    }

    /// The number as it travels.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "UNKNOWN({})", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the callee says about trying again, as the second byte of a RESPONSE's `arg`.
///
/// Spec: `errors.retry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Retry {
    /// The callee does not say.
    #[default]
    Unknown,
    /// The handler did not run: trying again is safe.
    Safe,
    /// Trying again will not help.
    Never,
}

impl Retry {
    /// What a byte on the wire says; a number that this version does not know says nothing.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Safe,
            2 => Self::Never,
            _ => Self::Unknown,
        }
    }

    /// The number as it travels.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Safe => 1,
            Self::Never => 2,
        }
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "nothing is said about trying again",
            Self::Safe => "trying again is safe",
            Self::Never => "trying again will not help",
        })
    }
}

/// Whether a failed call's handler may have run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Executed {
    /// It did not run and will not.
    No,
    /// It may have run, in part or to its end.
    Maybe,
}

impl fmt::Display for Executed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::No => "the handler did not run",
            Self::Maybe => "the handler may have run",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_a_later_version_keeps_its_number() {
        let later = Code::from_number(29);
        assert_eq!((later.number(), later.to_string().as_str()), (29, "UNKNOWN(29)"));
        assert_ne!(later, Code::UNKNOWN);
        assert_eq!(Code::from_number(14), Code::UNAVAILABLE);
        assert_eq!(Code::UNAVAILABLE.to_string(), "UNAVAILABLE");
    }

    #[test]
    fn retry_numbers_face_each_other() {
        for retry in [Retry::Unknown, Retry::Safe, Retry::Never] {
            assert_eq!(Retry::from_number(retry.number()), retry);
        }
        assert_eq!(Retry::from_number(3), Retry::Unknown);
    }
}
