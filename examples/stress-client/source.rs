//! Where messages come from: random sizes and random bytes, the same from the same seed.

use hton::Bytes;

/// Bytes beyond the largest message: so many different messages of that size there are.
const SPARE: usize = 1 << 20;

/// A run of random bytes of which every message is a part, so that sending one copies nothing and
/// comparing it takes no longer than reading it.
#[derive(Clone)]
pub(crate) struct Source {
    bytes: Bytes,
    largest: usize,
}

impl Source {
    pub(crate) fn new(largest: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let words = (largest + SPARE).div_ceil(8);
        let bytes: Vec<u8> = (0..words).flat_map(|_| random.word().to_be_bytes()).collect();
        Self { bytes: bytes.into(), largest }
    }

    /// The message with this number. The first ones try the ends of the range, all others are random.
    pub(crate) fn message(&self, number: u64, random: &mut Random) -> Bytes {
        let size = match number {
            0 => 0,
            1 => self.largest.min(1),
            2 => self.largest,
            3 => self.largest.saturating_sub(1),
            _ => random.below(self.largest + 1),
        };
        self.part(size, random)
    }

    /// A message of this size, at most the largest.
    pub(crate) fn part(&self, size: usize, random: &mut Random) -> Bytes {
        let size = size.min(self.largest);
        let at = random.below(SPARE);
        self.bytes.slice(at..at + size)
    }
}

/// What differs first, as a sentence; `None` if every byte is the same.
pub(crate) fn difference(sent: &[u8], received: &[u8]) -> Option<String> {
    if sent.len() != received.len() {
        return Some(format!("{} bytes were sent, {} came back", sent.len(), received.len()));
    }
    let at = sent.iter().zip(received).position(|(a, b)| a != b)?;
    Some(format!("byte {at} of {} differs", sent.len()))
}

/// Random numbers that come again from the same seed (splitmix64).
#[derive(Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xd134_2543_de82_ef95))
    }

    pub(crate) const fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// From 0 to less than this, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.word() % bound as u64).unwrap_or_default()
    }
}
