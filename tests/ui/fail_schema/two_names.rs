//! One name to write and another to read.

#[hton::data]
#[serde(rename_all(serialize = "UPPERCASE"))]
struct Order {
    #[serde(rename(serialize = "a", deserialize = "b"))]
    x: u8,
    #[serde(rename(serialize = "c", deserialize = "c"))]
    y: u8,
}

fn main() {}
