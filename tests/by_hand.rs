//! What the service macro writes, written by hand, beside the macro's own version.
//!
//! Both are put through the same calls over the same kind of connection, each with its own name on
//! the wire spelled alike: a client of one also calls a server of the other.

use hton::{Bytes, CallError, Code, Peer, Server, Side};
use serde::{Deserialize, Serialize};

/// The macro's version.
mod by_macro {
    use super::{Bytes, MathError};

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
        /// Nothing, for nothing.
        async fn nothing(&self);
    }
}

/// The same, by hand. Each item is what the macro writes, without the absolute paths.
mod by_hand {
    use super::{Bytes, MathError};
    use hton::__private::{
        Address, Call, Error, Method, MethodId, Peer, Reply, Request, Service, Slot, connect, slot,
    };
    use std::sync::Arc;

    pub(super) trait Calc: Send + Sync + 'static {
        fn add(&self, a: i64, b: i64) -> impl Future<Output = i64> + Send;
        fn divide(&self, a: i64, b: i64) -> impl Future<Output = Result<i64, MathError>> + Send;
        fn shout(&self, text: &str) -> impl Future<Output = String> + Send;
        fn reverse(&self, bytes: Bytes) -> impl Future<Output = Vec<u8>> + Send;
        fn context(
            &self,
            cx: &hton::Context,
            number: u8,
        ) -> impl Future<Output = (String, u8)> + Send;
        fn nothing(&self) -> impl Future<Output = ()> + Send;
    }

    // The first four bytes of `printf %s Calc/add | sha256sum`, and so on.
    static ADD: Method = Method::new("Calc/add", MethodId::new(0x3966_24e8));
    static DIVIDE: Method = Method::new("Calc/divide", MethodId::new(0x855a_0781));
    static SHOUT: Method = Method::new("Calc/shout", MethodId::new(0x13f1_a5a7));
    static REVERSE: Method = Method::new("Calc/reverse", MethodId::new(0xded7_6651));
    static CONTEXT: Method = Method::new("Calc/context", MethodId::new(0x1b4d_d1de)).spawned();
    static NOTHING: Method = Method::new("Calc/nothing", MethodId::new(0x8bff_6b57));

    pub(super) struct CalcServer<T> {
        service: Arc<T>,
    }

    impl<T: Calc> CalcServer<T> {
        pub(super) fn new(service: T) -> Self {
            Self { service: Arc::new(service) }
        }

        /// Decodes the arguments, runs the handler, encodes its result. The future owns the request,
        /// so arguments may borrow from it.
        async fn dispatch(service: Arc<T>, method: &'static Method, request: Request) -> Reply {
            match method.id().get() {
                0x3966_24e8 => {
                    let mut arguments = request.args();
                    let a = match arguments.value::<i64>("a") {
                        Ok(a) => a,
                        Err(error) => return request.undecodable(&error),
                    };
                    let b = match arguments.value::<i64>("b") {
                        Ok(b) => b,
                        Err(error) => return request.undecodable(&error),
                    };
                    if let Err(error) = arguments.finish() {
                        return request.undecodable(&error);
                    }
                    request.ok(&service.add(a, b).await).await
                }
                0x855a_0781 => {
                    let mut arguments = request.args();
                    let a = match arguments.value::<i64>("a") {
                        Ok(a) => a,
                        Err(error) => return request.undecodable(&error),
                    };
                    let b = match arguments.value::<i64>("b") {
                        Ok(b) => b,
                        Err(error) => return request.undecodable(&error),
                    };
                    if let Err(error) = arguments.finish() {
                        return request.undecodable(&error);
                    }
                    match service.divide(a, b).await {
                        Ok(result) => request.ok(&result).await,
                        Err(error) => request.declared(&error).await,
                    }
                }
                0x13f1_a5a7 => {
                    let mut arguments = request.args();
                    let text = match arguments.value::<&str>("text") {
                        Ok(text) => text,
                        Err(error) => return request.undecodable(&error),
                    };
                    if let Err(error) = arguments.finish() {
                        return request.undecodable(&error);
                    }
                    request.ok(&service.shout(text).await).await
                }
                0xded7_6651 => {
                    let mut arguments = request.args();
                    let bytes = match arguments.byte_string("bytes") {
                        Ok(bytes) => bytes,
                        Err(error) => return request.undecodable(&error),
                    };
                    if let Err(error) = arguments.finish() {
                        return request.undecodable(&error);
                    }
                    request.ok_bytes(&service.reverse(bytes).await).await
                }
                0x1b4d_d1de => {
                    let mut arguments = request.args();
                    let number = match arguments.value::<u8>("number") {
                        Ok(number) => number,
                        Err(error) => return request.undecodable(&error),
                    };
                    if let Err(error) = arguments.finish() {
                        return request.undecodable(&error);
                    }
                    request.ok(&service.context(request.context(), number).await).await
                }
                0x8bff_6b57 => {
                    if let Err(error) = request.args().finish() {
                        return request.undecodable(&error);
                    }
                    service.nothing().await;
                    request.ok(&()).await
                }
                _ => request.unknown(method),
            }
        }
    }

    impl<T: Calc> Service for CalcServer<T> {
        fn methods(&self) -> &'static [Method] {
            static METHODS: &[Method] = &[ADD, DIVIDE, SHOUT, REVERSE, CONTEXT, NOTHING];
            METHODS
        }

        fn slot(&self) -> Box<dyn Slot> {
            let service = Arc::clone(&self.service);
            slot(move |method, request| Self::dispatch(Arc::clone(&service), method, request))
        }
    }

    pub(super) struct CalcClient {
        peer: Peer,
    }

    impl CalcClient {
        pub(super) async fn connect(address: impl Into<Address>) -> Result<Self, Error> {
            Ok(Self { peer: connect(address).await? })
        }

        pub(super) fn new(peer: impl Into<Peer>) -> Self {
            Self { peer: peer.into() }
        }

        pub(super) fn add(&self, a: i64, b: i64) -> Call<i64> {
            self.peer.call(
                &ADD,
                |encoder| {
                    encoder.value(&a)?;
                    encoder.value(&b)
                },
                |outcome| outcome.result(|message| message.value("result")),
            )
        }

        pub(super) fn divide(&self, a: i64, b: i64) -> Call<i64, MathError> {
            self.peer.call(
                &DIVIDE,
                |encoder| {
                    encoder.value(&a)?;
                    encoder.value(&b)
                },
                |outcome| {
                    outcome.declared(
                        |message| message.value("result"),
                        |message| message.value("error"),
                    )
                },
            )
        }

        pub(super) fn shout(&self, text: &str) -> Call<String> {
            self.peer.call(
                &SHOUT,
                |encoder| encoder.value(text),
                |outcome| outcome.result(|message| message.value("result")),
            )
        }

        pub(super) fn reverse(&self, bytes: Bytes) -> Call<Vec<u8>> {
            self.peer.call(
                &REVERSE,
                |encoder| encoder.shared(bytes),
                |outcome| outcome.result(|message| message.byte_vec("result")),
            )
        }

        pub(super) fn context(&self, number: u8) -> Call<(String, u8)> {
            self.peer.call(
                &CONTEXT,
                |encoder| encoder.value(&number),
                |outcome| outcome.result(|message| message.value("result")),
            )
        }

        pub(super) fn nothing(&self) -> Call<()> {
            self.peer.call(
                &NOTHING,
                |_| Ok(()),
                |outcome| outcome.result(|message| message.value("result")),
            )
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum MathError {
    DivisionByZero,
    Overflow { a: i64, b: i64 },
}

struct MyCalc;

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

            async fn nothing(&self) {}
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
                let () = self.nothing().await.unwrap();
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
    let (peer, _far) = dial(by_macro::CalcServer::new(MyCalc));
    by_macro::CalcClient::new(&peer).assert_all().await;
}

#[tokio::test]
async fn what_is_written_by_hand_does_the_same() {
    let (peer, _far) = dial(by_hand::CalcServer::new(MyCalc));
    by_hand::CalcClient::new(&peer).assert_all().await;
}

#[tokio::test]
async fn each_calls_the_other() {
    let (peer, _far) = dial(by_hand::CalcServer::new(MyCalc));
    by_macro::CalcClient::new(&peer).assert_all().await;
    let (peer, _far) = dial(by_macro::CalcServer::new(MyCalc));
    by_hand::CalcClient::new(&peer).assert_all().await;
}

#[tokio::test]
async fn both_connect_over_tcp() {
    let bound = Server::bind("127.0.0.1:0").await.expect("a free port");
    let server = bound.serve(by_macro::CalcServer::new(MyCalc)).expect("one service");
    let client = by_macro::CalcClient::connect(server.local_addr()).await.expect("it listens");
    client.assert_all().await;
    let client = by_hand::CalcClient::connect(server.local_addr()).await.expect("it listens");
    client.assert_all().await;
}

#[test]
fn both_describe_their_methods_alike() {
    use hton::Service;
    let by_macro = by_macro::CalcServer::new(MyCalc);
    let by_hand = by_hand::CalcServer::new(MyCalc);
    assert_eq!(by_macro.methods(), by_hand.methods());
    assert!(by_macro.methods().iter().any(hton::__private::Method::is_spawned));
}

#[tokio::test]
async fn a_method_that_the_server_does_not_have_is_unimplemented() {
    let (peer, _far) = dial(other::AdderServer::new(MyCalc));
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
