//! Parts that one end leaves out and the other does not.

#[hton::data]
struct Order {
    #[serde(skip_serializing, default)]
    written_never: u8,
    #[serde(skip_deserializing)]
    read_never: u8,
    #[serde(skip_serializing, skip_deserializing)]
    neither: u8,
}

#[hton::data]
enum Event {
    #[serde(skip_deserializing)]
    Old,
    New,
}

fn main() {}
