//! A call carries one stream each way.

#[hton::service]
trait Numbers {
    async fn merge(&self, a: hton::Rx<i64>, to: u8, b: hton::Rx<i64>);
    fn zip(&self, a: hton::Rx<i64>, b: hton::Rx<String>) -> impl hton::Stream<Item = String>;
    fn fine(&self, a: hton::Rx<i64>) -> impl hton::Stream<Item = i64>;
}

fn main() {}
