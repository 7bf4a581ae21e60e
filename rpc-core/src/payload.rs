//! A message on its way out: encoded bytes, with large shared pieces left where they are.

use bytes::Bytes;

/// An encoded message that is ready to be sent.
///
/// Small values are bytes in one buffer. A large [`Bytes`] argument is not copied into it: the
/// payload keeps the piece and the place where it belongs, and the socket gets it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    bytes: Vec<u8>,
    /// Pieces in order, each with the offset in `bytes` before which it stands.
    pieces: Vec<(usize, Bytes)>,
    len: usize,
}

impl Payload {
    /// From this many bytes on, a shared piece is kept apart; below it a copy is cheaper.
    pub const SHARE_FROM_BYTES: usize = 16 * 1024;

    /// An empty payload that writes into `buffer`, whose old content is dropped.
    #[inline]
    #[must_use]
    pub fn with_buffer(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { bytes: buffer, pieces: Vec::new(), len: 0 }
    }

    /// Length of the whole message in bytes.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the message has no bytes. That is a message of length 0, not the absence of one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends whatever `write` appends to the buffer.
    ///
    /// # Errors
    ///
    /// Those of `write`; the payload is then as it was before.
    #[inline]
    pub fn append<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = self.bytes.len();
        match write(&mut self.bytes) {
            Ok(()) => {
                self.len += self.bytes.len().saturating_sub(before);
                Ok(())
            }
            Err(error) => {
                self.bytes.truncate(before);
                Err(error)
            }
        }
    }

    /// Appends `piece` without copying it when it is large.
    #[inline]
    pub fn share(&mut self, piece: Bytes) {
        self.len += piece.len();
        if piece.len() < Self::SHARE_FROM_BYTES {
            self.bytes.extend_from_slice(&piece);
        } else {
            self.pieces.push((self.bytes.len(), piece));
        }
    }

    /// The message as one run of bytes, when it has no shared pieces.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> Option<&[u8]> {
        self.pieces.is_empty().then_some(self.bytes.as_slice())
    }

    /// The message as shared slices, in order; nothing large is copied.
    #[must_use]
    pub fn into_slices(self) -> Vec<Bytes> {
        let bytes = Bytes::from(self.bytes);
        let mut slices = Vec::with_capacity(2 * self.pieces.len() + 1);
        let mut done = 0;
        for (offset, piece) in self.pieces {
            if offset > done {
                slices.push(bytes.slice(done..offset));
                done = offset;
            }
            slices.push(piece);
        }
        if done < bytes.len() {
            slices.push(bytes.slice(done..));
        }
        slices
    }

    /// The buffer, emptied, and the shared pieces.
    pub(crate) fn into_parts(mut self) -> (Vec<u8>, impl Iterator<Item = Bytes>) {
        self.bytes.clear();
        (self.bytes, self.pieces.into_iter().map(|(_, piece)| piece))
    }

    /// The buffer, emptied, for the next message.
    #[inline]
    #[must_use]
    pub fn into_buffer(mut self) -> Vec<u8> {
        self.bytes.clear();
        self.bytes
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self { len: bytes.len(), bytes, pieces: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_piece_keeps_its_place_and_is_not_copied() {
        let piece = Bytes::from(vec![7; Payload::SHARE_FROM_BYTES]);
        let mut payload = Payload::default();
        payload
            .append(|out| {
                out.push(1);
                Ok::<_, ()>(())
            })
            .unwrap();
        payload.share(piece.clone());
        payload
            .append(|out| {
                out.push(2);
                Ok::<_, ()>(())
            })
            .unwrap();
        assert_eq!((payload.len(), payload.as_slice()), (piece.len() + 2, None));
        let slices = payload.into_slices();
        assert_eq!(slices[0], [1].as_slice());
        assert_eq!(slices[1].as_ptr(), piece.as_ptr());
        assert_eq!(slices[2], [2].as_slice());
    }

    #[test]
    fn a_small_piece_is_copied() {
        let mut payload = Payload::default();
        payload.share(Bytes::from(vec![7; Payload::SHARE_FROM_BYTES - 1]));
        assert_eq!(payload.as_slice().map(<[u8]>::len), Some(Payload::SHARE_FROM_BYTES - 1));
    }

    #[test]
    fn a_failed_append_leaves_nothing_behind() {
        let mut payload = Payload::from(vec![1]);
        assert_eq!(
            payload.append(|out| {
                out.push(2);
                Err("no")
            }),
            Err("no")
        );
        assert_eq!(payload.as_slice(), Some([1].as_slice()));
        assert_eq!(payload.len(), 1);
    }
}
