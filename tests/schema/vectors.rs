//! The methods of the spec's vectors, written as Rust.

use hton::__private::{Signature, Signed};
use serde_json::Value;
use std::collections::BTreeMap;

#[hton::data]
struct Order {
    id: u64,
    items: Vec<Item>,
    note: Option<String>,
    tags: BTreeMap<String, String>,
}

#[hton::data]
struct Item {
    sku: String,
    qty: u32,
    dim: [f64; 3],
}

#[hton::data]
struct Receipt {
    no: u64,
    at: (u64, u32),
}

#[hton::data]
enum PlaceError {
    OutOfStock { sku: String, left: u32 },
    Rejected(String),
    Closed,
}

#[hton::data]
enum Event {
    Placed(Order),
    Moved(u64, u8),
}

#[hton::data]
struct Tree {
    v: u32,
    kids: Vec<Self>,
}

#[hton::data]
struct Chain(Option<Box<Self>>);

#[hton::service(name = "shop.Orders", schema = required)]
trait Orders {
    async fn place(&self, order: Order) -> Result<Receipt, PlaceError>;
    async fn get(&self, id: u64) -> Option<Order>;
    fn watch(&self, since: u64) -> impl hton::Stream<Item = Event>;
    async fn sum(&self, numbers: hton::Rx<i64>) -> i64;
    async fn tree(&self, root: Tree) -> u32;
    async fn ping(&self);
}

#[hton::service(name = "demo.Calc", schema = required)]
trait Calc {
    async fn add(&self, a: i32, b: i32) -> i64;
}

/// The methods with the ids of their vectors, written by hand.
fn signatures() -> [(&'static str, &'static Signature); 7] {
    [
        ("orders/place", <OrdersClient as Signed<0x4500_ac45>>::signature()),
        ("orders/get", <OrdersClient as Signed<0x84ad_02e5>>::signature()),
        ("orders/watch", <OrdersClient as Signed<0x2b5f_8486>>::signature()),
        ("orders/sum", <OrdersClient as Signed<0x994b_55a3>>::signature()),
        ("orders/tree", <OrdersClient as Signed<0x6837_20b2>>::signature()),
        ("orders/ping", <OrdersClient as Signed<0x25f3_f4b2>>::signature()),
        ("calc/add", <CalcClient as Signed<0x32ca_f017>>::signature()),
    ]
}

// Verifies: schema.hash, schema.text.method
#[test]
fn every_method_has_the_signature_of_its_vector() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/spec/vectors/signatures.json");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let rows = json["rows"].as_array().unwrap();
    for (name, signature) in signatures() {
        let row = rows.iter().find(|row| row["name"] == name).expect("there is such a vector");
        assert_eq!(signature.text(), row["canonical"].as_str().unwrap(), "{name}");
        assert_eq!(format!("{:016x}", signature.hash()), row["sig"].as_str().unwrap(), "{name}");
    }
}

// Verifies: schema.text.transparent
#[test]
fn a_newtype_that_leads_back_to_itself_has_a_number() {
    assert_eq!(crate::text(&[Chain(None), Chain(Some(Box::new(Chain(None))))]), "#0;#0=?#0");
}
