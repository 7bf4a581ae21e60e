//! An answer outlives its handler.

use std::borrow::Cow;

#[hton::service]
trait Calc {
    async fn name(&self) -> &str;
    async fn maybe(&self) -> Option<&'static str>;
    async fn cow(&self) -> Cow<'_, str>;
    async fn checked(&self) -> Result<u8, &'static str>;
    async fn fine(&self) -> Cow<'static, str>;
}

fn main() {}
