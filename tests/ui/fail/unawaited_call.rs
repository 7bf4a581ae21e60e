//! A call that nobody awaits was not made.

#![deny(unused_must_use)]

#[hton::service]
trait Calc {
    async fn add(&self, a: u8) -> u8;
}

async fn run(calc: CalcClient) {
    calc.add(1);
}

fn main() {
    let _ = run;
}
