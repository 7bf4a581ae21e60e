//! Every fault of a trait is reported, also those behind the first.

#[hton::service(nmae = "x")]
trait Calc {
    const ZERO: u8;
    #[hton(oneway)]
    fn add<T>(&mut self, (a, b): (u8, u8), c: &mut T) -> &str;
    async fn fine(&self);
}

fn main() {}
