//! The schemas of std's types, as serde writes them into a format that nobody reads by eye.

use super::Schema;
use super::registry::Registry;
use super::types::{Definition, Field, Payload, Type, Variant};
use bytes::Bytes;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8,
    NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize, Saturating, Wrapping,
};
use std::ops::{Bound, Range, RangeFrom, RangeInclusive, RangeTo};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, SystemTime};

macro_rules! plain {
    ($($schema:ident: $($ty:ty)+;)*) => {$($(
        impl Schema for $ty {
            fn schema(_: &mut Registry) -> Type {
                Type::$schema
            }
        }
    )+)*};
}

plain! {
    Bool: bool;
    I8: i8 NonZeroI8;
    I16: i16 NonZeroI16;
    I32: i32 NonZeroI32;
    I64: i64 isize NonZeroI64 NonZeroIsize;
    I128: i128 NonZeroI128;
    U8: u8 NonZeroU8;
    U16: u16 NonZeroU16;
    U32: u32 NonZeroU32;
    U64: u64 usize NonZeroU64 NonZeroUsize;
    U128: u128 NonZeroU128;
    F32: f32;
    F64: f64;
    Char: char;
    Str: str String Path PathBuf;
    Bytes: Bytes CStr CString;
    Unit: ();
}

/// Types that travel as what is in them.
macro_rules! transparent {
    ($($ty:ty;)*) => {$(
        impl<T: Schema + ?Sized> Schema for $ty {
            fn schema(registry: &mut Registry) -> Type {
                T::schema(registry)
            }
        }
    )*};
}

transparent! {
    &T;
    &mut T;
    Box<T>;
    Rc<T>;
    Arc<T>;
    RefCell<T>;
    Mutex<T>;
    RwLock<T>;
}

/// The same, of types that have a size.
macro_rules! transparent_sized {
    ($($ty:ty;)*) => {$(
        impl<T: Schema> Schema for $ty {
            fn schema(registry: &mut Registry) -> Type {
                T::schema(registry)
            }
        }
    )*};
}

transparent_sized! {
    Cell<T>;
    Reverse<T>;
    Saturating<T>;
    Wrapping<T>;
}

impl<T: Schema + ToOwned + ?Sized> Schema for Cow<'_, T> {
    fn schema(registry: &mut Registry) -> Type {
        T::schema(registry)
    }
}

impl<T: ?Sized> Schema for PhantomData<T> {
    fn schema(_: &mut Registry) -> Type {
        Type::Unit
    }
}

impl<T: Schema> Schema for Option<T> {
    fn schema(registry: &mut Registry) -> Type {
        Type::Option(Box::new(T::schema(registry)))
    }
}

macro_rules! sequences {
    ($(<$($other:ident),*> $ty:ty;)*) => {$(
        impl<T: Schema, $($other),*> Schema for $ty {
            fn schema(registry: &mut Registry) -> Type {
                Type::Seq(Box::new(T::schema(registry)))
            }
        }
    )*};
}

sequences! {
    <> [T];
    <> Vec<T>;
    <> VecDeque<T>;
    <> LinkedList<T>;
    <> BinaryHeap<T>;
    <> BTreeSet<T>;
    <S> HashSet<T, S>;
}

macro_rules! maps {
    ($(<$($other:ident),*> $ty:ty;)*) => {$(
        impl<K: Schema, V: Schema, $($other),*> Schema for $ty {
            fn schema(registry: &mut Registry) -> Type {
                let key = K::schema(registry);
                Type::Map(Box::new(key), Box::new(V::schema(registry)))
            }
        }
    )*};
}

maps! {
    <> BTreeMap<K, V>;
    <S> HashMap<K, V, S>;
}

/// serde has arrays of up to 32 elements; those of more need a `with`, and then `#[schema(as)]`.
impl<T: Schema, const N: usize> Schema for [T; N] {
    fn schema(registry: &mut Registry) -> Type {
        Type::Array(Box::new(T::schema(registry)), N)
    }
}

macro_rules! tuples {
    ($($($name:ident)+;)*) => {$(
        impl<$($name: Schema),+> Schema for ($($name,)+) {
            fn schema(registry: &mut Registry) -> Type {
                Type::Tuple(vec![$($name::schema(registry)),+])
            }
        }
    )*};
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
    A B C D E F G H I;
    A B C D E F G H I J;
    A B C D E F G H I J K;
    A B C D E F G H I J K L;
}

/// A struct of std with these fields.
fn fields<const N: usize>(fields: [(&str, Type); N]) -> Definition {
    Definition::Struct(fields.into_iter().map(|(name, ty)| Field::new(name, ty)).collect())
}

/// An enum of std with these variants.
fn variants<const N: usize>(variants: [(&str, Payload); N]) -> Definition {
    let variants = variants.into_iter().map(|(name, payload)| Variant::new(name, payload));
    Definition::Enum(variants.collect())
}

impl Schema for Duration {
    fn schema(registry: &mut Registry) -> Type {
        registry.declare::<Self>(|_| fields([("secs", Type::U64), ("nanos", Type::U32)]))
    }
}

impl Schema for SystemTime {
    fn schema(registry: &mut Registry) -> Type {
        registry.declare::<Self>(|_| {
            fields([("secs_since_epoch", Type::U64), ("nanos_since_epoch", Type::U32)])
        })
    }
}

impl Schema for Ipv4Addr {
    fn schema(registry: &mut Registry) -> Type {
        <[u8; 4]>::schema(registry)
    }
}

impl Schema for Ipv6Addr {
    fn schema(registry: &mut Registry) -> Type {
        <[u8; 16]>::schema(registry)
    }
}

impl Schema for SocketAddrV4 {
    fn schema(registry: &mut Registry) -> Type {
        <(Ipv4Addr, u16)>::schema(registry)
    }
}

impl Schema for SocketAddrV6 {
    fn schema(registry: &mut Registry) -> Type {
        <(Ipv6Addr, u16)>::schema(registry)
    }
}

macro_rules! either_address {
    ($($ty:ty: $v4:ty | $v6:ty;)*) => {$(
        impl Schema for $ty {
            fn schema(registry: &mut Registry) -> Type {
                registry.declare::<Self>(|registry| {
                    variants([
                        ("V4", Payload::Newtype(<$v4>::schema(registry))),
                        ("V6", Payload::Newtype(<$v6>::schema(registry))),
                    ])
                })
            }
        }
    )*};
}

either_address! {
    IpAddr: Ipv4Addr | Ipv6Addr;
    SocketAddr: SocketAddrV4 | SocketAddrV6;
}

macro_rules! ranges {
    ($($ty:ty: $($field:literal)+;)*) => {$(
        impl<T: Schema + 'static> Schema for $ty {
            fn schema(registry: &mut Registry) -> Type {
                registry.declare::<Self>(|registry| fields([$(($field, T::schema(registry))),+]))
            }
        }
    )*};
}

ranges! {
    Range<T>: "start" "end";
    RangeInclusive<T>: "start" "end";
    RangeFrom<T>: "start";
    RangeTo<T>: "end";
}

impl<T: Schema + 'static> Schema for Bound<T> {
    fn schema(registry: &mut Registry) -> Type {
        registry.declare::<Self>(|registry| {
            variants([
                ("Unbounded", Payload::Unit),
                ("Included", Payload::Newtype(T::schema(registry))),
                ("Excluded", Payload::Newtype(T::schema(registry))),
            ])
        })
    }
}

impl<T: Schema + 'static, E: Schema + 'static> Schema for Result<T, E> {
    fn schema(registry: &mut Registry) -> Type {
        registry.declare::<Self>(|registry| {
            variants([
                ("Ok", Payload::Newtype(T::schema(registry))),
                ("Err", Payload::Newtype(E::schema(registry))),
            ])
        })
    }
}
