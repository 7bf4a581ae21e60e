//! An error of this name is hton's, so that its code travels.

#[derive(serde::Serialize, serde::Deserialize)]
enum Status {
    Busy,
}

#[hton::service]
trait Device {
    async fn start(&self) -> Result<(), Status>;
    async fn status(&self) -> Status;
}

fn main() {}
