//! How generated code asks whether a type has a schema: a type without one makes its method unchecked.

use super::Schema;
use super::registry::Registry;
use super::signature::Signature;
use super::types::Type;
use std::marker::PhantomData;

/// Stands for the type in a call of `schema`, which is the method below if the type has a
/// [`Schema`], and that of [`NoSchema`] otherwise: an inherent method goes before one of a trait.
#[derive(Debug)]
pub struct Probe<T: ?Sized>(PhantomData<fn(&T)>);

impl<T: ?Sized> Probe<T> {
    /// A probe of this type.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: ?Sized> Default for Probe<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Schema + ?Sized> Probe<T> {
    /// The type's schema.
    pub fn schema(&self, registry: &mut Registry) -> Option<Type> {
        Some(T::schema(registry))
    }
}

/// What is left for types without a schema.
pub trait NoSchema {
    /// None.
    fn schema(&self, _: &mut Registry) -> Option<Type> {
        None
    }
}

impl<T: ?Sized> NoSchema for Probe<T> {}

/// A client that knows the types of the method with this id.
pub trait Signed<const ID: u32> {
    /// The types, found out at the first call.
    fn signature() -> &'static Signature;
}
