//! A caller waits for an answer.

#[hton::service]
trait Calc {
    async fn run(&self) -> !;
}

fn main() {}
