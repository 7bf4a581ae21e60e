//! `Self` would be the server here and the client there.

use std::marker::PhantomData;

#[hton::service]
trait Calc {
    async fn merge(&self, other: Self);
    async fn copy(&self) -> PhantomData<Self>;
}

fn main() {}
