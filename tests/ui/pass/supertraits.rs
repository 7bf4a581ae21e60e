//! Bounds of the trait are kept beside those that every service has.

use std::fmt::Debug;

pub trait Named {
    const NAME: &'static str;
}

#[hton::service]
pub trait Calc: Named + Debug + Send + Sync + 'static {
    async fn add(&self, a: u8) -> u8;
}

#[derive(Debug)]
struct MyCalc;

impl Named for MyCalc {
    const NAME: &'static str = "mine";
}

impl Calc for MyCalc {
    async fn add(&self, a: u8) -> u8 {
        a + Self::NAME.len() as u8
    }
}

fn name<T: Calc>(_: &T) -> &'static str {
    T::NAME
}

fn main() {
    assert_eq!(name(&MyCalc), "mine");
    assert_eq!(format!("{:?}", CalcServer::new(MyCalc)), "CalcServer");
}
