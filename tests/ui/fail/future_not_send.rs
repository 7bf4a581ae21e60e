//! A handler may be moved between threads while it waits: rustc points at what cannot.

use std::rc::Rc;

#[hton::service]
trait Calc {
    async fn add(&self, a: u8, b: u8) -> u8;
}

struct MyCalc;

impl Calc for MyCalc {
    async fn add(&self, a: u8, b: u8) -> u8 {
        let sum = Rc::new(a + b);
        std::future::ready(()).await;
        *sum
    }
}

fn main() {}
