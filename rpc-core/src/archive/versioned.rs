//! Types that say which version of them was stored.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeTuple as _, Serializer};

use super::error::{DecodeErrorKind, kinds};

/// A type whose stored form begins with its version, so that a later program can load what an earlier one stored.
///
/// The version is handed to [`load_versioned`](Self::load_versioned) once, before anything of the value was read. A
/// type inside another may have a version of its own.
///
/// ```
/// use rpc_core::archive::{self, DecodeLimits, Version, Versioned};
/// use serde::{Deserialize, Deserializer, Serialize, Serializer};
///
/// #[derive(Debug, PartialEq)]
/// struct Point { x: i32, y: i32 }
///
/// impl Versioned for Point {
///     const VERSION: u32 = 2;
///
///     fn store_versioned<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
///         (self.x, self.y).serialize(serializer)
///     }
///
///     fn load_versioned<'de, D: Deserializer<'de>>(version: u32, deserializer: D) -> Result<Self, D::Error> {
///         match version {
///             1 => i32::deserialize(deserializer).map(|x| Self { x, y: 0 }), // It had no `y`.
///             2 => <(i32, i32)>::deserialize(deserializer).map(|(x, y)| Self { x, y }),
///             other => Err(archive::unknown_version(other, Self::VERSION)),
///         }
///     }
/// }
///
/// let bytes = archive::to_vec(&Version(Point { x: 7, y: 8 }))?;
/// assert_eq!(bytes, [0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 8]);
/// let old: Version<Point> = archive::from_slice(&[0, 0, 0, 1, 0, 0, 0, 7], DecodeLimits::default())?;
/// assert_eq!(old.0, Point { x: 7, y: 0 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Spec: `values.version.layout`.
pub trait Versioned: Sized {
    /// The version that is stored.
    const VERSION: u32;

    /// Stores the value in the form of [`VERSION`](Self::VERSION).
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    fn store_versioned<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Loads a value that was stored in the form of `version`.
    ///
    /// # Errors
    ///
    /// Those of the deserializer, and [`unknown_version`] for a version that the type does not know.
    fn load_versioned<'de, D: Deserializer<'de>>(
        version: u32,
        deserializer: D,
    ) -> Result<Self, D::Error>;
}

/// A value with its version in front of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version<T>(pub T);

/// The error of a version that a type cannot load: [`DecodeErrorKind::Version`] in an archive of hton.
#[must_use]
pub fn unknown_version<E: de::Error>(have: u32, want: u32) -> E {
    let text = format!("the value has version {have}, and up to {want} is known");
    kinds::decode(DecodeErrorKind::Version, || E::custom(text))
}

struct Form<'a, T>(&'a T);

impl<T: Versioned> Serialize for Form<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.store_versioned(serializer)
    }
}

struct OfVersion<T>(u32, PhantomData<T>);

impl<'de, T: Versioned> DeserializeSeed<'de> for OfVersion<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::load_versioned(self.0, deserializer)
    }
}

impl<T: Versioned> Serialize for Version<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = serializer.serialize_tuple(2)?;
        parts.serialize_element(&T::VERSION)?;
        parts.serialize_element(&Form(&self.0))?;
        parts.end()
    }
}

impl<'de, T: Versioned> Deserialize<'de> for Version<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts<T>(PhantomData<T>);

        impl<'de, T: Versioned> Visitor<'de> for Parts<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a version and a value of it")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<T, A::Error> {
                let Some(version) = parts.next_element()? else {
                    return Err(de::Error::invalid_length(0, &self));
                };
                let value = parts.next_element_seed(OfVersion(version, PhantomData))?;
                value.ok_or_else(|| de::Error::invalid_length(1, &self))
            }
        }

        deserializer.deserialize_tuple(2, Parts(PhantomData)).map(Self)
    }
}
