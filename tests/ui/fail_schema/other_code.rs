//! Other code writes a field, and nobody says what.

mod hex {
    pub fn serialize<S: serde::Serializer>(_: &u8, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("")
    }
    pub fn deserialize<'de, D: serde::Deserializer<'de>>(_: D) -> Result<u8, D::Error> {
        Ok(0)
    }
}

#[hton::data]
struct Key {
    #[serde(with = "hex")]
    bytes: u8,
    #[serde(serialize_with = "hex::serialize", deserialize_with = "hex::deserialize")]
    more: u8,
    #[serde(with = "hex")]
    #[schema(as = "String")]
    fine: u8,
}

fn main() {}
