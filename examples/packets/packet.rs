//! A packet, and how whoever receives it knows that nothing of it has changed on the way.

use serde::{Deserialize, Serialize};

/// A value, how often it follows, that many copies of it, and a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Packet {
    pub(crate) value: u32,
    pub(crate) count: u32,
    pub(crate) copies: Vec<u32>,
    pub(crate) text: String,
}

impl Packet {
    /// The packet with this number, of `count` copies.
    pub(crate) fn new(number: u32, count: u32) -> Self {
        let value = value_of(number);
        let copies = (0..count).map(|_| value).collect();
        Self { value, count, copies, text: text_of(number, count) }
    }

    /// Looks at every part of what came as the packet with this number. Gives its text, or says what is wrong with it.
    pub(crate) fn verify(self, number: u32) -> Result<String, String> {
        let Self { value, count, copies, text } = self;
        if value != value_of(number) {
            return Err(format!("its value is {value:#010x}, not {:#010x}", value_of(number)));
        }
        if usize::try_from(count) != Ok(copies.len()) {
            return Err(format!("it has {} copies, not {count}", copies.len()));
        }
        if let Some((copy, index)) = copies.iter().zip(1..=count).find(|(copy, _)| **copy != value)
        {
            return Err(format!("copy {index} of {count} is {copy:#010x}, not {value:#010x}"));
        }
        if text != text_of(number, count) {
            return Err(format!("its text is {text:?}"));
        }
        Ok(text)
    }
}

/// Both ends know it, so that a change of the value itself shows.
fn value_of(number: u32) -> u32 {
    number.wrapping_mul(0x9E37_79B9)
}

fn text_of(number: u32, count: u32) -> String {
    format!("packet {number}, {count} copies")
}
