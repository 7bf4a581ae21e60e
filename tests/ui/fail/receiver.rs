//! Handlers share the service.

#[hton::service]
trait Calc {
    async fn unique(&mut self);
    async fn consumed(self);
    async fn boxed(self: Box<Self>);
    async fn none(a: u8);
    async fn named(&'static self);
}

struct MyCalc;

// No errors here: the trait keeps what was refused.
impl Calc for MyCalc {
    async fn unique(&mut self) {}
    async fn consumed(self) {}
    async fn boxed(self: Box<Self>) {}
    async fn none(_: u8) {}
    async fn named(&'static self) {}
}

fn main() {
    let _ = CalcServer::new(MyCalc);
}
