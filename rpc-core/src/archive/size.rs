//! First pass of encoding: how many bytes a value takes, and whether it may be encoded at all.
//!
//! Every refusal of the encoder is here and in `parts`, so the second pass (`write.rs`) only writes.

mod parts;

use std::fmt::{self, Display};

use serde::ser::{self, Serialize};

use super::error::{EncodeError, EncodeErrorKind as Kind};
use super::limits::DecodeLimits;
use super::path::Segment;
use super::shared::{self, Kept, Slot};
use parts::{SizeElements, SizeFields};

/// Bytes of a count, in front of strings, byte buffers, sequences and maps.
///
/// Spec: `values.seq.layout`.
const COUNT_BYTES: usize = 8;

/// Bytes of the number of an enum's variant.
///
/// Spec: `values.enum.index`.
const VARIANT_BYTES: usize = 4;

/// How many bytes `value` takes when it is encoded.
///
/// # Errors
///
/// [`EncodeError`] when the value has no encoding. Never panics unless `value` itself does.
///
/// ```
/// assert_eq!(rpc_core::archive::encoded_len(&(1_u8, "ab"))?, 1 + 8 + 2);
/// # Ok::<(), rpc_core::archive::EncodeError>(())
/// ```
#[inline]
pub fn encoded_len<T: Serialize + ?Sized>(value: &T) -> Result<usize, EncodeError> {
    measure(value, &mut None)
}

/// As `encoded_len`, for the next value of a message of which these shared objects are known.
#[inline]
pub(super) fn measure<T: Serialize + ?Sized>(
    value: &T,
    shared: &mut Option<Box<Kept>>,
) -> Result<usize, EncodeError> {
    if let Some(kept) = shared {
        kept.begin_value();
    }
    let known = Kept::len(shared.as_deref());
    let shared_slot = Slot::new(shared.take());
    let mut sizer = Sizer { len: 0, depth_left: DecodeLimits::DEPTH, shared: shared_slot };
    let sized = value.serialize(&mut sizer);
    // The second pass numbers them again.
    *shared = sizer.shared.settle(known, true);
    sized?;
    usize::try_from(sizer.len).map_err(|_| unaddressable(sizer.len))
}

#[cold]
fn unaddressable(len: u64) -> EncodeError {
    let what = format!("the value takes {len} bytes, more than this machine can address");
    EncodeError::new(Kind::TooLarge, what)
}

#[derive(Debug)]
pub(super) struct Sizer {
    len: u64,
    depth_left: u16,
    shared: Slot,
}

impl Sizer {
    /// Wrapping, so that the compiler may turn a loop into a product. No value is walked for 2^64
    /// bytes, and the second pass never writes beyond what this one found.
    #[inline]
    fn add(&mut self, bytes: usize) {
        self.len = self.len.wrapping_add(bytes as u64);
    }

    /// Spec: `values.depth.limit`.
    #[inline]
    fn descend(&mut self) -> Result<(), EncodeError> {
        match self.depth_left.checked_sub(1) {
            Some(left) => {
                self.depth_left = left;
                Ok(())
            }
            None => Err(too_deep()),
        }
    }

    #[inline]
    fn ascend(&mut self) {
        self.depth_left = self.depth_left.saturating_add(1);
    }

    #[inline]
    fn collection(&mut self, count: Option<usize>) -> Result<SizeElements<'_>, EncodeError> {
        let Some(count) = count else {
            return Err(unknown_length());
        };
        self.descend()?;
        self.add(COUNT_BYTES);
        Ok(SizeElements { start: self.len, count, seen: 0, sizer: self })
    }

    #[inline]
    fn fields(&mut self, variant: Option<&'static str>) -> Result<SizeFields<'_>, EncodeError> {
        if variant.is_some() {
            self.add(VARIANT_BYTES);
        }
        self.descend()?;
        Ok(SizeFields { sizer: self, index: 0, variant })
    }
}

#[cold]
fn too_deep() -> EncodeError {
    let limit = DecodeLimits::DEPTH;
    EncodeError::new(Kind::Depth, format_args!("the value nests deeper than {limit} levels"))
}

#[cold]
fn unknown_length() -> EncodeError {
    EncodeError::new(
        Kind::UnknownLength,
        "a sequence or map does not know its length before it is walked",
    )
}

macro_rules! sizes {
    ($($method:ident: $type:ty = $bytes:literal;)*) => {
        $(#[inline]
        fn $method(self, _: $type) -> Result<(), EncodeError> {
            self.add($bytes);
            Ok(())
        })*
    };
}

impl<'a> ser::Serializer for &'a mut Sizer {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = SizeElements<'a>;
    type SerializeMap = SizeElements<'a>;
    type SerializeTuple = SizeFields<'a>;
    type SerializeTupleStruct = SizeFields<'a>;
    type SerializeTupleVariant = SizeFields<'a>;
    type SerializeStruct = SizeFields<'a>;
    type SerializeStructVariant = SizeFields<'a>;

    sizes! {
        serialize_bool: bool = 1;
        serialize_u8: u8 = 1;
        serialize_u16: u16 = 2;
        serialize_u32: u32 = 4;
        serialize_u64: u64 = 8;
        serialize_u128: u128 = 16;
        serialize_i8: i8 = 1;
        serialize_i16: i16 = 2;
        serialize_i32: i32 = 4;
        serialize_i64: i64 = 8;
        serialize_i128: i128 = 16;
        serialize_f32: f32 = 4;
        serialize_f64: f64 = 8;
    }

    #[inline]
    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.add(value.len_utf8());
        Ok(())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        self.serialize_bytes(value.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        self.add(COUNT_BYTES);
        self.add(value.len());
        Ok(())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        self.add(COUNT_BYTES);
        let displayed = fmt::write(self, format_args!("{value}"));
        displayed.map_err(|_| ser::Error::custom("the `Display` of a value fails"))
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), EncodeError> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), EncodeError> {
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<(), EncodeError> {
        self.descend()?;
        self.add(1);
        self.ascend();
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        self.add(1);
        self.descend()?;
        value.serialize(&mut *self)?;
        self.ascend();
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        if name == shared::NAME {
            let levels_left = self.depth_left;
            let walk = |sizer: &mut Sizer| value.serialize(sizer);
            return Slot::lend(self, |sizer| &mut sizer.shared, levels_left, walk).0;
        }
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
    ) -> Result<(), EncodeError> {
        self.descend()?;
        self.add(VARIANT_BYTES);
        self.ascend();
        Ok(())
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.add(VARIANT_BYTES);
        self.descend()?;
        let sized = value.serialize(&mut *self);
        sized.map_err(|error| error.within(Segment::Variant(variant)))?;
        self.ascend();
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, count: Option<usize>) -> Result<SizeElements<'a>, EncodeError> {
        self.collection(count)
    }

    #[inline]
    fn serialize_map(self, count: Option<usize>) -> Result<SizeElements<'a>, EncodeError> {
        self.collection(count)
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<SizeFields<'a>, EncodeError> {
        self.fields(None)
    }

    #[inline]
    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<SizeFields<'a>, EncodeError> {
        self.fields(None)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<SizeFields<'a>, EncodeError> {
        self.fields(Some(variant))
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<SizeFields<'a>, EncodeError> {
        self.fields(None)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<SizeFields<'a>, EncodeError> {
        self.fields(Some(variant))
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

impl fmt::Write for Sizer {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.len());
        Ok(())
    }
}
