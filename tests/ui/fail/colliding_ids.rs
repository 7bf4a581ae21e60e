//! Two names whose hashes begin alike. In a service of another name they do not.

#[hton::service]
trait Chat {
    async fn m18119(&self);
    async fn m176293(&self);
}

#[hton::service]
trait Talk {
    async fn m18119(&self);
    async fn m176293(&self);
}

fn main() {}
