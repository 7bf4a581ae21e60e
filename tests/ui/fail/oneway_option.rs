//! `oneway` is there or not, and `ordered` belongs to the service.

#[hton::service]
trait Log {
    #[hton(oneway = true)]
    async fn a(&self);
    #[hton(oneway, oneway)]
    async fn b(&self);
    #[hton(one_way)]
    async fn c(&self);
    #[hton(oneway, ordered)]
    async fn d(&self);
    #[hton(oneway(spawn))]
    async fn e(&self);
    #[hton(oneway, spawn)]
    async fn fine(&self);
}

fn main() {}
