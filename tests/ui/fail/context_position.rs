//! The context comes first, once, and is shared.

#[hton::service]
trait Calc {
    async fn late(&self, a: u8, cx: &hton::Context);
    async fn twice(&self, cx: &hton::Context, again: &hton::Context);
    async fn unique(&self, cx: &mut hton::Context);
}

fn main() {}
