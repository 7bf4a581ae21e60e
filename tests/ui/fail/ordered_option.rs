//! `ordered` is there or not.

#[hton::service(ordered, name = "Log", ordered)]
trait Twice {
    async fn add(&self);
}

#[hton::service(ordered = true)]
trait Valued {
    async fn add(&self);
}

#[hton::service(order)]
trait Misspelled {
    async fn add(&self);
}

#[hton::service(oneway)]
trait Misplaced {
    async fn add(&self);
}

#[hton::service(ordered)]
trait Fine {
    async fn add(&self);
}

fn main() {}
