//! Nothing of the user's scope changes what is generated.

#![no_implicit_prelude]
#![deny(warnings)]

// Names of the prelude, and those of the expansion.
mod shadows {
    #[derive(::serde::Serialize, ::serde::Deserialize)]
    pub struct Option;
    #[derive(::serde::Serialize, ::serde::Deserialize)]
    pub struct Vec;
    #[derive(::serde::Serialize, ::serde::Deserialize)]
    pub struct String;
    #[derive(::serde::Serialize, ::serde::Deserialize)]
    pub struct Arc;
    #[derive(::serde::Serialize, ::serde::Deserialize)]
    pub struct T;
    #[derive(::serde::Serialize, ::serde::Deserialize)]
    pub struct Method;
    pub struct Result;
    pub struct Box;
    pub struct Request;
    pub struct Reply;
    pub struct Peer;
    pub struct Call;
    pub struct Service;
    pub struct Streaming;
    pub struct Infallible;
    pub trait Stream {}
    pub trait Send {}
    pub trait Sync {}
    pub trait Future {}
    pub trait Into {}
    #[allow(non_snake_case)]
    pub fn Ok() {}
    #[allow(non_snake_case)]
    pub fn Err() {}
    pub fn slot() {}
    pub fn connect() {}
}

#[allow(unused_imports)]
use shadows::*;

#[allow(unused_macros)]
macro_rules! vec {
    () => {};
}

#[::hton::service]
pub trait Names {
    async fn new(&self) -> u8;
    async fn connect(&self, address: u8) -> u8;
    async fn peer(&self) -> u8;
    async fn from(&self, from: u8) -> u8;
    async fn into(&self) -> u8;
    async fn clone(&self) -> u8;
    async fn fmt(&self) -> u8;
    async fn dispatch(&self) -> u8;
    async fn methods(&self) -> u8;
    async fn slot(&self) -> u8;
    async fn drop(&self) -> u8;
    async fn as_ref(&self) -> u8;
    async fn call(&self) -> u8;
    async fn r#type(&self, r#fn: u8) -> u8;
    async fn variables(
        &self,
        service: u8,
        method: u8,
        request: u8,
        arguments: u8,
        result: u8,
        error: u8,
        argument_0: u8,
        encoder: u8,
        outcome: u8,
        message: u8,
        peer: u8,
    ) -> u8;
    fn streamed(
        &self,
        service: ::hton::Rx<u8>,
        request: u8,
        result: u8,
        error: u8,
        encoder: u8,
        item: u8,
        message: u8,
        outcome: u8,
    ) -> impl ::hton::Stream<Item = ::std::result::Result<u8, String>>;
    async fn opened(
        &self,
        item: ::hton::Rx<T>,
    ) -> ::std::result::Result<impl ::hton::Stream<Item = Vec>, ::hton::Status>;
    async fn stream(&self, encoder: ::hton::Rx<Option>) -> u8;
    #[hton(oneway)]
    async fn oneway(&self, encoder: u8, result: u8, request: u8);
    async fn shadows(&self, t: T, option: Option, vec: Vec, string: String) -> Arc;
    async fn real(
        &self,
        a: ::std::option::Option<&str>,
        b: ::std::vec::Vec<u8>,
        c: &[u8],
        d: ::hton::Bytes,
        e: ::std::string::String,
    ) -> ::std::result::Result<::std::vec::Vec<u8>, Method>;
}

struct Mine;

impl Names for Mine {
    async fn new(&self) -> u8 {
        1
    }
    async fn connect(&self, address: u8) -> u8 {
        address
    }
    async fn peer(&self) -> u8 {
        2
    }
    async fn from(&self, from: u8) -> u8 {
        from
    }
    async fn into(&self) -> u8 {
        3
    }
    async fn clone(&self) -> u8 {
        4
    }
    async fn fmt(&self) -> u8 {
        5
    }
    async fn dispatch(&self) -> u8 {
        6
    }
    async fn methods(&self) -> u8 {
        7
    }
    async fn slot(&self) -> u8 {
        8
    }
    async fn drop(&self) -> u8 {
        9
    }
    async fn as_ref(&self) -> u8 {
        10
    }
    async fn call(&self) -> u8 {
        11
    }
    async fn r#type(&self, r#fn: u8) -> u8 {
        r#fn
    }
    async fn variables(
        &self,
        service: u8,
        method: u8,
        request: u8,
        arguments: u8,
        result: u8,
        error: u8,
        argument_0: u8,
        encoder: u8,
        outcome: u8,
        message: u8,
        peer: u8,
    ) -> u8 {
        service
            + method
            + request
            + arguments
            + result
            + error
            + argument_0
            + encoder
            + outcome
            + message
            + peer
    }
    fn streamed(
        &self,
        _: ::hton::Rx<u8>,
        request: u8,
        result: u8,
        error: u8,
        encoder: u8,
        item: u8,
        message: u8,
        outcome: u8,
    ) -> impl ::hton::Stream<Item = ::std::result::Result<u8, String>> {
        let sum = request + result + error + encoder + item + message + outcome;
        let items = [::std::result::Result::Ok(sum), ::std::result::Result::Err(String)];
        ::hton::stream::iter(items)
    }
    async fn opened(
        &self,
        _: ::hton::Rx<T>,
    ) -> ::std::result::Result<impl ::hton::Stream<Item = Vec>, ::hton::Status> {
        ::std::result::Result::Ok(::hton::stream::iter([Vec]))
    }
    async fn stream(&self, mut encoder: ::hton::Rx<Option>) -> u8 {
        ::std::convert::From::from(encoder.recv().await.unwrap().is_some())
    }
    async fn oneway(&self, _: u8, _: u8, _: u8) {}
    async fn shadows(&self, _: T, _: Option, _: Vec, _: String) -> Arc {
        Arc
    }
    async fn real(
        &self,
        a: ::std::option::Option<&str>,
        b: ::std::vec::Vec<u8>,
        c: &[u8],
        d: ::hton::Bytes,
        e: ::std::string::String,
    ) -> ::std::result::Result<::std::vec::Vec<u8>, Method> {
        ::std::assert_eq!((a, &b[..], c, &d[..], &e[..]), (
            ::std::option::Option::Some("a"),
            &b"b"[..],
            &b"c"[..],
            &b"d"[..],
            "e"
        ));
        ::std::result::Result::Ok(b)
    }
}

fn main() {
    // `#[tokio::main]` needs the prelude.
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(run());
}

async fn run() {
    let (near, far) = ::hton::memory();
    let far = ::hton::attach(far, ::hton::Side::Acceptor);
    let far = far.serve(NamesServer::new(Mine)).unwrap().start();
    let peer = ::hton::attach(near, ::hton::Side::Dialer).start();
    // Where methods have taken the names of constructors, std's conversions are left.
    let client = <NamesClient as ::std::convert::From<_>>::from(&peer);
    let _: &::hton::Peer = ::std::convert::AsRef::as_ref(&client);
    let client = ::std::clone::Clone::clone(&client);
    ::std::assert_eq!(client.new().await.unwrap(), 1);
    ::std::assert_eq!(client.clone().await.unwrap(), 4);
    ::std::assert_eq!(client.r#type(12).await.unwrap(), 12);
    ::std::assert_eq!(client.variables(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11).await.unwrap(), 66);
    let mut streamed = client.streamed(::hton::stream::iter([1]), 1, 2, 3, 4, 5, 6, 7);
    ::std::assert_eq!(streamed.recv().await.ok().unwrap(), ::std::option::Option::Some(28));
    ::std::assert!(streamed.recv().await.err().unwrap().declared().is_some());
    let mut opened = client.opened(::hton::stream::empty());
    let _: Vec = opened.recv().await.unwrap().unwrap();
    ::std::assert_eq!(client.stream(::hton::stream::iter([Option])).await.unwrap(), 1);
    client.oneway(1, 2, 3).await.unwrap();
    let Arc = client.shadows(T, Option, Vec, String).await.unwrap();
    let real = client.real(
        ::std::option::Option::Some("a"),
        ::std::convert::Into::into(&b"b"[..]),
        b"c",
        ::hton::Bytes::from_static(b"d"),
        ::std::convert::Into::into("e"),
    );
    ::std::assert_eq!(real.await.ok().unwrap(), b"b");
    ::std::mem::drop((far, peer));
}
