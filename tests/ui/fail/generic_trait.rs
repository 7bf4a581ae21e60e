//! Neither the trait nor its methods are generic, and all of it is said at once.

#[hton::service]
trait Calc<T>
where
    T: Clone,
{
    async fn add(&self, a: T) -> T;
}

#[hton::service]
trait Borrowed<'a> {
    async fn add(&self, a: &'a str);
}

fn main() {}
