//! What names a method on the wire, and how the name becomes four bytes.

use sha2::{Digest, Sha256};
use std::fmt;

/// The number that selects a method in a REQUEST: the first four bytes, big-endian, of
/// SHA-256 of `"Service/method"`.
///
/// Spec: `call.method.id`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MethodId(u32);

impl MethodId {
    /// Stands in the header of a REQUEST that names its method in metadata instead.
    pub const BY_NAME: Self = Self(0);

    /// The id with this number.
    #[must_use]
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// The id of the method with this full name, such as `"Calc/add"`.
    #[must_use]
    pub fn of(full_name: &str) -> Self {
        let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(full_name.as_bytes()).into();
        Self(u32::from_be_bytes([a, b, c, d]))
    }

    /// The number as it travels.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for MethodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MethodId({:#010x})", self.0)
    }
}

/// One method of a service, as the service macro describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    full_name: &'static str,
    id: MethodId,
    spawn: bool,
}

impl Method {
    /// The method `"Service/method"`, whose id the macro has computed.
    #[must_use]
    pub const fn new(full_name: &'static str, id: MethodId) -> Self {
        Self { full_name, id, spawn: false }
    }

    /// The same method, whose handler always runs in a task of its own.
    #[must_use]
    pub const fn spawned(self) -> Self {
        Self { spawn: true, ..self }
    }

    /// `"Service/method"`.
    #[must_use]
    pub const fn full_name(&self) -> &'static str {
        self.full_name
    }

    /// The id that stands in the header of its requests.
    #[must_use]
    pub const fn id(&self) -> MethodId {
        self.id
    }

    /// Whether its handler must run in a task of its own: it computes for long without awaiting.
    #[must_use]
    pub const fn is_spawned(&self) -> bool {
        self.spawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_first_four_bytes_of_the_hash() {
        // `printf %s abc | sha256sum` begins with ba7816bf.
        assert_eq!(MethodId::of("abc"), MethodId::new(0xba78_16bf));
        assert_ne!(MethodId::of("abd"), MethodId::new(0xba78_16bf));
    }
}
