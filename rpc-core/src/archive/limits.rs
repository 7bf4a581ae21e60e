//! What decoding may cost: memory and depth.

use crate::Limits;

/// The bounds of decoding one message that a stranger may have written.
///
/// The memory budget is charged before memory is taken: the size in memory of each element of a
/// sequence or map, the bytes of strings and byte buffers, and values behind a `Box`. It counts
/// what the values take; a collection that grows, or a hash table with free slots, may for a
/// moment take up to three times its share.
///
/// ```
/// use rpc_core::archive::DecodeLimits;
///
/// let limits = DecodeLimits::new(64 * 1024, 16);
/// assert_eq!((limits.budget_bytes, limits.depth), (65_536, 16));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeLimits {
    /// Memory, in bytes, that the decoded value may take beside its own size. Default 16 MiB.
    pub budget_bytes: usize,
    /// How many levels of values may lie inside each other. Default [`DecodeLimits::DEPTH`]; a
    /// larger number needs a larger stack.
    pub depth: u16,
    /// How long a message of a stream may be, or a value where there are no messages. Default 4 MiB.
    /// Decoding from a slice does not look at it: the slice is its own limit.
    pub message_bytes: usize,
}

impl DecodeLimits {
    /// The depth that every implementation accepts, and beyond which nothing is encoded.
    ///
    /// A level is an option, a sequence, a map, a tuple or array, a struct, a handle of a shared object, or an
    /// enum with the fields of its variant; empty ones count too. Newtype structs, unit and boxes are none.
    ///
    /// Spec: `values.depth.limit`, `values.depth.counts`, `values.shared.depth`.
    pub const DEPTH: u16 = 128;

    /// Limits with this memory budget in bytes and this depth in levels, otherwise the default.
    #[must_use]
    pub const fn new(budget_bytes: usize, depth: u16) -> Self {
        Self { budget_bytes, depth, message_bytes: 4 * 1024 * 1024 }
    }
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self::new(16 * 1024 * 1024, Self::DEPTH)
    }
}

impl From<&Limits> for DecodeLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            budget_bytes: limits.decode_bytes,
            depth: limits.decode_depth,
            message_bytes: usize::try_from(limits.message_bytes).unwrap_or(usize::MAX),
        }
    }
}

/// What is left of the limits while one message is decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    memory_left: usize,
    /// What was left at the beginning, for the errors.
    budget: usize,
    depth_left: u16,
    depth_limit: u16,
    /// Bytes of the place in memory that is already paid for and that the next value goes to.
    paid_place: usize,
}

/// More memory was wanted than is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overdrawn {
    pub(super) wanted: usize,
    pub(super) left: usize,
    pub(super) budget: usize,
}

/// The levels that were left before a value began, to go back to when it has ended.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(super) struct Level(u16);

impl Allowance {
    pub(super) const fn new(limits: DecodeLimits) -> Self {
        let (budget, depth) = (limits.budget_bytes, limits.depth);
        Self { memory_left: budget, budget, depth_left: depth, depth_limit: depth, paid_place: 0 }
    }

    pub(super) const fn depth_limit(&self) -> u16 {
        self.depth_limit
    }

    pub(super) const fn depth_left(&self) -> u16 {
        self.depth_left
    }

    #[inline]
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), Overdrawn> {
        match self.memory_left.checked_sub(bytes) {
            Some(left) => {
                self.memory_left = left;
                Ok(())
            }
            None => Err(Overdrawn { wanted: bytes, left: self.memory_left, budget: self.budget }),
        }
    }

    /// The next value goes to a place of the size of `T` that its owner has paid for.
    #[inline]
    pub(super) fn place<T>(&mut self) {
        self.place_bytes(size_of::<T>());
    }

    /// As `place`, where only the size is known.
    #[inline]
    pub(super) fn place_bytes(&mut self, bytes: usize) {
        self.paid_place = bytes;
    }

    /// A value of type `T` begins. When it is larger than the place it was to go to, it lies
    /// behind a pointer, and nobody has paid for it yet.
    #[inline]
    pub(super) fn occupy<T>(&mut self) -> Result<(), Overdrawn> {
        if size_of::<T>() > self.paid_place {
            self.charge(size_of::<T>())?;
        }
        self.paid_place = size_of::<T>();
        Ok(())
    }

    /// One level deeper; `None` when that is too deep.
    #[inline]
    pub(super) fn descend(&mut self) -> Option<Level> {
        let before = Level(self.depth_left);
        self.depth_left = self.depth_left.checked_sub(1)?;
        Some(before)
    }

    /// Back to the level from which a `descend` led.
    #[inline]
    pub(super) fn ascend(&mut self, before: Level) {
        self.depth_left = before.0;
    }
}
