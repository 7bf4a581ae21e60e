//! The same of a result, and of an error.

struct Point;
struct Trouble;

#[hton::service]
trait Plane {
    async fn get(&self) -> Point;
    async fn find(&self) -> Result<u8, Trouble>;
}

fn main() {}
