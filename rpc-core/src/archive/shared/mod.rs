//! Objects that several handles share: each is stored once, and is one object again where it is loaded.

mod table;

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{self, Serialize, SerializeTuple as _, Serializer};

use super::error::{DecodeErrorKind, EncodeErrorKind, kinds};
pub(super) use table::{Kept, Slot};
use table::{Loaded, Stored};

/// The name by which the archive knows that a shared object begins.
pub(super) const NAME: &str = "hton::archive::Shared";

/// Memory that an object is charged for beside its value: its counts, and its place in the table.
pub(super) const OBJECT_BYTES: usize = 96;

/// What a handle of a shared object is, to the table of a message.
trait Handle: Clone + 'static {
    type Object: 'static;

    fn make(object: Box<Self::Object>) -> Self;
    fn address(&self) -> usize;
    fn keep(&self) -> Keep;
    fn kept(keep: &Keep) -> Option<Self>;
}

/// A handle without its type.
#[derive(Clone, Debug)]
pub(in crate::archive) enum Keep {
    Local(Rc<dyn Any>),
    Sent(Arc<dyn Any + Send + Sync>),
}

impl<T: 'static> Handle for Rc<T> {
    type Object = T;

    fn make(object: Box<T>) -> Self {
        Self::from(object)
    }

    fn address(&self) -> usize {
        Self::as_ptr(self).addr()
    }

    fn keep(&self) -> Keep {
        let any: Rc<dyn Any> = self.clone();
        Keep::Local(any)
    }

    fn kept(keep: &Keep) -> Option<Self> {
        match keep {
            Keep::Local(any) => any.clone().downcast().ok(),
            Keep::Sent(_) => None,
        }
    }
}

impl<T: Send + Sync + 'static> Handle for Arc<T> {
    type Object = T;

    fn make(object: Box<T>) -> Self {
        Self::from(object)
    }

    fn address(&self) -> usize {
        Self::as_ptr(self).addr()
    }

    fn keep(&self) -> Keep {
        let any: Arc<dyn Any + Send + Sync> = self.clone();
        Keep::Sent(any)
    }

    fn kept(keep: &Keep) -> Option<Self> {
        match keep {
            Keep::Sent(any) => any.clone().downcast().ok(),
            Keep::Local(_) => None,
        }
    }
}

macro_rules! shared {
    ($(#[$docs:meta])* $name:ident over $handle:ident $(where $($bound:ident)*)?) => {
        $(#[$docs])*
        pub struct $name<T>(pub $handle<T>);

        impl<T> $name<T> {
            /// A new object with one handle.
            #[must_use]
            pub fn new(object: T) -> Self {
                Self($handle::new(object))
            }

            /// Whether both are handles of one object.
            #[must_use]
            pub fn is(&self, other: &Self) -> bool {
                $handle::ptr_eq(&self.0, &other.0)
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                Self($handle::clone(&self.0))
            }
        }

        impl<T> Deref for $name<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }

        impl<T: fmt::Debug> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl<T: PartialEq> PartialEq for $name<T> {
            /// Compares the objects, not whether they are one.
            fn eq(&self, other: &Self) -> bool {
                self.0 == other.0
            }
        }

        impl<T: Eq> Eq for $name<T> {}

        impl<T> From<$handle<T>> for $name<T> {
            fn from(handle: $handle<T>) -> Self {
                Self(handle)
            }
        }

        impl<T: Serialize $($(+ $bound)*)? + 'static> Serialize for $name<T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct(NAME, &Node(&self.0))
            }
        }

        impl<'de, T: Deserialize<'de> $($(+ $bound)*)? + 'static> Deserialize<'de> for $name<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_newtype_struct(NAME, NodeVisitor(PhantomData)).map(Self)
            }
        }
    };
}

shared! {
    /// A handle of an object that others on the same thread share.
    ///
    /// Within one value that is stored, each object stands once, however many handles lead to it; where it is loaded
    /// they lead to one object again. Objects that hold each other may be shared, but none may hold itself, through
    /// whatever: that is refused, with [`EncodeErrorKind::Cycle`] and [`DecodeErrorKind::Cycle`], before anything
    /// overflows. Each handle counts as one level of depth, and what is behind it counts on, also where the object
    /// stands elsewhere: a chain of handles is as long as the limit of depth allows, 128, however it is stored.
    ///
    /// What walks objects by itself, such as `==` and `{:?}`, walks one as often as handles lead to it. Where those
    /// are a stranger's, a few hundred bytes may be handles of handles that it never comes to the end of.
    ///
    /// It works in hton's own archives and in arguments and results of calls, and nowhere else: other serializers get
    /// an error. [`SharedArc`] may cross threads, and is known throughout a whole message; where a later value of a
    /// message refers to an object of an earlier one, loading that value as `Shared` is refused with
    /// [`DecodeErrorKind::Reference`], and as `SharedArc` it is not.
    ///
    /// ```
    /// use rpc_core::archive::{Load, Shared, Store};
    ///
    /// let node = Shared::new("one object".to_owned());
    /// let mut out = Store::new(Vec::new());
    /// out.store(&(&node, &node))?;
    /// let bytes = out.close()?;
    /// assert_eq!(bytes.len(), 4 + (4 + 8 + 10) + 4); // The second handle is a number.
    /// let (a, b): (Shared<String>, Shared<String>) = Load::new(&bytes[..]).load()?;
    /// assert!(a.is(&b));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Spec: `values.shared.layout`, `values.shared.cycle`, `values.shared.depth`.
    Shared over Rc
}

shared! {
    /// A handle of an object that others share, on any thread.
    ///
    /// Like [`Shared`], and more: the object is known throughout one message, in all the values that were stored
    /// before one `flush`, and in all the arguments of a call. In a raw archive each value stands for itself.
    ///
    /// ```
    /// use rpc_core::archive::{Load, SharedArc, Store};
    ///
    /// let node = SharedArc::new(7_u64);
    /// let mut out = Store::new(Vec::new());
    /// out.store(&node)?.store(&node)?;
    /// let bytes = out.close()?;
    /// let mut from = Load::new(&bytes[..]);
    /// let (a, b): (SharedArc<u64>, SharedArc<u64>) = (from.load()?, from.load()?);
    /// assert!(a.is(&b));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    SharedArc over Arc where Send Sync
}

/// The object behind a handle: its number, and at its first place its value.
struct Node<'a, H>(&'a H);

impl<H: Handle + Deref<Target = H::Object>> Serialize for Node<'_, H>
where
    H::Object: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match table::store(self.0.address(), || self.0.keep()) {
            Stored::Known(number) => {
                let mut known = serializer.serialize_tuple(1)?;
                known.serialize_element(&number)?;
                known.end()
            }
            Stored::New(number) => {
                let mut new = serializer.serialize_tuple(2)?;
                new.serialize_element(&number)?;
                new.serialize_element::<H::Object>(self.0)?;
                table::end(number);
                new.end()
            }
            Stored::Open => Err(kinds::encode(EncodeErrorKind::Cycle, || {
                ser::Error::custom("an object holds itself")
            })),
            Stored::Deep => Err(kinds::encode(EncodeErrorKind::Depth, || {
                ser::Error::custom("the objects behind a handle nest too deep")
            })),
            Stored::Nowhere => {
                Err(ser::Error::custom("only an archive of hton stores a shared object"))
            }
        }
    }
}

struct NodeVisitor<H>(PhantomData<H>);

impl<'de, H: Handle> Visitor<'de> for NodeVisitor<H>
where
    H::Object: Deserialize<'de>,
{
    type Value = H;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a shared object")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<H, D::Error> {
        match table::arrive() {
            Some(levels_left) => {
                deserializer.deserialize_tuple(2, PartsVisitor { levels_left, of: PhantomData })
            }
            None => Err(de::Error::custom("only an archive of hton loads a shared object")),
        }
    }
}

/// The number and, at its first place, the value of an object whose handle stands where so many levels are left.
struct PartsVisitor<H> {
    levels_left: u16,
    of: PhantomData<H>,
}

impl<'de, H: Handle> Visitor<'de> for PartsVisitor<H>
where
    H::Object: Deserialize<'de>,
{
    type Value = H;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, and an object where it is new")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<H, A::Error> {
        let Some(number) = parts.next_element()? else {
            return Err(de::Error::invalid_length(0, &self));
        };
        let known = match table::load(number, self.levels_left) {
            Loaded::New => {
                // A box, because what lies behind a pointer is paid for on its own.
                let Some(object) = parts.next_element::<Box<H::Object>>()? else {
                    return Err(de::Error::invalid_length(1, &self));
                };
                let handle = H::make(object);
                table::complete(number, handle.keep());
                return Ok(handle);
            }
            Loaded::Known(keep) => H::kept(&keep),
            Loaded::Unknown => None,
            Loaded::Open => {
                let text = format!("object {number} holds itself");
                return Err(kinds::decode(DecodeErrorKind::Cycle, || de::Error::custom(text)));
            }
            Loaded::Deep => {
                let text = format!("the objects behind object {number} nest too deep");
                return Err(kinds::decode(DecodeErrorKind::Depth, || de::Error::custom(text)));
            }
        };
        known.ok_or_else(|| {
            let text = format!("there is no shared object {number} of this type");
            kinds::decode(DecodeErrorKind::Reference, || de::Error::custom(text))
        })
    }
}
