//! A name whose hash begins with four zeros. In a service of another name it does not.

#[hton::service]
trait Zero {
    async fn m29677384615(&self);
    async fn m29677384616(&self);
}

#[hton::service]
trait Nil {
    async fn m29677384615(&self);
}

fn main() {}
