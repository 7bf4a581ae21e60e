//! The server that is attacked, unless another one is named: in a process of its own, so that its end would
//! be seen and its memory is its own.

use hton::{Bytes, Limits, Rx, Server};
use std::error::Error;
use std::future::pending;

#[hton::service]
pub(crate) trait Victim {
    async fn add(&self, a: i64, b: i64) -> i64;
    /// How deep it is.
    async fn depth(&self, nest: Nest) -> u32;
    async fn sum(&self, numbers: Vec<u64>) -> u64;
    async fn shout(&self, text: String) -> String;
    /// Never answers.
    async fn never(&self);
    /// A result of 1 MiB.
    async fn large(&self) -> Bytes;
    /// Reads none of the items.
    async fn ignore(&self, items: Rx<Bytes>);
    #[hton(oneway)]
    async fn note(&self, bytes: Bytes);
}

/// A value in a value in a value.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Nest(Option<Box<Self>>);

struct Patient;

impl Victim for Patient {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }

    async fn depth(&self, nest: Nest) -> u32 {
        std::iter::successors(Some(&nest), |nest| nest.0.as_deref()).fold(0, |depth, _| depth + 1)
    }

    async fn sum(&self, numbers: Vec<u64>) -> u64 {
        numbers.into_iter().fold(0, u64::wrapping_add)
    }

    async fn shout(&self, text: String) -> String {
        text.to_uppercase()
    }

    async fn never(&self) {
        pending().await
    }

    async fn large(&self) -> Bytes {
        vec![0; 1 << 20].into()
    }

    async fn ignore(&self, items: Rx<Bytes>) {
        let _unread = items;
        pending().await
    }

    async fn note(&self, _bytes: Bytes) {
        pending().await
    }
}

/// Serves until its input ends. Its times are short, so that those who waste it are seen off soon.
pub(crate) async fn serve() -> Result<(), Box<dyn Error>> {
    let mut limits = Limits::default();
    limits.hello_ms = 500;
    limits.keepalive_after_ms = 500;
    limits.keepalive_answer_ms = 500;
    limits.write_stall_ms = 1_000;
    let bound = Server::bind("127.0.0.1:0").await?.limits(limits);
    let server = bound.serve(VictimServer::new(Patient))?;
    println!("{}", server.local_addr());
    tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await?;
    drop(server);
    Ok(())
}
