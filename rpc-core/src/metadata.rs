//! Metadata as users hold them: named byte strings that travel beside a message.

use crate::frame::metadata::{self, MetadataError};
use std::fmt;

/// Keys whose values are secrets wherever they come from.
const SECRET_KEYS: [&str; 2] = ["authorization", "cookie"];
/// A key that contains one of these names a secret, too.
const SECRET_PARTS: [&str; 4] = ["token", "secret", "password", "key"];

/// Named byte strings that travel beside the arguments of a call, or beside its result.
///
/// Order and duplicates are kept; values are any bytes, at most 65,535 of them. Keys have 1 to 255
/// characters of `a-z 0-9 : _ . -` and do not begin with `:`, which is the spec's own. All entries of
/// one call together are bound by the receiver's [`Limits::metadata_bytes`](crate::Limits::metadata_bytes).
///
/// `Debug` escapes values, and hides those that were marked as sensitive or whose key says that they
/// are: `authorization`, `cookie`, and keys that contain `token`, `secret`, `password` or `key`. The
/// mark stays on this side; it does not travel.
///
/// ```
/// use rpc_core::Metadata;
///
/// let mut metadata = Metadata::new();
/// metadata.append("trace", "a1")?.append("trace", [0xFF, 0x00])?;
/// metadata.append_sensitive("user", "ann")?;
/// assert_eq!(metadata.get_str("trace"), Some("a1"));
/// assert_eq!(metadata.get_all("trace").count(), 2);
/// assert!(!format!("{metadata:?}").contains("ann"));
/// # Ok::<(), rpc_core::MetadataError>(())
/// ```
///
/// Spec: `frame.metadata.layout`.
#[derive(Clone, Default)]
pub struct Metadata {
    /// Entries as they travel, known to be well formed.
    wire: Vec<u8>,
    /// Boxed because it is rare, and metadata, most often empty, move with every call.
    sensitive: Option<Box<Marks>>,
}

/// Offsets of the entries that were marked as sensitive.
#[derive(Clone, Default)]
struct Marks(Vec<usize>);

impl Metadata {
    /// No entries.
    #[must_use]
    pub const fn new() -> Self {
        Self { wire: Vec::new(), sensitive: None }
    }

    /// The entries of bytes as they travel.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] if they are not entries, one after the other.
    pub fn from_wire(wire: impl Into<Vec<u8>>) -> Result<Self, MetadataError> {
        let wire = wire.into();
        for entry in metadata::entries(&wire) {
            entry?;
        }
        Ok(Self { wire, sensitive: None })
    }

    /// The entries as they travel.
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        &self.wire
    }

    /// The entries as they travel, taken out.
    #[must_use]
    pub fn into_wire(self) -> Vec<u8> {
        self.wire
    }

    /// Adds an entry behind the others.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] if the key or the value cannot travel; nothing is added then.
    pub fn append(
        &mut self,
        key: &str,
        value: impl AsRef<[u8]>,
    ) -> Result<&mut Self, MetadataError> {
        if key.starts_with(':') {
            return Err(MetadataError::ReservedKey);
        }
        metadata::encode_entry(key, value.as_ref(), &mut self.wire)?;
        Ok(self)
    }

    /// Adds an entry behind the others, whose value `Debug` does not show.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn append_sensitive(
        &mut self,
        key: &str,
        value: impl AsRef<[u8]>,
    ) -> Result<&mut Self, MetadataError> {
        let at = self.wire.len();
        self.append(key, value)?;
        self.marks().push(at);
        Ok(self)
    }

    /// Adds the entries of `others` behind these.
    pub fn extend(&mut self, others: &Self) {
        let at = self.wire.len();
        self.wire.extend_from_slice(&others.wire);
        if let Some(marks) = &others.sensitive {
            self.marks().extend(marks.0.iter().map(|offset| at + offset));
        }
    }

    fn marks(&mut self) -> &mut Vec<usize> {
        &mut self.sensitive.get_or_insert_default().0
    }

    /// The first value with this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.get_all(key).next()
    }

    /// The first value with this key, if it is text.
    #[must_use]
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Every value with this key, in order.
    pub fn get_all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter_map(move |(name, value)| (name == key).then_some(value))
    }

    /// Every entry, in order. Entries of the spec itself, whose keys begin with `:`, are left out.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        metadata::entries(&self.wire).map_while(Result::ok).filter(|(key, _)| !key.starts_with(':'))
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Every entry with whether it was marked as sensitive.
    fn marked(&self) -> impl Iterator<Item = (bool, &str, &[u8])> {
        const LENGTHS: usize = 1 + 2;
        let mut at = 0;
        metadata::entries(&self.wire).map_while(Result::ok).map(move |(key, value)| {
            let marked = self.sensitive.as_ref().is_some_and(|marks| marks.0.contains(&at));
            at += LENGTHS + key.len() + value.len();
            (marked, key, value)
        })
    }
}

/// Two are equal when the same bytes travel.
impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.wire == other.wire
    }
}

impl Eq for Metadata {}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = |key: &str| {
            SECRET_KEYS.contains(&key) || SECRET_PARTS.iter().any(|part| key.contains(part))
        };
        let mut map = f.debug_map();
        for (marked, key, value) in self.marked() {
            match marked || secret(key) {
                true => map.entry(&key, &format_args!("<redacted>")),
                false => map.entry(&key, &format_args!("\"{}\"", value.escape_ascii())),
            };
        }
        map.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_the_spec_cannot_be_set_and_is_not_shown() {
        let mut metadata = Metadata::new();
        assert_eq!(metadata.append(":method", "x").err(), Some(MetadataError::ReservedKey));
        assert!(metadata.as_wire().is_empty());
        let received = Metadata::from_wire(b"\x02:m\x00\x01v\x01k\x00\x01w".as_slice()).unwrap();
        assert_eq!(received.iter().collect::<Vec<_>>(), [("k", b"w".as_slice())]);
        assert_eq!(received.len(), 1);
    }

    #[test]
    fn what_is_secret_is_not_printed_and_the_rest_is_escaped() {
        let mut metadata = Metadata::new();
        metadata.append("same", "shown\n").unwrap();
        metadata.append_sensitive("same", "hidden").unwrap();
        for key in ["authorization", "cookie", "x-api-key", "session-token"] {
            metadata.append(key, "hidden").unwrap();
        }
        let printed = format!("{metadata:?}");
        assert!(!printed.contains("hidden"), "{printed}");
        assert!(printed.contains(r#""same": "shown\n""#), "{printed}");
        assert_eq!(printed.matches("<redacted>").count(), 5);
    }

    #[test]
    fn marks_follow_their_entries() {
        let mut first = Metadata::new();
        first.append("a", "1").unwrap();
        let mut second = Metadata::new();
        second.append_sensitive("b", "hidden").unwrap();
        first.extend(&second);
        assert_eq!(format!("{first:?}"), r#"{"a": "1", "b": <redacted>}"#);
        assert_eq!(first, Metadata::from_wire(first.as_wire()).unwrap());
    }

    #[test]
    fn bytes_that_end_inside_an_entry_are_refused() {
        assert_eq!(Metadata::from_wire(b"\x01k\x00".as_slice()), Err(MetadataError::Truncated));
        assert!(Metadata::from_wire(b"".as_slice()).unwrap().is_empty());
    }
}
