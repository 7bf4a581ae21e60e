//! A union does not say what it holds.

#[derive(hton::Schema)]
union Either {
    a: u8,
    b: i8,
}

fn main() {}
