//! A trait may come from `macro_rules!`, whose types are in invisible groups.

use hton::Side;

macro_rules! service {
    ($name:ident { $($method:ident($($argument:ident: $ty:ty),*) -> $result:ty;)* }) => {
        #[hton::service]
        trait $name {
            $(async fn $method(&self, $($argument: $ty),*) -> $result;)*
        }
    };
}

service! {
    Calc {
        add(a: u8, b: u8) -> u8;
        bytes(a: &[u8]) -> Vec<u8>;
        text(a: &str) -> Result<String, u8>;
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
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (near, far) = hton::memory();
    let far = hton::attach(far, Side::Acceptor).serve(CalcServer::new(MyCalc)).unwrap().start();
    let calc = CalcClient::new(hton::attach(near, Side::Dialer).start());
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    assert_eq!(calc.bytes(b"ab").await.unwrap(), b"ab");
    assert_eq!(calc.text("t").await.unwrap(), "t");
    drop(far);
}
