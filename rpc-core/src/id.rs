//! Numbers that name things on the wire: which end of a connection, and which call.
//!
//! Knows the parity and the serial order of call ids; knows no table and no time.

use std::fmt;

/// Which end of a connection this is. Decides nothing but the parity of call ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that opened the connection; its calls have odd ids, beginning with 1.
    Dialer,
    /// The end that accepted the connection; its calls have even ids, beginning with 2.
    Acceptor,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Dialer => Self::Acceptor,
            Self::Acceptor => Self::Dialer,
        }
    }

    /// The id of this side's first call.
    #[must_use]
    pub const fn first(self) -> CallId {
        match self {
            Self::Dialer => CallId(1),
            Self::Acceptor => CallId(2),
        }
    }

    /// Whether a call with this id was opened by this side.
    #[must_use]
    pub const fn owns(self, id: CallId) -> bool {
        id.0 != 0 && id.0 % 2 == self.first().0 % 2
    }
}

/// The id of a call, unique among the open calls of one connection.
///
/// Spec: `call.id.order`, `call.id.wrap`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(u32);

impl CallId {
    /// The id that stands for the connection itself in frames that belong to no call.
    pub const CONNECTION: Self = Self(0);

    /// The id with this number.
    #[must_use]
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// The number as it travels.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The id that the same side uses next. Wraps past 0, which names the connection.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.0.wrapping_add(2) {
            0 => Self(2),
            id => Self(id),
        }
    }

    /// Whether this id comes after `other` in serial arithmetic: less than half the number space ahead.
    #[must_use]
    pub const fn is_after(self, other: Self) -> bool {
        let ahead = self.0.wrapping_sub(other.0);
        ahead != 0 && ahead < 1 << 31
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallId({})", self.0)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_side_keep_their_parity_through_the_wrap() {
        assert_eq!(CallId::new(u32::MAX).next(), CallId::new(1));
        assert_eq!(CallId::new(u32::MAX - 1).next(), CallId::new(2));
        assert!(Side::Dialer.owns(CallId::new(u32::MAX)));
        assert!(Side::Acceptor.owns(CallId::new(u32::MAX - 1)));
        assert!(!Side::Acceptor.owns(CallId::CONNECTION));
        assert!(!Side::Dialer.owns(CallId::new(2)));
    }

    #[test]
    fn an_id_after_the_wrap_is_after_one_before_it() {
        assert!(CallId::new(1).is_after(CallId::new(u32::MAX)));
        assert!(!CallId::new(u32::MAX).is_after(CallId::new(1)));
        assert!(!CallId::new(7).is_after(CallId::new(7)));
    }
}
