//! A service has a method.

#[hton::service]
trait Calc {}

fn main() {}
