//! Names that a schema does not have.

#[hton::data]
#[serde(rename_all = "kebab-case")]
struct Order {
    fine: u8,
    first_name: u8,
    #[serde(rename = "last name")]
    last_name: u8,
    größe: u8,
}

#[hton::data]
enum Event {
    #[serde(rename = "9")]
    Nine,
}

fn main() {}
