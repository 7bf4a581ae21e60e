//! The options of a method.

#[hton::service]
trait Calc {
    #[hton(spwan)]
    async fn a(&self);
    #[hton(spawn = true)]
    async fn b(&self);
    #[hton(spawn, spawn)]
    async fn c(&self);
    #[hton]
    async fn d(&self);
    #[hton = "spawn"]
    async fn e(&self);
}

fn main() {}
