//! A status is how a call ends.

#[hton::service]
trait Calc {
    async fn take(&self, status: hton::Status);
    async fn give(&self) -> hton::Status;
    async fn all(&self) -> Vec<hton::Status>;
    fn follow(&self) -> impl hton::Stream<Item = hton::Status>;
    async fn send(&self, all: hton::Rx<hton::Status>);
    async fn fine(&self) -> Result<(), hton::Status>;
}

fn main() {}
