//! A type parameter that borrows, where the declared type must live long enough to be told apart.

#[hton::data]
struct Pair<T>(T, T);

fn schema_of<T: hton::Schema>(_: &T) {}

fn main() {
    let text = String::new();
    schema_of(&Pair(text.as_str(), text.as_str()));
}
