//! How a service is tested: the tests of a small shop, with its service in the same process, with a mock of
//! what it calls, with time that passes at once, and over a line on which things go wrong.
//!
//! ```text
//! cargo run --example testing
//! ```
//!
//! In a crate of your own each of the functions would be a `#[test]` or a
//! `#[tokio::test(start_paused = true)]`.

use hton::testing::{self, Faults, Mock};
use hton::{Code, Peer, Status};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the shop sells: the service under test. It asks the warehouse.
#[hton::service]
trait Shop {
    async fn order(&self, item: String, count: u32) -> Result<Receipt, Refusal>;
    async fn opening(&self) -> Result<String, Status>;
}

#[hton::service]
trait Warehouse {
    async fn take(&self, item: String, count: u32) -> Result<u32, Status>;
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Receipt {
    item: String,
    cents: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Refusal {
    NothingOrdered,
    SoldOut { left: u32 },
    Closed,
}

struct MyShop {
    warehouse: WarehouseClient,
}

impl Shop for MyShop {
    async fn order(&self, item: String, count: u32) -> Result<Receipt, Refusal> {
        if count == 0 {
            return Err(Refusal::NothingOrdered);
        }
        let taken = self.warehouse.take(item.clone(), count).timeout(Duration::from_secs(5)).await;
        match taken {
            Ok(taken) if taken < count => Err(Refusal::SoldOut { left: taken }),
            Ok(_) => Ok(Receipt { item, cents: u64::from(count) * 250 }),
            Err(_) => Err(Refusal::Closed),
        }
    }

    async fn opening(&self) -> Result<String, Status> {
        std::future::pending::<()>().await;
        Err(Status::unavailable("never"))
    }
}

/// A shop over this warehouse.
fn shop(warehouse: Peer) -> ShopClient {
    ShopClient::new(testing::client(ShopServer::new(MyShop { warehouse: warehouse.into() })))
}

/// A plain test: no port, no runtime.
fn an_empty_order_is_refused() {
    let shop = shop(testing::client(Mock::new()));
    let error = shop.order("tea".into(), 0).wait().unwrap_err();
    assert_eq!(error.declared(), Some(&Refusal::NothingOrdered));
}

/// The mock says what the warehouse has, and notes what it was asked.
fn an_order_is_taken_from_the_warehouse() {
    let mock = Mock::new()
        .on("Warehouse/take", |(_, count): (String, u32)| count.min(10))
        .expect("Warehouse/take", 2);
    let shop = shop(testing::client(mock.clone()));
    let receipt = shop.order("tea".into(), 4).wait().unwrap();
    assert_eq!(receipt, Receipt { item: "tea".into(), cents: 1000 });
    let error = shop.order("tea".into(), 11).wait().unwrap_err();
    assert_eq!(error.declared(), Some(&Refusal::SoldOut { left: 10 }));
    let asked = mock.arguments::<(String, u32)>("Warehouse/take");
    assert_eq!(asked, [("tea".into(), 4), ("tea".into(), 11)]);
    mock.verify();
}

/// Time is paused: a deadline of an hour passes at once.
async fn an_opening_that_never_comes_is_given_up() {
    let shop = shop(testing::client(Mock::new()));
    let began = std::time::Instant::now();
    let error = shop.opening().timeout(Duration::from_secs(3600)).await.unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert!(began.elapsed() < Duration::from_secs(60));
}

/// The line to the warehouse breaks at every byte in turn: the shop closes, and never hangs or sells what it
/// did not get.
async fn a_broken_line_to_the_warehouse_closes_the_shop() -> u64 {
    for n in 0.. {
        let faults = Faults::seeded(n).dribble(16).cut_after_reading(n);
        let mock = Mock::new().on("Warehouse/take", |(_, count): (String, u32)| count);
        let (warehouse, _far) = testing::pair().far(mock).faults(faults).start();
        match shop(warehouse).order("tea".into(), 1).await {
            Ok(_) => return n,
            Err(error) => assert_eq!(error.declared(), Some(&Refusal::Closed)),
        }
    }
    unreachable!("some line is long enough")
}

fn main() -> std::io::Result<()> {
    an_empty_order_is_refused();
    println!("an empty order is refused");
    an_order_is_taken_from_the_warehouse();
    println!("an order is taken from the warehouse");
    let paused =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    paused.block_on(an_opening_that_never_comes_is_given_up());
    println!("an opening that never comes is given up");
    let bytes = paused.block_on(a_broken_line_to_the_warehouse_closes_the_shop());
    println!("a broken line to the warehouse closes the shop, wherever of {bytes} bytes it breaks");
    Ok(())
}
