//! One-way methods come later.

#[hton::service]
trait Log {
    #[hton(oneway)]
    async fn log(&self, line: String);
}

fn main() {}
