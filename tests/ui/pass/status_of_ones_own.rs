//! A type of the user's may be called `Status` wherever it is a value.

use hton::{Code, Side};

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
enum Status {
    Idle,
    Busy,
}

#[hton::service]
trait Device {
    async fn status(&self) -> Status;
    async fn set(&self, status: Status) -> Result<Option<Status>, hton::Status>;
    fn follow(&self) -> impl hton::Stream<Item = Status>;
}

struct MyDevice;

impl Device for MyDevice {
    async fn status(&self) -> Status {
        Status::Idle
    }
    async fn set(&self, status: Status) -> Result<Option<Status>, hton::Status> {
        match status {
            Status::Idle => Ok(Some(status)),
            Status::Busy => Err(hton::Status::new(Code::UNAVAILABLE, "busy")),
        }
    }
    fn follow(&self) -> impl hton::Stream<Item = Status> {
        hton::stream::iter([Status::Busy])
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (near, far) = hton::memory();
    let far = hton::attach(far, Side::Acceptor).serve(DeviceServer::new(MyDevice)).unwrap().start();
    let device = DeviceClient::new(hton::attach(near, Side::Dialer).start());
    assert_eq!(device.status().await.unwrap(), Status::Idle);
    assert_eq!(device.set(Status::Idle).await.unwrap(), Some(Status::Idle));
    assert_eq!(device.set(Status::Busy).await.unwrap_err().code(), Code::UNAVAILABLE);
    assert_eq!(device.follow().recv().await.unwrap(), Some(Status::Busy));
    drop(far);
}
