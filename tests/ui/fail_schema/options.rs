//! Options that there are not.

#[derive(hton::Schema)]
#[schema(name = "a")]
struct Order {
    #[schema]
    a: u8,
    #[schema(crate = "hton")]
    b: u8,
    #[schema(as)]
    d: u8,
}

#[hton::data(rename = "a")]
struct Item {
    a: u8,
}

#[hton::data]
fn place() {}

fn main() {}
