//! A type without serde's traits is rustc's to report, at the type.

struct Point;

#[hton::service]
trait Plane {
    async fn put(&self, point: Point);
}

fn main() {}
