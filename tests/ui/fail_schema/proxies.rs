//! A proxy for one direction, and two that differ.

#[derive(serde::Serialize, serde::Deserialize, hton::Schema)]
#[serde(from = "u8")]
struct Half(u8);

impl From<u8> for Half {
    fn from(half: u8) -> Self {
        Self(half)
    }
}

#[derive(Clone, serde::Serialize, serde::Deserialize, hton::Schema)]
#[serde(from = "u8", into = "u16")]
struct Wide(u8);

impl From<u8> for Wide {
    fn from(wide: u8) -> Self {
        Self(wide)
    }
}

impl From<Wide> for u16 {
    fn from(wide: Wide) -> Self {
        wide.0.into()
    }
}

fn main() {}
