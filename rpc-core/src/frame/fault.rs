//! What a RESPONSE says beside its code when a call failed: a sentence, and where in the message.
//!
//! The value encoding of `Fault { message: str, at: opt {offset: u64, path: str} }`, written out by
//! hand because its reader must bound it and its writer must cut it.

use super::body::Body;
use super::cut_text;
use crate::{CloseCode, ProtocolError};

/// The body of a RESPONSE with a code from 1 to 16, or 18.
///
/// Spec: `errors.fault.layout`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// What went wrong, in words.
    pub message: String,
    /// Where in the arguments, when they could not be decoded.
    pub at: Option<FaultPlace>,
}

/// A place in a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultPlace {
    /// Bytes before it.
    pub offset: u64,
    /// The fields that lead to it, such as `order.items[3]`.
    pub path: String,
}

impl Fault {
    /// A fault with a message and no place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), at: None }
    }

    /// Appends the value; each text is cut to `text_bytes_max` on a character boundary.
    pub fn encode(&self, text_bytes_max: usize, out: &mut Vec<u8>) {
        encode_text(&self.message, text_bytes_max, out);
        let Some(at) = &self.at else {
            return out.push(0);
        };
        out.push(1);
        out.extend_from_slice(&at.offset.to_be_bytes());
        encode_text(&at.path, text_bytes_max, out);
    }

    /// Reads a whole value; `None` when the bytes are not one, which a receiver ignores.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut body = Body::new(bytes);
        let fault = decode_fault(&mut body).ok()?;
        body.is_empty().then_some(fault)
    }
}

fn decode_fault(body: &mut Body<'_>) -> Result<Fault, ProtocolError> {
    let message = decode_text(body)?;
    let at = match body.u8()? {
        0 => None,
        1 => Some(FaultPlace { offset: body.u64()?, path: decode_text(body)? }),
        _ => return Err(not_a_fault("an option is neither none nor some")),
    };
    Ok(Fault { message, at })
}

/// Never told to anybody: a value that is no fault is ignored.
fn not_a_fault(reason: &str) -> ProtocolError {
    ProtocolError::new(CloseCode::INTERNAL, reason)
}

fn encode_text(text: &str, text_bytes_max: usize, out: &mut Vec<u8>) {
    let text = cut_text(text, text_bytes_max);
    let count = u64::try_from(text.len()).unwrap_or(u64::MAX);
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn decode_text(body: &mut Body<'_>) -> Result<String, ProtocolError> {
    let count = usize::try_from(body.u64()?).unwrap_or(usize::MAX);
    let text = std::str::from_utf8(body.take(count)?);
    text.map(str::to_owned).map_err(|_| not_a_fault("a text is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = b"\0\0\0\0\0\0\0\x02no\x01\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x01a";

    #[test]
    fn a_fault_with_a_place_has_these_bytes() {
        let fault =
            Fault { message: "no".into(), at: Some(FaultPlace { offset: 9, path: "a".into() }) };
        let mut out = Vec::new();
        fault.encode(4096, &mut out);
        assert_eq!(out, WHOLE);
        assert_eq!(Fault::decode(WHOLE), Some(fault));
    }

    #[test]
    fn every_truncation_and_every_trailing_byte_is_ignored() {
        for cut in 0..WHOLE.len() {
            assert_eq!(Fault::decode(&WHOLE[..cut]), None, "{cut}");
        }
        assert_eq!(Fault::decode(&[WHOLE, b"\0"].concat()), None);
        assert_eq!(Fault::decode(&[0xff; 64]), None);
        assert_eq!(Fault::decode(b"\0\0\0\0\0\0\0\0\x02"), None);
    }

    #[test]
    fn a_long_message_is_cut_on_a_character_boundary() {
        let mut out = Vec::new();
        Fault::new("aé").encode(2, &mut out);
        assert_eq!(out, b"\0\0\0\0\0\0\0\x01a\0");
    }
}
