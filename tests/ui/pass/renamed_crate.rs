//! hton under another name, or behind a crate that re-exports it.

extern crate hton as network;

mod framework {
    pub mod rpc {
        pub use hton::*;
    }
}

mod service {
    use super::framework::rpc::{Rx, Status, Stream};

    #[network::service(crate = "crate::framework::rpc")]
    pub trait Calc {
        async fn add(&self, a: u8) -> u8;
        async fn echo(&self, a: Rx<u8>) -> Result<impl Stream<Item = u8>, Status>;
        #[hton(oneway)]
        async fn log(&self);
    }

    #[network::service(crate = "network", name = "Calc")]
    pub trait SameCalc {
        async fn add(&self, a: u8) -> u8;
        async fn echo(&self, a: Rx<u8>) -> Result<impl Stream<Item = u8>, Status>;
        #[hton(oneway)]
        async fn log(&self);
    }

    use super::network;
}

struct MyCalc;

impl service::Calc for MyCalc {
    async fn add(&self, a: u8) -> u8 {
        a
    }
    async fn echo(
        &self,
        _: network::Rx<u8>,
    ) -> Result<impl network::Stream<Item = u8>, network::Status> {
        Ok(network::stream::iter([1]))
    }
    async fn log(&self) {}
}

impl service::SameCalc for MyCalc {
    async fn add(&self, a: u8) -> u8 {
        a
    }
    async fn echo(
        &self,
        _: network::Rx<u8>,
    ) -> Result<impl network::Stream<Item = u8>, network::Status> {
        Ok(network::stream::iter([1]))
    }
    async fn log(&self) {}
}

fn main() {
    use network::Service;
    let (one, other) =
        (service::CalcServer::new(MyCalc), service::SameCalcServer::new(MyCalc));
    assert_eq!(one.methods(), other.methods());
}
