//! One name for two parts.

#[derive(hton::Schema)]
struct Order {
    a: u8,
    #[serde(rename = "a")]
    b: u8,
}

#[derive(hton::Schema)]
#[serde(rename_all = "lowercase")]
enum Event {
    A,
    a,
}

fn main() {}
