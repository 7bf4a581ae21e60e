//! A service is a trait.

#[hton::service]
struct Calc;

fn main() {}
