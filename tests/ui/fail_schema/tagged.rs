//! A tag by name, alone and with content.

#[hton::data]
#[serde(tag = "kind")]
enum Inside {
    A { x: u8 },
}

#[hton::data]
#[serde(tag = "kind", content = "value")]
enum Beside {
    A(u8),
}

fn main() {}
