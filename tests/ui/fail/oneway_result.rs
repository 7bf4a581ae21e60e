//! Nothing comes back from a one-way call.

#[hton::service]
trait Log {
    #[hton(oneway)]
    async fn count(&self, line: String) -> u64;
    #[hton(oneway)]
    async fn checked(&self, line: String) -> Result<(), String>;
    #[hton(oneway)]
    async fn found(&self, line: String) -> Result<(), hton::Status>;
    #[hton(oneway)]
    fn at_once(&self, line: String);
    #[hton(oneway)]
    async fn fine(&self, line: String) -> ();
}

fn main() {}
