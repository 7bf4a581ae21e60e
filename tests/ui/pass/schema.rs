//! Schemas where there is no prelude, and services that are checked, unchecked and switched off.

#![no_implicit_prelude]
#![deny(warnings)]

use ::hton::Service as _;

#[::hton::data]
pub struct Order<'a> {
    #[serde(borrow)]
    pub text: ::std::borrow::Cow<'a, str>,
    pub r#type: ::std::option::Option<u8>,
}

#[::hton::data]
pub enum Trouble {
    None,
    Some(u8),
}

/// Has no schema.
#[derive(::serde::Serialize, ::serde::Deserialize)]
pub struct Plain;

mod shadows {
    pub struct Vec;
    pub struct Option;
    pub struct Registry;
    pub struct Type;
    pub trait Schema {}
    pub trait NoSchema {}
    pub mod hton {}
}

#[allow(unused_imports)]
use shadows::*;

#[::hton::service]
pub trait Shop {
    async fn place(&self, r#type: Order<'_>, text: &str) -> ::std::result::Result<u8, Trouble>;
    async fn plain(&self, plain: ::std::vec::Vec<Plain>) -> u8;
    #[cfg(any())]
    async fn never(&self, what: What);
}

#[::hton::service(schema = required, name = "Shop")]
pub trait Same {
    async fn place(&self, r#type: Order<'_>, text: &str) -> ::std::result::Result<u8, Trouble>;
}

#[::hton::service(schema = off, name = "Shop")]
pub trait Off {
    async fn place(&self, r#type: Order<'_>, text: &str) -> ::std::result::Result<u8, Trouble>;
}

struct Mine;

impl Shop for Mine {
    async fn place(&self, _: Order<'_>, _: &str) -> ::std::result::Result<u8, Trouble> {
        ::std::result::Result::Ok(1)
    }
    async fn plain(&self, _: ::std::vec::Vec<Plain>) -> u8 {
        1
    }
}

impl Same for Mine {
    async fn place(&self, _: Order<'_>, _: &str) -> ::std::result::Result<u8, Trouble> {
        ::std::result::Result::Err(Trouble::None)
    }
}

impl Off for Mine {
    async fn place(&self, _: Order<'_>, _: &str) -> ::std::result::Result<u8, Trouble> {
        ::std::result::Result::Err(Trouble::Some(1))
    }
}

fn main() {
    let texts = |methods: &'static [::hton::__private::Method]| {
        let texts = ::std::iter::Iterator::map(methods.iter(), |method| method.signature().text());
        ::std::iter::Iterator::collect::<::std::vec::Vec<_>>(texts)
    };
    let place = "hton-sig/1;Shop/place;args={type:#0,text:str};ok=u8;err=#1;#0={text:str,type:?u8};#1=<None|Some:u8>";
    ::std::assert_eq!(texts(ShopServer::new(Mine).methods()), [place, ""]);
    ::std::assert_eq!(texts(SameServer::new(Mine).methods()), [place]);
    ::std::assert_eq!(texts(OffServer::new(Mine).methods()), [""]);
}
