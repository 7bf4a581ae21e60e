//! What the service macro writes, written by hand, beside the macro's own version.
//!
//! Both are put through the same calls over the same kind of connection, each with its own name on
//! the wire spelled alike: a client of one also calls a server of the other.

mod by_hand;

use hton::{Bytes, CallError, Code, Peer, Rx, Server, Side, Status, Stream, stream};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::Notify;

/// The macro's version.
mod by_macro {
    use super::{Bytes, MathError, Rx, Status, Stream};

    #[hton::service]
    pub trait Calc {
        /// Adds two numbers.
        async fn add(&self, a: i64, b: i64) -> i64;
        /// Divides, or says why not.
        async fn divide(&self, a: i64, b: i64) -> Result<i64, MathError>;
        /// Upper case, of text that is borrowed from the request.
        async fn shout(&self, text: &str) -> String;
        /// The same bytes, back to front.
        async fn reverse(&self, bytes: Bytes) -> Vec<u8>;
        /// The method that is called, and a number.
        #[hton(spawn)]
        async fn context(&self, cx: &hton::Context, number: u8) -> (String, u8);
        /// Nothing, once a number has been kept.
        async fn nothing(&self);
        /// The numbers times a factor, up to the first that is too large.
        fn scale(
            &self,
            numbers: Rx<i64>,
            factor: i64,
        ) -> impl Stream<Item = Result<i64, MathError>>;
        /// The bytes of each chunk back to front; at once a status if there is no chunk.
        async fn turn(&self, chunks: Rx<Vec<u8>>) -> Result<impl Stream<Item = Bytes>, Status>;
        /// Keeps a number.
        #[hton(oneway)]
        async fn keep(&self, number: i64);
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum MathError {
    DivisionByZero,
    Overflow { a: i64, b: i64 },
}

#[derive(Default)]
struct MyCalc {
    kept: AtomicI64,
    changed: Notify,
}

/// One implementation for both traits, and one set of assertions for both clients.
macro_rules! same_for {
    ($version:ident) => {
        impl $version::Calc for MyCalc {
            async fn add(&self, a: i64, b: i64) -> i64 {
                a.wrapping_add(b)
            }

            async fn divide(&self, a: i64, b: i64) -> Result<i64, MathError> {
                match b {
                    0 => Err(MathError::DivisionByZero),
                    _ => a.checked_div(b).ok_or(MathError::Overflow { a, b }),
                }
            }

            async fn shout(&self, text: &str) -> String {
                tokio::task::yield_now().await;
                text.to_uppercase()
            }

            async fn reverse(&self, bytes: Bytes) -> Vec<u8> {
                bytes.iter().rev().copied().collect()
            }

            async fn context(&self, cx: &hton::Context, number: u8) -> (String, u8) {
                (cx.method().to_owned(), number)
            }

            async fn nothing(&self) {
                // A one-way call tells nobody when its handler has run.
                while self.kept.swap(0, Ordering::Relaxed) == 0 {
                    self.changed.notified().await;
                }
            }

            fn scale(
                &self,
                numbers: Rx<i64>,
                factor: i64,
            ) -> impl Stream<Item = Result<i64, MathError>> {
                stream::unfold(numbers, move |mut numbers| async move {
                    let number = numbers.recv().await.ok().flatten()?;
                    let overflow = MathError::Overflow { a: number, b: factor };
                    Some((number.checked_mul(factor).ok_or(overflow), numbers))
                })
            }

            async fn turn(
                &self,
                mut chunks: Rx<Vec<u8>>,
            ) -> Result<impl Stream<Item = Bytes>, Status> {
                let first = chunks.recv().await?;
                let first = first.ok_or_else(|| Status::not_found("nothing to turn"))?;
                Ok(stream::unfold((Some(first), chunks), |(first, mut chunks)| async move {
                    let mut chunk = match first {
                        Some(first) => first,
                        None => chunks.recv().await.ok().flatten()?,
                    };
                    chunk.reverse();
                    Some((Bytes::from(chunk), (None, chunks)))
                }))
            }

            async fn keep(&self, number: i64) {
                self.kept.store(number, Ordering::Relaxed);
                self.changed.notify_one();
            }
        }

        impl Calls for $version::CalcClient {
            async fn assert_all(&self) {
                assert_eq!(self.add(1, 2).await.unwrap(), 3);
                assert_eq!(self.add(i64::MAX, 1).await.unwrap(), i64::MIN);
                assert_eq!(self.divide(7, 2).await.unwrap(), 3);
                let error = self.divide(1, 0).await.unwrap_err();
                assert_eq!(error, CallError::Declared(MathError::DivisionByZero));
                let error = self.divide(i64::MIN, -1).await.unwrap_err();
                let overflow = MathError::Overflow { a: i64::MIN, b: -1 };
                assert_eq!(error.declared(), Some(&overflow));
                let text = String::from("grüße");
                let call = self.shout(&text);
                drop(text); // The argument is encoded already.
                assert_eq!(call.await.unwrap(), "GRÜSSE");
                let bytes = Bytes::from_static(b"\0\x01\xff");
                assert_eq!(self.reverse(bytes).await.unwrap(), b"\xff\x01\0");
                let context = self.context(9).await.unwrap();
                assert_eq!(context, ("Calc/context".to_owned(), 9));
                let () = self.keep(1).await.unwrap();
                let () = self.nothing().await.unwrap();
                let mut scaled = self.scale(stream::iter([1, 2, i64::MAX, 3]), 2);
                assert_eq!(scaled.recv().await.unwrap(), Some(2));
                assert_eq!(scaled.recv().await.unwrap(), Some(4));
                let error = scaled.recv().await.unwrap_err();
                assert_eq!(error.declared(), Some(&MathError::Overflow { a: i64::MAX, b: 2 }));
                assert_eq!(scaled.recv().await.unwrap(), None);
                let mut turned = self.turn(stream::iter([b"ab".to_vec(), Vec::new()]));
                assert_eq!(turned.recv().await.unwrap().unwrap(), "ba");
                assert_eq!(turned.recv().await.unwrap().unwrap(), "");
                assert_eq!(turned.recv().await.unwrap(), None);
                let error = self.turn(stream::empty()).recv().await.unwrap_err();
                assert_eq!(error.code(), Code::NOT_FOUND);
            }
        }
    };
}

trait Calls {
    async fn assert_all(&self);
}

same_for!(by_macro);
same_for!(by_hand);

/// A peer that calls this service over an in-memory connection, and what keeps the other end open.
fn dial(service: impl hton::Service) -> (Peer, Peer) {
    let (near, far) = hton::memory();
    let far = hton::attach(far, Side::Acceptor).serve(service).expect("one service").start();
    (hton::attach(near, Side::Dialer).start(), far)
}

#[tokio::test]
async fn what_the_macro_writes_does_what_it_says() {
    let (peer, _far) = dial(by_macro::CalcServer::new(MyCalc::default()));
    by_macro::CalcClient::new(&peer).assert_all().await;
}

#[tokio::test]
async fn what_is_written_by_hand_does_the_same() {
    let (peer, _far) = dial(by_hand::CalcServer::new(MyCalc::default()));
    by_hand::CalcClient::new(&peer).assert_all().await;
}

#[tokio::test]
async fn each_calls_the_other() {
    let (peer, _far) = dial(by_hand::CalcServer::new(MyCalc::default()));
    by_macro::CalcClient::new(&peer).assert_all().await;
    let (peer, _far) = dial(by_macro::CalcServer::new(MyCalc::default()));
    by_hand::CalcClient::new(&peer).assert_all().await;
}

#[tokio::test]
async fn both_connect_over_tcp() {
    let bound = Server::bind("127.0.0.1:0").await.expect("a free port");
    let server = bound.serve(by_macro::CalcServer::new(MyCalc::default())).expect("one service");
    let client = by_macro::CalcClient::connect(server.local_addr()).await.expect("it listens");
    client.assert_all().await;
    let client = by_hand::CalcClient::connect(server.local_addr()).await.expect("it listens");
    client.assert_all().await;
}

#[test]
fn both_describe_their_methods_alike() {
    use hton::Service;
    let by_macro = by_macro::CalcServer::new(MyCalc::default());
    let by_hand = by_hand::CalcServer::new(MyCalc::default());
    assert_eq!(by_macro.methods(), by_hand.methods());
    assert!(by_macro.methods().iter().any(hton::__private::Method::is_spawned));
}

#[tokio::test]
async fn a_method_that_the_server_does_not_have_is_unimplemented() {
    let (peer, _far) = dial(other::AdderServer::new(MyCalc::default()));
    let error = by_macro::CalcClient::new(&peer).add(1, 2).await.unwrap_err();
    assert_eq!(error.code(), Code::UNIMPLEMENTED);
    assert_eq!(other::AdderClient::new(&peer).add(1, 2).await.unwrap(), 3);
}

/// The same method in a service of another name.
mod other {
    #[hton::service]
    pub trait Adder {
        async fn add(&self, a: i64, b: i64) -> i64;
    }

    impl Adder for super::MyCalc {
        async fn add(&self, a: i64, b: i64) -> i64 {
            a + b
        }
    }
}
