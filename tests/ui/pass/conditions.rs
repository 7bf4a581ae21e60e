//! A condition on a method holds for everything that is generated of it, and moves no other id.

use hton::Service;

struct NotThere;

#[hton::service]
trait Calc {
    #[cfg(any())]
    async fn removed(&self, a: NotSerializable) -> NotSerializable;
    async fn add(&self, a: i64, b: i64) -> i64;
    #[cfg_attr(all(), cfg(any()))]
    async fn removed_too(&self, a: NotThere) -> NotThere;
    #[cfg(all())]
    async fn kept(&self);
    #[cfg(any())]
    async fn new(&self);
}

#[hton::service]
#[cfg(any())]
trait Absent {
    async fn add(&self, a: NotSerializable);
}

struct MyCalc;

impl Calc for MyCalc {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
    async fn kept(&self) {}
}

fn main() {
    let server = CalcServer::new(MyCalc);
    let methods: Vec<_> =
        server.methods().iter().map(|method| (method.full_name(), method.id().get())).collect();
    assert_eq!(methods, [("Calc/add", 0x3966_24e8), ("Calc/kept", 0x4858_34ff)]);
    let _ = |client: &CalcClient| {
        let _ = client.add(1, 2);
        let _ = client.kept();
    };
    let _ = NotThere;
}
