//! Errors name the argument that they are about.

#[hton::service]
trait Calc {
    async fn pair(&self, (a, b): (u8, u8));
    async fn ignored(&self, _: u8);
    async fn mutable(&self, mut a: u8);
}

fn main() {}
