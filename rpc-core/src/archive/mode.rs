//! Whether an archive over a stream makes messages of its values, as a type.

/// Messages: nothing reaches the stream before its message is whole. The way over sockets and pipes.
#[derive(Clone, Copy, Debug)]
pub enum Framed {}

/// Values and nothing else, one after the other: files, and packets whose form somebody else laid down.
#[derive(Clone, Copy, Debug)]
pub enum Raw {}

/// [`Framed`] or [`Raw`].
pub trait Mode: sealed::Sealed {}

impl Mode for Framed {}
impl Mode for Raw {}

pub(super) mod sealed {
    /// What a [`Store`](crate::archive::Store) does differently in its modes.
    #[expect(unnameable_types, reason = "that nobody can name it is what seals `Mode`")]
    pub trait Sealed {
        /// Whether values stand in messages.
        const FRAMED: bool;
    }

    impl Sealed for super::Framed {
        const FRAMED: bool = true;
    }

    impl Sealed for super::Raw {
        const FRAMED: bool = false;
    }
}
