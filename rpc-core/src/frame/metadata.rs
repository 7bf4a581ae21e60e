//! Metadata: named byte strings that travel beside a message.
//!
//! Entries stand one after the other: `key length u8 | key | value length u16 | value`. Order and
//! duplicates are kept. Knows no limit but those of the length fields; the machine knows the sum.

use thiserror::Error;

/// The reserved key that names a method.
pub const METHOD_KEY: &str = ":method";

/// Why metadata cannot be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// A key is empty or longer than 255 bytes.
    #[error("a metadata key has 1 to 255 bytes")]
    KeyLength,
    /// A key has a character that keys may not have.
    #[error("a metadata key consists of a-z, 0-9, ':', '_', '.' and '-'")]
    KeyCharacter,
    /// A key begins with `:` and belongs to the spec.
    #[error("a metadata key that begins with ':' belongs to the spec")]
    ReservedKey,
    /// A value is longer than 65,535 bytes.
    #[error("a metadata value has at most 65,535 bytes")]
    ValueLength,
    /// The bytes end inside an entry.
    #[error("metadata end inside an entry")]
    Truncated,
}

/// Appends one entry to `out`.
///
/// # Errors
///
/// A key or value that cannot travel; `out` is then as it was.
///
/// Spec: `frame.metadata.layout`.
pub fn encode_entry(key: &str, value: &[u8], out: &mut Vec<u8>) -> Result<(), MetadataError> {
    check_key(key.as_bytes())?;
    let key_len = u8::try_from(key.len()).map_err(|_| MetadataError::KeyLength)?;
    let value_len = u16::try_from(value.len()).map_err(|_| MetadataError::ValueLength)?;
    out.push(key_len);
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(&value_len.to_be_bytes());
    out.extend_from_slice(value);
    Ok(())
}

/// The entries of `bytes`, in order; ends after the first malformed one.
#[must_use]
pub const fn entries(bytes: &[u8]) -> Entries<'_> {
    Entries { rest: bytes }
}

/// Iterator over metadata entries.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(&'a str, &'a [u8]), MetadataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = decode_entry(self.rest);
        self.rest = entry.as_ref().map_or(&[], |(_, _, rest)| *rest);
        Some(entry.map(|(key, value, _)| (key, value)))
    }
}

type Entry<'a> = (&'a str, &'a [u8], &'a [u8]);

fn decode_entry(bytes: &[u8]) -> Result<Entry<'_>, MetadataError> {
    let (&key_len, rest) = bytes.split_first().ok_or(MetadataError::Truncated)?;
    let (key, rest) = split(rest, usize::from(key_len))?;
    check_key(key)?;
    let (value_len, rest) = rest.split_first_chunk().ok_or(MetadataError::Truncated)?;
    let (value, rest) = split(rest, usize::from(u16::from_be_bytes(*value_len)))?;
    let key = std::str::from_utf8(key).map_err(|_| MetadataError::KeyCharacter)?;
    Ok((key, value, rest))
}

fn split(bytes: &[u8], at: usize) -> Result<(&[u8], &[u8]), MetadataError> {
    bytes.split_at_checked(at).ok_or(MetadataError::Truncated)
}

fn check_key(key: &[u8]) -> Result<(), MetadataError> {
    if key.is_empty() {
        return Err(MetadataError::KeyLength);
    }
    let allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b':' | b'_' | b'.' | b'-');
    match key.iter().all(allowed) {
        true => Ok(()),
        false => Err(MetadataError::KeyCharacter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_order_and_duplicates() {
        let mut out = Vec::new();
        encode_entry("k", b"\x00\xff", &mut out).unwrap();
        encode_entry("k", b"", &mut out).unwrap();
        assert_eq!(out, b"\x01k\x00\x02\x00\xff\x01k\x00\x00");
        let read: Vec<_> = entries(&out).map(Result::unwrap).collect();
        assert_eq!(read, [("k", b"\x00\xff".as_slice()), ("k", b"")]);
    }

    #[test]
    fn every_truncation_is_refused() {
        let whole = b"\x01k\x00\x01v";
        for cut in 1..whole.len() {
            assert_eq!(entries(&whole[..cut]).next(), Some(Err(MetadataError::Truncated)), "{cut}");
        }
        assert_eq!(entries(b"").next(), None);
    }

    #[test]
    fn a_key_with_a_capital_or_without_length_is_refused() {
        let mut out = Vec::new();
        assert_eq!(encode_entry("K", b"", &mut out), Err(MetadataError::KeyCharacter));
        assert_eq!(encode_entry("", b"", &mut out), Err(MetadataError::KeyLength));
        assert_eq!(encode_entry(&"k".repeat(256), b"", &mut out), Err(MetadataError::KeyLength));
        assert_eq!(encode_entry("k", &[0; 65_536], &mut out), Err(MetadataError::ValueLength));
        assert!(out.is_empty());
        assert_eq!(entries(b"\x01K\x00\x00").next(), Some(Err(MetadataError::KeyCharacter)));
        assert_eq!(entries(b"\x00\x00\x00").next(), Some(Err(MetadataError::KeyLength)));
    }
}
