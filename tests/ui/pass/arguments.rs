//! From no argument to twelve, with a context or without, of every type that travels.

use hton::{Bytes, Context, Side};
use std::borrow::Cow;
use std::collections::BTreeMap;

#[hton::service]
trait Calc {
    async fn none(&self);
    async fn unit(&self, a: ()) -> ();
    async fn context(&self, _cx: &Context) -> String;
    #[hton(spawn)]
    #[rustfmt::skip]
    async fn twelve(
        &self, cx: &hton::Context,
        a: u8, b: u16, c: u32, d: u64, e: i8, f: i16, g: i32, h: i64, i: f64, j: bool, k: char, l: (),
    ) -> f64;
    async fn borrowed(
        &self,
        a: &str,
        b: &[u8],
        c: Option<&str>,
        d: Cow<'_, str>,
        e: (&str, &'_ [u8]),
        f: Vec<&str>,
    ) -> usize;
    async fn owned(&self, a: Vec<u8>, b: Bytes, c: BTreeMap<String, [u16; 3]>) -> Bytes;
    async fn fallible(&self, a: Vec<u8>) -> Result<Bytes, String>;
    async fn lasting(&self) -> Cow<'static, str>;
}

struct MyCalc;

impl Calc for MyCalc {
    async fn none(&self) {}
    async fn unit(&self, (): ()) {}
    async fn context(&self, cx: &Context) -> String {
        cx.method().to_owned()
    }
    #[rustfmt::skip]
    async fn twelve(
        &self, _: &hton::Context,
        a: u8, b: u16, c: u32, d: u64, e: i8, f: i16, g: i32, h: i64, i: f64, j: bool, k: char, (): (),
    ) -> f64 {
        assert!(j && k == 'k');
        f64::from(a) + f64::from(b) + f64::from(c) + d as f64
            + f64::from(e) + f64::from(f) + f64::from(g) + h as f64 + i
    }
    async fn borrowed(
        &self,
        a: &str,
        b: &[u8],
        c: Option<&str>,
        d: Cow<'_, str>,
        e: (&str, &[u8]),
        f: Vec<&str>,
    ) -> usize {
        tokio::task::yield_now().await;
        a.len() + b.len() + c.map_or(0, str::len) + d.len() + e.0.len() + e.1.len() + f.concat().len()
    }
    async fn owned(&self, a: Vec<u8>, b: Bytes, c: BTreeMap<String, [u16; 3]>) -> Bytes {
        assert_eq!(c["k"], [1, 2, 3]);
        [&a[..], &b].concat().into()
    }
    async fn fallible(&self, a: Vec<u8>) -> Result<Bytes, String> {
        if a.is_empty() { Err("empty".into()) } else { Ok(a.into()) }
    }
    async fn lasting(&self) -> Cow<'static, str> {
        "here".into()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (near, far) = hton::memory();
    let far = hton::attach(far, Side::Acceptor).serve(CalcServer::new(MyCalc)).unwrap().start();
    let calc = CalcClient::new(hton::attach(near, Side::Dialer).start());
    calc.none().await.unwrap();
    calc.unit(()).await.unwrap();
    assert_eq!(calc.context().await.unwrap(), "Calc/context");
    let sum = calc.twelve(1, 2, 3, 4, 5, 6, 7, 8, 0.5, true, 'k', ()).await.unwrap();
    assert_eq!(sum, 36.5);
    let call = calc.borrowed("a", b"bb", Some("ccc"), "dddd".into(), ("e", b"f"), vec!["g", "h"]);
    assert_eq!(call.await.unwrap(), 14);
    let map = BTreeMap::from([("k".to_owned(), [1, 2, 3])]);
    let joined = calc.owned(b"ab".to_vec(), Bytes::from_static(b"c"), map).await.unwrap();
    assert_eq!(joined, "abc");
    assert_eq!(calc.fallible(vec![7]).await.unwrap(), [7].as_slice());
    assert_eq!(calc.fallible(vec![]).await.unwrap_err().declared().unwrap(), "empty");
    assert_eq!(calc.lasting().await.unwrap(), "here");
    drop(far);
}
