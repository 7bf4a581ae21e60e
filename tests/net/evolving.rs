//! What two ends make of each other that do not know the same: other methods, other types, other codes, and
//! payloads that look like something else.

use crate::raw::{Raw, frame, hello};
use crate::service::{CalcClient, MathError, client, serve};
use hton::testing::{self, Mock};
use hton::{Bytes, CallError, Code, Executed, Limits, Server, Side, Status, attach, stream};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::TcpListener;

/// The call of the spec's example.
#[hton::service(name = "demo.Calc")]
trait Demo {
    async fn add(&self, a: Plain, b: Plain) -> Plain;
}

/// An i64 whose schema nobody knows: the signature is unchecked.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Plain(i64);

struct MyDemo;

impl Demo for MyDemo {
    async fn add(&self, a: Plain, b: Plain) -> Plain {
        Plain(a.0 + b.0)
    }
}

/// The bytes of one direction, as chapter 40 shows them field by field.
fn shown(arrow: &str) -> Vec<u8> {
    let spec = include_str!("../../spec/40-calls.md");
    let (_, page) = spec.split_once("The same, field by field:").expect("the example");
    let lines = page.lines().filter_map(|line| line.strip_prefix(arrow));
    let fields = lines.filter_map(|line| line.split_whitespace().next());
    let hex: Vec<u8> = fields.flat_map(str::bytes).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.chunks(2).map(byte).collect()
}

// Verifies: call.args.sequence
#[tokio::test]
async fn the_call_that_the_spec_shows_has_those_bytes_at_both_ends() {
    let (request, response) = (shown("→ "), shown("← "));
    assert_eq!((request.len(), response.len()), (16 + 24, 16 + 8));
    let server = Server::bind("127.0.0.1:0").await.unwrap().serve(DemoServer::new(MyDemo)).unwrap();
    let mut caller = Raw::greet(server.local_addr()).await;
    caller.send(&request).await;
    let got = caller.frame().await.unwrap();
    assert_eq!(frame(got.kind, got.flags, got.metadata_len, got.id, got.arg, &got.body), response);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut limits = Limits::default();
    limits.default_deadline_ms = 0; // The example has no time limit.
    let peer = hton::connect(listener.local_addr().unwrap()).limits(limits).await.unwrap();
    let call = tokio::spawn(DemoClient::new(&peer).add(Plain(2), Plain(3)));
    let mut callee = Raw(listener.accept().await.unwrap().0);
    callee.send(&hello()).await;
    assert_eq!(callee.frame().await.unwrap().kind, crate::raw::HELLO);
    let got = callee.frame().await.unwrap();
    assert_eq!(frame(got.kind, got.flags, got.metadata_len, got.id, got.arg, &got.body), request);
    callee.send(&response).await;
    assert_eq!(call.await.unwrap().unwrap(), Plain(5));
}

mod first {
    #[hton::service(name = "Shop")]
    pub(super) trait Shop {
        async fn open(&self) -> bool;
        async fn price(&self, article: String) -> u32;
        async fn gone(&self) -> bool;
    }
}

mod second {
    /// Has two of the methods, in another order, and three more.
    #[hton::service(name = "Shop")]
    pub(super) trait NewShop {
        async fn order(&self, article: String, count: u32) -> u64;
        async fn on_the_shelf(&self, article: String) -> u32;
        async fn price(&self, article: String) -> u32;
        async fn hours(&self) -> (u8, u8);
        async fn open(&self) -> bool;
    }

    /// Counts its handlers.
    pub(super) struct MyShop(pub(super) std::sync::Arc<std::sync::atomic::AtomicU32>);

    impl MyShop {
        fn ran(&self) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }

    impl NewShop for MyShop {
        async fn order(&self, _: String, count: u32) -> u64 {
            self.ran();
            u64::from(count)
        }
        async fn on_the_shelf(&self, article: String) -> u32 {
            self.ran();
            u32::try_from(article.len()).unwrap()
        }
        async fn price(&self, article: String) -> u32 {
            self.ran();
            100 * u32::try_from(article.len()).unwrap()
        }
        async fn hours(&self) -> (u8, u8) {
            self.ran();
            (9, 17)
        }
        async fn open(&self) -> bool {
            self.ran();
            true
        }
    }
}

#[tokio::test]
async fn methods_may_change_their_order_and_number_under_an_old_client() {
    let shop = second::NewShopServer::new(second::MyShop(Arc::default()));
    let old = first::ShopClient::new(testing::client(shop));
    assert!(old.open().await.unwrap());
    assert_eq!(old.price("pear".into()).await.unwrap(), 400);
    let gone = old.gone().await.unwrap_err();
    assert_eq!((gone.code(), gone.executed()), (Code::UNIMPLEMENTED, Executed::No), "{gone}");
    assert!(old.open().await.unwrap(), "the connection lives");
}

/// Another service, and one of the same name whose types are others.
#[hton::service]
trait Bank {
    async fn balance(&self, account: u32) -> u64;
}

#[hton::service(name = "Shop")]
trait OtherShop {
    async fn price(&self, article: u64) -> u32;
}

#[tokio::test]
async fn a_client_of_another_service_is_told_so_before_any_handler_runs() {
    let ran = Arc::new(AtomicU32::new(0));
    let shop = second::NewShopServer::new(second::MyShop(ran.clone()));
    let server = Server::bind("127.0.0.1:0").await.unwrap().serve(shop).unwrap();
    let peer = hton::connect(server.local_addr()).await.unwrap();
    let bank = BankClient::new(&peer).balance(1).await.unwrap_err();
    assert_eq!((bank.code(), bank.executed()), (Code::UNIMPLEMENTED, Executed::No), "{bank}");
    let other = OtherShopClient::new(&peer).price(1).await.unwrap_err();
    assert_eq!((other.code(), other.executed()), (Code::SCHEMA_MISMATCH, Executed::No), "{other}");
    assert!(other.to_string().contains("article: u64 here, str there"), "{other}");
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    let same = second::NewShopClient::new(&peer);
    assert_eq!((same.price("x".into()).await.unwrap(), ran.load(Ordering::SeqCst)), (100, 1));
}

mod shapes {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    pub(super) enum New {
        Circle(u8),
        Square(u8),
        Star { points: u8 },
    }

    #[derive(Serialize, Deserialize)]
    pub(super) enum Old {
        Circle(u8),
        Square(u8),
    }

    #[hton::service(name = "Draw")]
    pub(super) trait NewDraw {
        async fn all(&self, shapes: Vec<New>) -> u32;
    }

    #[hton::service(name = "Draw")]
    pub(super) trait OldDraw {
        async fn all(&self, shapes: Vec<Old>) -> u32;
    }

    pub(super) struct Board;

    impl OldDraw for Board {
        async fn all(&self, shapes: Vec<Old>) -> u32 {
            let size = |shape| match shape {
                Old::Circle(size) | Old::Square(size) => u32::from(size),
            };
            shapes.into_iter().map(size).sum()
        }
    }
}

#[tokio::test]
async fn a_variant_that_the_callee_does_not_have_is_refused_with_its_place() {
    use shapes::New;
    let peer = testing::client(shapes::OldDrawServer::new(shapes::Board));
    let draw = shapes::NewDrawClient::new(&peer);
    let known = vec![New::Circle(3), New::Square(4)];
    assert_eq!(draw.all(known).await.unwrap(), 7);
    let error = draw.all(vec![New::Circle(1), New::Star { points: 5 }]).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::INVALID_ARGUMENT, Executed::No), "{error}");
    let at = error.failure().unwrap().location().expect("the place");
    // A count of 8 bytes and a circle of 5 stand before it.
    assert_eq!((at.offset, at.path.as_str()), (13, "shapes[1]"), "{error}");
    assert_eq!(draw.all(vec![New::Square(9)]).await.unwrap(), 9, "the connection lives");
}

#[tokio::test]
async fn each_way_to_fail_has_a_code_of_its_own_and_the_next_call_is_served() {
    let server = serve().await;
    let calc = client(&server).await;
    let mut codes = Vec::new();
    let mut next = async |code: Code| {
        codes.push(code);
        assert_eq!(calc.add(1, 2).await.unwrap(), 3, "after {code}");
    };
    let unknown = BankClient::new(calc.peer()).balance(1).await.unwrap_err();
    next(unknown.code()).await;
    let declared = calc.divide(1, 0).await.unwrap_err();
    assert_eq!(declared, CallError::Declared(MathError::DivisionByZero));
    next(declared.code()).await;
    for panics in [calc.panic().await, calc.panic_later().await] {
        next(panics.unwrap_err().code()).await;
    }
    // A mock takes other arguments than its caller gives, as a callee of another version would.
    let mock = Mock::new().on("Calc/add", |(a,): (i64,)| a);
    let other = CalcClient::new(testing::client(mock));
    let bad = other.add(1, 2).await.unwrap_err();
    next(bad.code()).await;
    let expected = [
        Code::UNIMPLEMENTED,
        Code::DECLARED,
        Code::INTERNAL,
        Code::INTERNAL,
        Code::INVALID_ARGUMENT,
    ];
    assert_eq!(codes, expected);
}

#[hton::service]
trait Ends {
    async fn end(&self, code: u8) -> Result<u32, Status>;
}

struct MyEnds;

fn text(code: u8) -> String {
    format!("ended with {code}, “so to speak”")
}

impl Ends for MyEnds {
    async fn end(&self, code: u8) -> Result<u32, Status> {
        Err(Status::new(Code::from_number(code), text(code)).with_app(1_000 + u16::from(code)))
    }
}

// Verifies: errors.code.registry
#[tokio::test]
async fn every_code_reaches_its_caller_with_its_number_and_text() {
    let server = Server::bind("127.0.0.1:0").await.unwrap().serve(EndsServer::new(MyEnds)).unwrap();
    let ends = EndsClient::connect(server.local_addr()).await.unwrap();
    // 19 to 31 are codes of later versions, and keep their numbers.
    for code in (1..=16).chain(19..=31) {
        let error = ends.end(code).await.unwrap_err();
        let failure = error.failure().unwrap();
        assert_eq!((failure.code().number(), failure.message()), (code, text(code).as_str()));
        assert_eq!(
            (failure.app(), failure.code().name().is_some()),
            (1_000 + u16::from(code), code < 19)
        );
    }
}

#[tokio::test]
async fn a_payload_may_look_like_anything() {
    let goaway = frame(crate::raw::GOAWAY, 0, 0, 0, 0, &[0, 0, 0, 1]);
    let lookalikes: Vec<Vec<u8>> = vec![
        b"<EOF>".to_vec(),
        b"<|EOM|>".to_vec(),
        b"<|ACK|>".to_vec(),
        b"\r\n.\r\n".to_vec(),
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(),
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n".to_vec(),
        hello(),
        crate::raw::add(1, 1, 2),
        frame(crate::raw::RESPONSE, 0, 0, 1, 0, &[0; 8]),
        frame(crate::raw::CANCEL, 0, 0, 1, 1, &[]),
        [&u32::MAX.to_be_bytes()[..], b"\xff\xff"].concat(),
        goaway.clone(),
        // Long enough to be shared, and to be cut into frames, with look-alikes at every place.
        goaway.iter().copied().cycle().take(100_003).collect(),
    ];
    let server = serve().await;
    let calc = client(&server).await;
    for bytes in &lookalikes {
        let bytes = Bytes::from(bytes.clone());
        assert!(calc.blob(bytes.clone()).await.unwrap() == bytes);
        if let Ok(text) = String::from_utf8(bytes.to_vec()) {
            assert_eq!(calc.echo(text.clone()).await.unwrap(), text);
            if text.len() < 1_000 {
                assert_eq!(calc.echo(String::new()).metadata("look", &text).await.unwrap(), "");
            }
        }
    }
    // As items of a stream, and torn into single bytes on the way.
    let (near, far) = hton::memory();
    let near = testing::Faults::seeded(8).dribble(3).wrap(near);
    let (mine, _) = crate::flows::MyFlows::new();
    let far = attach(far, Side::Acceptor).serve(crate::flows::FlowsServer::from_arc(mine));
    let _far = far.unwrap().start();
    let flows = crate::flows::FlowsClient::new(attach(near, Side::Dialer).start());
    let sent: usize = lookalikes.iter().map(Vec::len).sum();
    let items = stream::iter(lookalikes.into_iter().map(Bytes::from));
    assert_eq!(flows.swallow(items).await.unwrap(), sent as u64);
}
