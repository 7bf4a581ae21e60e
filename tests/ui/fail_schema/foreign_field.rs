//! A field whose type has no schema.

#[derive(serde::Serialize, serde::Deserialize)]
struct Foreign;

#[hton::data]
struct Order {
    a: u8,
    foreign: Vec<Foreign>,
}

fn main() {}
