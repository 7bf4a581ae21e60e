//! The one field of a newtype, skipped.

#[derive(hton::Schema)]
struct Secret(#[serde(skip)] u8);

fn main() {}
