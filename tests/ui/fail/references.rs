//! Only text and bytes can be borrowed from a request.

#[hton::service]
trait Calc {
    async fn number(&self, a: &u64);
    async fn numbers(&self, a: &[u64]);
    async fn text(&self, a: &String);
    async fn changed(&self, a: &mut Vec<u8>);
    async fn forever(&self, a: &'static str);
    async fn nested(&self, a: Vec<&u64>);
    async fn fine(&self, a: &str, b: &[u8], c: Option<&str>, d: std::borrow::Cow<'_, str>);
}

fn main() {}
