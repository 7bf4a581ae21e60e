//! An item is owned where it arrives.

use hton::{Rx, Stream};
use std::borrow::Cow;

#[hton::service]
trait Words {
    async fn count(&self, words: Rx<&str>) -> u64;
    async fn bytes(&self, words: Rx<&'static [u8]>) -> u64;
    async fn cow(&self, words: Rx<Cow<'_, str>>) -> u64;
    fn all(&self) -> impl Stream<Item = &str>;
    fn checked(&self) -> impl Stream<Item = Result<Option<&'static str>, String>>;
    fn errors(&self) -> impl Stream<Item = Result<u8, Cow<'_, str>>>;
    fn fine(&self, words: Rx<Cow<'static, str>>) -> impl Stream<Item = Cow<'static, str>>;
}

fn main() {}
