//! A type has a name, also in a box.

#[hton::service]
trait Calc {
    async fn apply(&self, f: Box<dyn Fn(i64) -> i64 + Send>) -> i64;
    async fn error(&self) -> Result<i64, Box<dyn std::error::Error + Send + Sync>>;
}

fn main() {}
