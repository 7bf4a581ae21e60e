//! Each argument is part of the message, under any configuration.

#[hton::service]
trait Calc {
    async fn add(&self, a: u8, #[cfg(unix)] b: u8) -> u8;
}

fn main() {}
