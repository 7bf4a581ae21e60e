//! A flattened struct has no length that is known before it is walked.

#[hton::data]
struct Inner {
    a: u8,
}

#[hton::data]
struct Outer {
    b: u8,
    #[serde(flatten)]
    inner: Inner,
}

fn main() {}
