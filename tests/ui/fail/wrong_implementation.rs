//! An implementation that does not fit is told about the method.

#[hton::service]
trait Calc {
    async fn add(&self, a: u8) -> u8;
}

struct MyCalc;

impl Calc for MyCalc {
    async fn add(&self, a: u8) -> u16 {
        a.into()
    }
}

fn main() {}
