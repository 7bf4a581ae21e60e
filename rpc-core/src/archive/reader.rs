//! What reading any value needs: the source, the accounts, and refusals that say where.
//!
//! What refuses takes numbers, never the reader: a reader whose address goes nowhere can live in registers.

use std::borrow::Cow;

use serde::de::{Deserialize, Visitor};

use super::error::{DecodeError, DecodeErrorKind as Kind};
use super::limits::{Allowance, DecodeLimits, Level, Overdrawn};
use super::parts::Fields;
use super::shared::{Kept, OBJECT_BYTES, Slot};
use super::source::Source;

/// Reads values, one after the other, within one allowance.
#[derive(Debug)]
pub(super) struct Reader<S> {
    pub(super) source: S,
    pub(super) allowance: Allowance,
    pub(super) shared: Slot,
}

impl<'de, S: Source<'de>> Reader<S> {
    pub(super) fn new(source: S, limits: DecodeLimits) -> Self {
        Self::resume(source, Allowance::new(limits), None)
    }

    /// Goes on with a message: within what is left of its allowance, with the shared objects that are known.
    #[inline]
    pub(super) fn resume(source: S, allowance: Allowance, shared: Option<Box<Kept>>) -> Self {
        Self { source, allowance, shared: Slot::new(shared) }
    }

    /// The next value; the caller gives it its place in memory.
    #[inline]
    pub(super) fn value<T: Deserialize<'de>>(&mut self) -> Result<T, DecodeError> {
        self.allowance.place::<T>();
        let value = T::deserialize(&mut *self);
        value.map_err(|error| error.located(self.source.offset()))
    }

    /// That no bytes are left.
    ///
    /// Spec: `values.trailing`.
    #[inline]
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        match self.source.remaining() {
            0 => Ok(()),
            left => Err(trailing(left, self.source.offset())),
        }
    }

    /// A count that the bytes which follow can fulfil.
    ///
    /// Spec: `values.count.remaining`.
    #[inline]
    pub(super) fn count(&mut self) -> Result<usize, DecodeError> {
        let count = u64::from_be_bytes(self.source.array()?);
        match usize::try_from(count) {
            Ok(count) if count <= self.source.remaining() => Ok(count),
            _ => Err(too_many(count, self.source.remaining(), self.source.offset())),
        }
    }

    /// Spec: `values.memory`.
    #[inline]
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        let charged = self.allowance.charge(bytes);
        charged.map_err(|overdrawn| over_budget(overdrawn, self.source.offset()))
    }

    #[inline]
    pub(super) fn occupy<T>(&mut self) -> Result<(), DecodeError> {
        let charged = self.allowance.occupy::<T>();
        charged.map_err(|overdrawn| over_budget(overdrawn, self.source.offset()))
    }

    /// A value that holds others begins.
    ///
    /// Spec: `values.depth.limit`.
    #[inline]
    pub(super) fn descend<T>(&mut self) -> Result<Level, DecodeError> {
        self.occupy::<T>()?;
        match self.allowance.descend() {
            Some(level) => Ok(level),
            None => Err(too_deep(self.allowance.depth_limit(), self.source.offset())),
        }
    }

    #[inline]
    pub(super) fn counted_bytes(&mut self) -> Result<Cow<'de, [u8]>, DecodeError> {
        let count = self.count()?;
        self.charge(count)?;
        self.source.take(count)
    }

    /// Offset of the value whose last byte was given last.
    #[inline]
    pub(super) fn offset_before(&self, len: usize) -> u64 {
        self.source.offset().saturating_sub(len as u64)
    }

    /// A struct, tuple or array: its parts, one level deeper.
    #[inline]
    pub(super) fn fields<V: Visitor<'de>>(
        &mut self,
        count: usize,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let level = self.descend::<V::Value>()?;
        let value = self.parts(count, names, visitor)?;
        self.allowance.ascend(level);
        Ok(value)
    }

    /// Parts without names, or with those in `names`.
    #[inline]
    pub(super) fn parts<V: Visitor<'de>>(
        &mut self,
        count: usize,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(Fields { reader: self, names, index: 0, count })
    }

    /// A shared object, or a reference to one.
    #[cold]
    pub(super) fn shared<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DecodeError> {
        let walk = |reader: &mut Self| visitor.visit_newtype_struct(reader);
        let levels_left = self.allowance.depth_left();
        let (value, begun) = Slot::lend(self, |reader| &mut reader.shared, levels_left, walk);
        self.charge(begun.saturating_mul(OBJECT_BYTES))?;
        value
    }

    #[cold]
    pub(super) fn undescribed<T>(&self, method: &str) -> Result<T, DecodeError> {
        let what = format!("the type asks for `{method}`, but the bytes do not tell types,");
        Err(DecodeError::new(Kind::Unsupported, what, self.source.offset()))
    }
}

#[cold]
fn trailing(left: usize, offset: u64) -> DecodeError {
    let what = format!("{left} bytes are left after the value, which ends");
    DecodeError::new(Kind::Trailing, what, offset)
}

#[cold]
fn too_many(count: u64, left: usize, offset: u64) -> DecodeError {
    let what = format!("a count of {count} is larger than the {left} bytes after it,");
    DecodeError::new(Kind::Length, what, offset.saturating_sub(8))
}

#[cold]
pub(super) fn over_budget(overdrawn: Overdrawn, offset: u64) -> DecodeError {
    let Overdrawn { wanted, left, budget } = overdrawn;
    let what = format!(
        "decoding needs {wanted} bytes of memory, and {left} of the budget of {budget} are left,"
    );
    DecodeError::new(Kind::Budget, what, offset)
}

#[cold]
fn too_deep(limit: u16, offset: u64) -> DecodeError {
    let what = format!("values nest deeper than {limit} levels");
    DecodeError::new(Kind::Depth, what, offset)
}
