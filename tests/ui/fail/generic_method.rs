//! A peer does not know the type that a generic method is called with.

#[hton::service]
trait Calc {
    async fn add<T>(&self, a: T) -> u8;
    async fn sized<const N: usize>(&self) -> u8;
    async fn borrowed<'a>(&self, a: &'a str) -> u8;
    async fn bounded(&self) -> u8
    where
        u8: Copy;
}

fn main() {}
