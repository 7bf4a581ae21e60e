//! What a service may be called on the wire.

#[hton::service(name = "a/b")]
trait Slash {
    async fn add(&self);
}

#[hton::service(name = "")]
trait Empty {
    async fn add(&self);
}

#[hton::service(name = "a..b")]
trait Dots {
    async fn add(&self);
}

#[hton::service(name = "net.example.v1.Calc_2")]
trait Fine {
    async fn add(&self);
}

#[hton::service]
trait Größe {
    async fn add(&self);
}

#[hton::service]
trait Size {
    async fn größe(&self);
}

fn main() {}
