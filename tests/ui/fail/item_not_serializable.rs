//! An item without serde's traits is rustc's to report, at the type.

struct Point;

#[hton::service]
trait Plane {
    async fn put(&self, points: hton::Rx<Point>);
    fn all(&self) -> impl hton::Stream<Item = Point>;
}

fn main() {}
