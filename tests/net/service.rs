//! The service that the tests call, and a server of it.

use hton::{Bytes, Limits, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[hton::service]
pub(crate) trait Calc {
    async fn add(&self, a: i64, b: i64) -> i64;
    async fn divide(&self, a: i64, b: i64) -> Result<i64, MathError>;
    async fn echo(&self, text: String) -> String;
    async fn shout(&self, text: &str) -> String;
    async fn blob(&self, bytes: Bytes) -> Bytes;
    async fn order(&self, order: Order) -> u64;
    async fn sleep(&self, ms: u64) -> u64;
    /// Returns when `release` was called as often as `tickets` says.
    async fn hold(&self, tickets: u32) -> u32;
    async fn release(&self) -> u32;
    async fn panic(&self) -> ();
    async fn panic_later(&self) -> ();
    async fn never(&self) -> ();
    /// How many handlers of `never` exist now.
    async fn nevers(&self) -> u32;
    async fn caller(&self, cx: &hton::Context, tag: u8) -> (String, String, u8);
}

#[hton::data]
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum MathError {
    DivisionByZero,
    Overflow { a: i64, b: i64 },
}

#[hton::data]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) items: Vec<Item>,
}

#[hton::data]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) gift: bool,
}

pub(crate) struct MyCalc {
    released: tokio::sync::watch::Sender<u32>,
    nevers: Arc<AtomicUsize>,
}

impl MyCalc {
    pub(crate) fn new() -> Self {
        Self { released: tokio::sync::watch::Sender::new(0), nevers: Arc::default() }
    }
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Calc for MyCalc {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }

    async fn divide(&self, a: i64, b: i64) -> Result<i64, MathError> {
        match b {
            0 => Err(MathError::DivisionByZero),
            _ => a.checked_div(b).ok_or(MathError::Overflow { a, b }),
        }
    }

    async fn echo(&self, text: String) -> String {
        text
    }

    async fn shout(&self, text: &str) -> String {
        text.to_uppercase()
    }

    async fn blob(&self, bytes: Bytes) -> Bytes {
        bytes
    }

    async fn order(&self, order: Order) -> u64 {
        order.id
    }

    async fn sleep(&self, ms: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        ms
    }

    async fn hold(&self, tickets: u32) -> u32 {
        let mut released = self.released.subscribe();
        *released.wait_for(|n| *n >= tickets).await.expect("the sender lives in `self`")
    }

    async fn release(&self) -> u32 {
        self.released.send_modify(|n| *n += 1);
        *self.released.borrow()
    }

    async fn panic(&self) {
        panic!("the secret of the handler");
    }

    async fn panic_later(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        panic!("the secret of the handler");
    }

    async fn never(&self) {
        self.nevers.fetch_add(1, Ordering::SeqCst);
        let _counted = Counted(Arc::clone(&self.nevers));
        std::future::pending().await
    }

    async fn nevers(&self) -> u32 {
        u32::try_from(self.nevers.load(Ordering::SeqCst)).expect("few")
    }

    async fn caller(&self, cx: &hton::Context, tag: u8) -> (String, String, u8) {
        let addr = cx.peer_addr().map(|addr| addr.ip().to_string()).unwrap_or_default();
        (cx.method().to_owned(), addr, tag)
    }
}

/// A server of `Calc` on a free port.
pub(crate) async fn serve() -> Server {
    serve_with(Limits::default()).await
}

pub(crate) async fn serve_with(limits: Limits) -> Server {
    let bound = Server::bind("127.0.0.1:0").await.expect("a free port").limits(limits);
    bound.serve(CalcServer::new(MyCalc::new())).expect("no collision")
}

pub(crate) async fn client(server: &Server) -> CalcClient {
    CalcClient::connect(server.local_addr()).await.expect("the server listens")
}
