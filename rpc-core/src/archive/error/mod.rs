//! Why a value cannot be encoded, bytes cannot be decoded, or their stream failed.

mod decode;
mod encode;
pub(in crate::archive) mod kinds;
mod stream;

use std::fmt;

pub use decode::{DecodeError, DecodeErrorKind};
pub use encode::{EncodeError, EncodeErrorKind};
pub use stream::{LoadError, StoreError};

/// Longest text, in bytes, that a type's own error message keeps: it may quote what a peer sent.
const MESSAGE_BYTES_MAX: usize = 1024;

/// The text of `message`, cut on a character boundary when it is too long.
fn capped(message: impl fmt::Display) -> String {
    struct Capped(String);

    impl fmt::Write for Capped {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = MESSAGE_BYTES_MAX.saturating_sub(self.0.len());
            if text.len() <= room {
                self.0.push_str(text);
                return Ok(());
            }
            let cut = (0..=room).rev().find(|&at| text.is_char_boundary(at));
            self.0.push_str(text.get(..cut.unwrap_or(0)).unwrap_or(""));
            self.0.push('…');
            Err(fmt::Error)
        }
    }

    let mut text = Capped(String::new());
    // The only failure is the full buffer, and its text is what was wanted.
    let _ = fmt::write(&mut text, format_args!("{message}"));
    text.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_one_pointer() {
        assert_eq!(size_of::<DecodeError>(), size_of::<usize>());
        assert_eq!(size_of::<EncodeError>(), size_of::<usize>());
    }

    #[test]
    fn a_long_message_is_cut_on_a_character_boundary() {
        let longest = "x".repeat(MESSAGE_BYTES_MAX);
        assert_eq!(capped(&longest), longest);
        let cut = capped(format!("y{}", "é".repeat(MESSAGE_BYTES_MAX)));
        assert_eq!(cut.chars().count(), 1 + (MESSAGE_BYTES_MAX - 1) / 2 + 1);
        assert!(cut.ends_with("é…"));
    }
}
