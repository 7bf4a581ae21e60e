//! Where a stream of messages stands: whether it may end there.

/// Follows the bytes of a message stream from its beginning, in any cut.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// The length of the message that begins, as far as it has come.
    head: [u8; 4],
    head_len: usize,
    /// Bytes that the message still has.
    body_left: usize,
}

impl Course {
    /// These bytes come next.
    pub(crate) fn follow(&mut self, mut bytes: &[u8]) {
        while let [first, rest @ ..] = bytes {
            if self.body_left > 0 {
                let passed = self.body_left.min(bytes.len());
                self.body_left -= passed;
                bytes = bytes.get(passed..).unwrap_or_default();
                continue;
            }
            if let Some(place) = self.head.get_mut(self.head_len) {
                *place = *first;
            }
            self.head_len += 1;
            if self.head_len == self.head.len() {
                self.head_len = 0;
                self.body_left =
                    usize::try_from(u32::from_be_bytes(self.head)).unwrap_or(usize::MAX);
            }
            bytes = rest;
        }
    }

    /// Whether it stands inside a message.
    pub(crate) const fn is_inside(&self) -> bool {
        self.head_len > 0 || self.body_left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_may_end_only_between_two_messages_however_it_is_cut() {
        let bytes = b"\0\0\0\x02ab\0\0\0\0\0\0\0\x01c";
        let between = [0, 6, 10, 15];
        for cut in 1..=bytes.len() {
            let mut course = Course::default();
            let mut followed = 0;
            assert!(!course.is_inside());
            for piece in bytes.chunks(cut) {
                course.follow(piece);
                followed += piece.len();
                assert_eq!(!course.is_inside(), between.contains(&followed), "{cut}: {followed}");
            }
        }
    }
}
