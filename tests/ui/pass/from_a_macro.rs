//! A trait may come from `macro_rules!`, whose types are in invisible groups.

use hton::Side;

macro_rules! service {
    ($name:ident { $($method:ident($($argument:ident: $ty:ty),*) -> $result:ty;)*
        $(@up $up:ident($items:ident: $rx:ty) -> $sum:ty;)*
        $(@down $down:ident() -> $stream:ty;)*
    }) => {
        #[hton::service]
        trait $name {
            $(async fn $method(&self, $($argument: $ty),*) -> $result;)*
            $(async fn $up(&self, $items: $rx) -> $sum;)*
            $(fn $down(&self) -> $stream;)*
        }
    };
}

service! {
    Calc {
        add(a: u8, b: u8) -> u8;
        bytes(a: &[u8]) -> Vec<u8>;
        text(a: &str) -> Result<String, u8>;
        @up sum(numbers: hton::Rx<u8>) -> Result<u8, hton::Status>;
        @down count() -> impl hton::Stream<Item = Result<u8, String>>;
    }
}

struct MyCalc;

impl Calc for MyCalc {
    async fn add(&self, a: u8, b: u8) -> u8 {
        a + b
    }
    async fn bytes(&self, a: &[u8]) -> Vec<u8> {
        a.to_vec()
    }
    async fn text(&self, a: &str) -> Result<String, u8> {
        a.parse().map_err(|_| 0)
    }
    async fn sum(&self, mut numbers: hton::Rx<u8>) -> Result<u8, hton::Status> {
        Ok(numbers.recv().await?.unwrap_or(0))
    }
    fn count(&self) -> impl hton::Stream<Item = Result<u8, String>> {
        hton::stream::iter([Ok(1), Err("two".to_owned())])
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (near, far) = hton::memory();
    let far = hton::attach(far, Side::Acceptor).serve(CalcServer::new(MyCalc)).unwrap().start();
    let calc = CalcClient::new(hton::attach(near, Side::Dialer).start());
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    assert_eq!(calc.bytes(b"ab").await.unwrap(), b"ab");
    assert_eq!(calc.text("t").await.unwrap(), "t");
    assert_eq!(calc.sum(hton::stream::iter([7])).await.unwrap(), 7);
    let mut count = calc.count();
    assert_eq!(count.recv().await.unwrap(), Some(1));
    assert_eq!(count.recv().await.unwrap_err().declared().unwrap(), "two");
    drop(far);
}
