//! A skipped variant before one that travels.

#[hton::data]
enum Event {
    First,
    #[serde(skip)]
    Secret,
    Third,
    #[serde(skip)]
    Last,
}

fn main() {}
