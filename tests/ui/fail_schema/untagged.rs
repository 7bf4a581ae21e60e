//! An untagged enum is read by trying.

#[hton::data]
#[serde(untagged)]
enum Either {
    Number(u8),
    Text(String),
}

fn main() {}
