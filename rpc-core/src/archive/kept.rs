//! The bytes of a stream, in a buffer that keeps those of a value until the value is whole.

use std::borrow::Cow;
use std::io::{self, Read};

use super::error::{DecodeError, DecodeErrorKind as Kind, LoadError};
use super::load::{ended, fill};
use super::raw::beyond_message;
use super::source::{Source, eof};
use super::stream::Incoming;

/// Reads ahead into a buffer, and gives nothing away before [`settle`](Self::settle).
pub(super) struct KeptSource<'a, R> {
    stream: &'a mut R,
    incoming: &'a mut Incoming,
    /// How many bytes the value has taken so far.
    taken: usize,
    limit: usize,
    /// The fault of the stream; what decoding then reports is of no interest.
    failure: Option<io::Error>,
}

impl<'a, R: Read> KeptSource<'a, R> {
    pub(super) const fn new(stream: &'a mut R, incoming: &'a mut Incoming, limit: usize) -> Self {
        Self { stream, incoming, taken: 0, limit, failure: None }
    }

    /// The outcome of decoding. What a failed value has taken is there for the next attempt.
    pub(super) fn settle<T>(self, value: Result<T, DecodeError>) -> Result<T, LoadError> {
        match (self.failure, value) {
            (None, Ok(value)) => {
                self.incoming.consume(self.taken);
                Ok(value)
            }
            (Some(failure), _) => Err(LoadError::Io(failure)),
            (None, Err(error)) if error.kind() == Kind::Eof && self.incoming.len() == 0 => {
                Err(ended().into())
            }
            (None, Err(error)) => Err(error.into()),
        }
    }

    /// The next `len` bytes, which have arrived.
    fn next(&mut self, len: usize) -> Result<&[u8], DecodeError> {
        let end = self.taken.saturating_add(len);
        if end > self.limit {
            return Err(beyond_message(len, self.remaining(), self.offset()));
        }
        while self.incoming.len() < end {
            let missing = end.saturating_sub(self.incoming.len());
            let space = self.incoming.space(missing);
            match fill(self.stream, space) {
                Ok(0) => {
                    let arrived = self.incoming.len().saturating_sub(self.taken);
                    return Err(eof(len, arrived, self.offset()));
                }
                Ok(count) => self.incoming.filled(count),
                Err(error) => return Err(self.fail(error)),
            }
        }
        let start = std::mem::replace(&mut self.taken, end);
        Ok(self.incoming.unread().get(start..end).unwrap_or_default())
    }

    #[cold]
    fn fail(&mut self, error: io::Error) -> DecodeError {
        self.failure = Some(error);
        DecodeError::new(Kind::Custom, "the stream failed", self.offset())
    }
}

impl<R: Read> Source<'static> for KeptSource<'_, R> {
    fn offset(&self) -> u64 {
        self.taken as u64
    }

    fn remaining(&self) -> usize {
        self.limit.saturating_sub(self.taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        for (to, from) in array.iter_mut().zip(self.next(N)?) {
            *to = *from;
        }
        Ok(array)
    }

    fn take(&mut self, len: usize) -> Result<Cow<'static, [u8]>, DecodeError> {
        Ok(Cow::Owned(self.next(len)?.to_vec()))
    }
}
