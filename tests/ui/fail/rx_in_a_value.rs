//! A caller's stream is an argument of its own.

#[hton::service]
trait Numbers {
    async fn maybe(&self, numbers: Option<hton::Rx<i64>>);
    async fn pair(&self, both: (u8, hton::Rx<i64>));
    async fn borrowed(&self, numbers: &hton::Rx<i64>);
    async fn changed(&self, numbers: &mut hton::Rx<i64>);
    async fn fine(&self, numbers: hton::Rx<i64>);
}

fn main() {}
