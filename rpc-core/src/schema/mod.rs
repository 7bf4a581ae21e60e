//! What types are on the wire: their structure, its canonical text, and the hash that two ends compare.
//!
//! | enters | leaves | room |
//! |---|---|---|
//! | a Rust type | its structure | [`Schema`], derived, or by `std_types` |
//! | structures | one numbered set of declared types | `registry` of `types` |
//! | a method's types | its canonical text and hash | `signature`, by `text` |
//! | a text, of a stranger perhaps | what it describes | `parse` |
//! | two texts | which field differs | `diff` |
//! | a value | whether serde writes what the schema says | `verify` |
//!
//! Values do not describe themselves, so a caller and a callee that mean different types would read
//! garbage. Each request carries a hash of what its caller means; a callee that means something else
//! refuses it before it decodes anything, and both can say what differs.

mod diff;
mod error;
mod parse;
mod probe;
mod registry;
mod signature;
mod std_types;
mod text;
mod types;
mod verify;

pub use diff::diff;
pub use error::SchemaError;
#[doc(hidden)]
pub use probe::{NoSchema, Probe, Signed};
pub use registry::{Declared, Registry};
pub use signature::{MethodTypes, Signature};
pub use types::{Definition, Field, Payload, Type, Variant};
pub use verify::{verify, verify_as};

/// A type whose form on the wire is known without a value of it.
///
/// `#[derive(hton::Schema)]` implements it for structs and enums that derive serde's traits. An
/// implementation by hand promises what [`verify`] checks: that `Serialize` writes exactly this.
///
/// ```
/// use rpc_core::schema::{Registry, Schema, Type};
///
/// /// Travels as its text.
/// struct Uuid([u8; 16]);
///
/// impl Schema for Uuid {
///     fn schema(_: &mut Registry) -> Type {
///         Type::Str
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the form of `{Self}` on the wire is not known",
    label = "`{Self}` has no `Schema`",
    note = "derive it: `#[derive(hton::Schema)]` beside serde's traits, or `#[hton::data]` for all three",
    note = "a field of a foreign type takes `#[schema(as = \"Type\")]`: what serde writes for it"
)]
pub trait Schema {
    /// The structure of this type. Types that it declares are entered into the registry.
    fn schema(registry: &mut Registry) -> Type;
}
