//! Handlers run side by side, so they share their service.

use std::cell::Cell;

#[hton::service]
trait Calc {
    async fn add(&self, a: u8) -> u8;
}

struct MyCalc(Cell<u8>);

impl Calc for MyCalc {
    async fn add(&self, a: u8) -> u8 {
        a
    }
}

fn main() {}
