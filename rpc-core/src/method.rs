//! What names a method on the wire, and how the name becomes four bytes.

use crate::schema::Signature;
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
///
/// Without a builder it takes one message and answers one.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    full_name: &'static str,
    id: MethodId,
    spawn: bool,
    oneway: bool,
    ordered: bool,
    items_in: bool,
    items_out: bool,
    signature: Option<fn() -> &'static Signature>,
}

impl Method {
    /// The method `"Service/method"`, whose id the macro has computed.
    #[must_use]
    pub const fn new(full_name: &'static str, id: MethodId) -> Self {
        Self {
            full_name,
            id,
            spawn: false,
            oneway: false,
            ordered: false,
            items_in: false,
            items_out: false,
            signature: None,
        }
    }

    /// The same method, whose handler always runs in a task of its own.
    #[must_use]
    pub const fn spawned(self) -> Self {
        Self { spawn: true, ..self }
    }

    /// The same method, called without an answer.
    #[must_use]
    pub const fn oneway(self) -> Self {
        Self { oneway: true, ..self }
    }

    /// The same method in a service that is ordered: on one connection the service's calls of every kind
    /// run one at a time, in the order of their arrival.
    #[must_use]
    pub const fn ordered(self) -> Self {
        Self { ordered: true, ..self }
    }

    /// The same method, to which the caller sends a stream of items beside the arguments.
    #[must_use]
    pub const fn items_in(self) -> Self {
        Self { items_in: true, ..self }
    }

    /// The same method, which answers with a stream of items.
    #[must_use]
    pub const fn items_out(self) -> Self {
        Self { items_out: true, ..self }
    }

    /// The same method, whose types this function tells. It is called for each request, so it keeps
    /// what it has found out.
    #[must_use]
    pub const fn signed(self, signature: fn() -> &'static Signature) -> Self {
        Self { signature: Some(signature), ..self }
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

    /// Whether nothing answers its calls.
    #[must_use]
    pub const fn is_oneway(&self) -> bool {
        self.oneway
    }

    /// Whether the calls of its service run one at a time, in the order of their arrival.
    #[must_use]
    pub const fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// Whether its caller sends a stream of items.
    #[must_use]
    pub const fn has_items_in(&self) -> bool {
        self.items_in
    }

    /// Whether it answers with a stream of items.
    #[must_use]
    pub const fn has_items_out(&self) -> bool {
        self.items_out
    }

    /// Its types; unchecked where they are not known.
    ///
    /// Not under a lock: at its first call it runs the [`Schema`](crate::schema::Schema) of user types.
    #[must_use]
    pub fn signature(&self) -> &'static Signature {
        static UNCHECKED: Signature = Signature::unchecked();
        match self.signature {
            Some(signature) => signature(),
            None => &UNCHECKED,
        }
    }
}

/// By what names it and how it is called; the types follow from the code that calls it.
impl PartialEq for Method {
    fn eq(&self, other: &Self) -> bool {
        let traits = |method: &Self| {
            [method.spawn, method.oneway, method.ordered, method.items_in, method.items_out]
        };
        self.full_name == other.full_name && self.id == other.id && traits(self) == traits(other)
    }
}

impl Eq for Method {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_first_four_bytes_of_the_hash() {
        // `printf %s abc | sha256sum` begins with ba7816bf.
        assert_eq!(MethodId::of("abc"), MethodId::new(0xba78_16bf));
        assert_ne!(MethodId::of("abd"), MethodId::new(0xba78_16bf));
    }

    #[test]
    fn each_builder_sets_what_its_getter_tells_and_nothing_else() {
        let told = |method: Method| {
            [
                method.is_spawned(),
                method.is_oneway(),
                method.is_ordered(),
                method.has_items_in(),
                method.has_items_out(),
            ]
        };
        let plain = Method::new("Calc/add", MethodId::new(1));
        assert_eq!(told(plain), [false; 5]);
        assert_eq!(told(plain.spawned()), [true, false, false, false, false]);
        assert_eq!(told(plain.oneway()), [false, true, false, false, false]);
        assert_eq!(told(plain.ordered()), [false, false, true, false, false]);
        assert_eq!(told(plain.items_in()), [false, false, false, true, false]);
        assert_eq!(told(plain.items_out()), [false, false, false, false, true]);
        let both = plain.items_out().items_in();
        assert!(both.has_items_in() && both.has_items_out());
        assert_eq!((both.full_name(), both.id()), ("Calc/add", MethodId::new(1)));
    }
}
