//! A caller that fails cancels its call.

#[hton::service]
trait Numbers {
    async fn sum(&self, numbers: hton::Rx<Result<i64, String>>) -> i64;
    async fn status(&self, numbers: hton::Rx<Result<i64, hton::Status>>) -> i64;
    async fn fine(&self, numbers: hton::Rx<Option<i64>>) -> i64;
}

fn main() {}
