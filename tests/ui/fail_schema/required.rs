//! A service whose types all must have schemas.

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Order;

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Trouble;

#[hton::service(schema = required)]
pub trait Shop {
    async fn place(&self, count: u8, orders: Vec<Order>) -> Result<u8, Trouble>;
}

#[hton::service]
pub trait Unchecked {
    async fn place(&self, count: u8, orders: Vec<Order>) -> Result<u8, Trouble>;
}

#[hton::service(schema = sometimes)]
pub trait Wrong {
    async fn place(&self);
}

fn main() {}
