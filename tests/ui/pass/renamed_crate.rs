//! hton under another name, or behind a crate that re-exports it.

extern crate hton as network;

mod framework {
    pub mod rpc {
        pub use hton::*;
    }
}

mod service {
    #[network::service(crate = "crate::framework::rpc")]
    pub trait Calc {
        async fn add(&self, a: u8) -> u8;
    }

    #[network::service(crate = "network", name = "Calc")]
    pub trait SameCalc {
        async fn add(&self, a: u8) -> u8;
    }

    use super::network;
}

struct MyCalc;

impl service::Calc for MyCalc {
    async fn add(&self, a: u8) -> u8 {
        a
    }
}

impl service::SameCalc for MyCalc {
    async fn add(&self, a: u8) -> u8 {
        a
    }
}

fn main() {
    use network::Service;
    let (one, other) =
        (service::CalcServer::new(MyCalc), service::SameCalcServer::new(MyCalc));
    assert_eq!(one.methods(), other.methods());
}
