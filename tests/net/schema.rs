//! Two ends that mean different types find out before anything is decoded.

use crate::raw::{END, REQUEST, Raw, add, frame, method};
use crate::service::{Item, MathError, Order, serve};
use hton::schema::verify;
use hton::{Code, Executed, Peer, Retry, Rx, Side, Stream, stream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn the_types_of_the_test_service_are_what_their_schemas_say() {
    let item = Item { name: "a".into(), gift: true };
    assert_eq!(verify(&Order { id: 1, items: vec![item] }), Ok(()));
    assert_eq!(verify(&MathError::DivisionByZero), Ok(()));
    assert_eq!(verify(&MathError::Overflow { a: 1, b: 1 }), Ok(()));
}

/// What runs at the other end, and how often.
#[derive(Clone, Default)]
struct Ran(Arc<AtomicU32>);

impl Ran {
    fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    fn once_more(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

mod new {
    use super::{Ran, Rx, Stream, stream};

    #[hton::data]
    pub(super) struct Order {
        pub(super) id: u64,
        pub(super) items: Vec<Item>,
    }

    #[hton::data]
    pub(super) struct Item {
        pub(super) qty: u64,
    }

    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Plain {
        pub(super) number: u32,
    }

    #[hton::service]
    pub(super) trait Shop {
        async fn place(&self, order: Order) -> u32;
        async fn ping(&self) -> u32;
        async fn plain(&self, plain: Plain) -> u32;
        async fn sum(&self, numbers: Rx<u64>) -> u32;
        fn count(&self, to: u32) -> impl Stream<Item = u64>;
        #[hton(oneway)]
        async fn note(&self, number: u64);
    }

    impl Shop for Ran {
        async fn place(&self, order: Order) -> u32 {
            let _ = order.id + order.items.iter().map(|item| item.qty).sum::<u64>();
            self.once_more()
        }
        async fn ping(&self) -> u32 {
            0
        }
        async fn plain(&self, plain: Plain) -> u32 {
            plain.number
        }
        async fn sum(&self, _: Rx<u64>) -> u32 {
            self.once_more()
        }
        fn count(&self, _: u32) -> impl Stream<Item = u64> {
            self.once_more();
            stream::empty()
        }
        async fn note(&self, _: u64) {
            self.once_more();
        }
    }
}

mod old {
    use super::{Rx, Stream};

    #[hton::data]
    pub(super) struct Order {
        pub(super) id: u64,
        pub(super) items: Vec<Item>,
        pub(super) note: Option<String>,
    }

    #[hton::data]
    pub(super) struct Item {
        pub(super) qty: u32,
    }

    /// Has another field, and nobody knows.
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Plain {
        pub(super) digits: [u8; 4],
    }

    #[hton::service(name = "Shop")]
    pub(super) trait OldShop {
        async fn place(&self, order: Order) -> u32;
        async fn ping(&self) -> u32;
        async fn plain(&self, plain: Plain) -> u32;
        async fn sum(&self, numbers: Rx<u32>) -> u32;
        fn count(&self, to: u32) -> impl Stream<Item = u32>;
        #[hton(oneway)]
        async fn note(&self, number: u32);
    }
}

/// A connection between a caller that is behind and a callee.
fn pair(ran: &Ran) -> (old::OldShopClient, Peer) {
    let (near, far) = hton::memory();
    let far = hton::attach(far, Side::Acceptor).serve(new::ShopServer::new(ran.clone()));
    let far = far.expect("every type can travel").start();
    (old::OldShopClient::new(hton::attach(near, Side::Dialer).start()), far)
}

// Verifies: call.signature.mismatch, schema.mismatch.compare
#[tokio::test(start_paused = true)]
async fn a_changed_field_is_named_and_the_handler_does_not_run() {
    let ran = Ran::default();
    let (shop, _far) = pair(&ran);
    let items = vec![old::Item { qty: 1 }];
    let order = old::Order { id: 1, items, note: None };
    let error = shop.place(order).await.expect_err("the types differ");
    let failure = error.failure().expect("it is no error of the method's own");
    assert_eq!((failure.code(), failure.retry()), (Code::SCHEMA_MISMATCH, Retry::Safe));
    assert_eq!(failure.executed(), Executed::No);
    assert_eq!(
        failure.message(),
        "the types of the method differ: order.note: missing there; order.items[].qty: u32 here, u64 there"
    );
    assert_eq!(ran.count(), 0);
    assert_eq!(shop.ping().await, Ok(0), "the connection lives, and what is alike is called");
}

// Verifies: call.signature.mismatch
#[tokio::test(start_paused = true)]
async fn items_of_another_type_are_found_out_before_the_first() {
    let ran = Ran::default();
    let (shop, _far) = pair(&ran);
    let error = shop.sum(stream::iter([1_u32, 2])).await.expect_err("the items differ");
    assert_eq!(error.code(), Code::SCHEMA_MISMATCH);
    assert!(error.to_string().contains("items in: u32 here, u64 there"), "{error}");
    let error = shop.count(3).recv().await.expect_err("the items differ");
    assert_eq!(error.code(), Code::SCHEMA_MISMATCH);
    assert!(error.to_string().contains("items out: u32 here, u64 there"), "{error}");
    assert_eq!((ran.count(), shop.ping().await), (0, Ok(0)));
}

// Verifies: call.signature.mismatch
#[tokio::test(start_paused = true)]
async fn a_one_way_call_of_another_type_is_dropped() {
    let ran = Ran::default();
    let (shop, far) = pair(&ran);
    shop.note(1).await.expect("it is written");
    // Calls that arrive behind it are answered behind it.
    assert_eq!((shop.ping().await, ran.count()), (Ok(0), 0));
    let same = new::ShopClient::new(shop.peer());
    same.note(1).await.expect("it is written");
    while ran.count() == 0 {
        assert_eq!(shop.ping().await, Ok(0));
    }
    drop(far);
}

// Verifies: call.signature.unchecked
#[tokio::test(start_paused = true)]
async fn a_type_without_a_schema_makes_its_method_unchecked_and_no_other() {
    let (shop, _far) = pair(&Ran::default());
    assert_eq!(shop.plain(old::Plain { digits: [0, 0, 1, 2] }).await, Ok(258));
}

// Verifies: call.signature.mismatch, schema.mismatch.text
#[tokio::test]
async fn a_callee_tells_its_own_text() {
    let server = serve().await;
    let mut raw = Raw::greet(server.local_addr()).await;
    let signed = |id: u32, signature: u64| {
        let body = [signature.to_be_bytes(), [0; 8], [0; 8]].concat();
        frame(REQUEST, END, 0, id, method::ADD, &body)
    };
    // `printf %s 'hton-sig/1;Calc/add;args={a:i64,b:i64};ok=i64' | sha256sum`
    raw.send(&signed(1, 0x9e8e_eff0_8b3d_6e71)).await;
    assert_eq!(raw.response(1).await.code(), 0);
    raw.send(&signed(3, 0x9e8e_eff0_8b3d_6e70)).await;
    let response = raw.response(3).await;
    assert_eq!((response.code(), response.retry()), (18, 1));
    let text = "hton-sig/1;Calc/add;args={a:i64,b:i64};ok=i64";
    assert_eq!(response.fault(), (text.to_owned(), None));
    raw.send(&add(5, 1, 2)).await;
    assert_eq!(raw.response(5).await.code(), 0, "a caller that says nothing is not checked");
}

#[tokio::test]
async fn a_method_that_nobody_could_call_is_refused_when_it_is_registered() {
    #[hton::service]
    trait Hollow {
        async fn nothings(&self, many: Vec<()>);
    }

    struct Mine;

    impl Hollow for Mine {
        async fn nothings(&self, _: Vec<()>) {}
    }

    let (_near, far) = hton::memory();
    let error = hton::attach(far, Side::Acceptor).serve(HollowServer::new(Mine));
    let error = error.map(|_| ()).expect_err("a count of nothings means nothing");
    let expected = "the method Hollow/nothings cannot be called: `many`: the elements";
    assert!(error.to_string().starts_with(expected), "{error}");
}
