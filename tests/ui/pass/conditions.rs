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
    #[cfg(any())]
    async fn removed_items(&self, a: hton::Rx<NotSerializable>);
    #[cfg(any())]
    fn removed_stream(&self) -> impl hton::Stream<Item = NotSerializable>;
    #[cfg(any())]
    #[hton(oneway)]
    async fn removed_oneway(&self, a: NotSerializable);
    #[cfg(all())]
    fn kept_stream(&self, a: hton::Rx<u8>) -> impl hton::Stream<Item = u8>;
    #[cfg(all())]
    #[hton(oneway)]
    async fn kept_oneway(&self);
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
    fn kept_stream(&self, _: hton::Rx<u8>) -> impl hton::Stream<Item = u8> {
        hton::stream::iter([1])
    }
    async fn kept_oneway(&self) {}
}

fn main() {
    let server = CalcServer::new(MyCalc);
    let methods: Vec<_> =
        server.methods().iter().map(|method| (method.full_name(), method.id().get())).collect();
    let expected = [
        ("Calc/add", 0x3966_24e8),
        ("Calc/kept", 0x4858_34ff),
        ("Calc/kept_stream", 0x6f9f_3c31),
        ("Calc/kept_oneway", 0xd3af_26d6),
    ];
    assert_eq!(methods, expected);
    let _ = |client: &CalcClient| {
        let _ = client.add(1, 2);
        let _ = client.kept();
        let _ = client.kept_stream(hton::stream::iter([2]));
        let _ = client.kept_oneway();
    };
    let _ = NotThere;
}
