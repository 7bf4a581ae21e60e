//! Qualifiers that mean nothing across a connection.

#[hton::service]
trait Calc {
    async extern "C" fn foreign(&self);
    const async fn constant(&self);
    async fn many(&self, a: u8, more: ...);
}

fn main() {}
