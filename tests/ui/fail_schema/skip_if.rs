//! A field that is sometimes left out.

#[hton::data]
struct Order {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn main() {}
