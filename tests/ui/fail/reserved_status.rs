//! A name that answers with a code will have.

#[hton::service]
trait Files {
    async fn read(&self) -> Result<u8, hton::Status>;
}

fn main() {}
