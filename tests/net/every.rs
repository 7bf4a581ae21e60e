//! A service with every kind of method, for what stands around calls.

use hton::{Context, Peer, Rx, Service, Side, Status, Stream, attach, layer, memory, stream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

#[hton::service]
pub(crate) trait Every {
    async fn add(&self, a: i64, b: i64) -> i64;
    async fn fail(&self) -> Result<i64, Status>;
    async fn own(&self) -> Result<i64, String>;
    async fn sleep(&self, ms: u64) -> u64;
    async fn seen(&self, cx: &Context, key: String) -> Option<String>;
    async fn who(&self, cx: &Context) -> Option<String>;
    async fn left(&self, cx: &Context) -> Option<u64>;
    async fn ask_back(&self, cx: &Context) -> String;
    async fn sum(&self, numbers: Rx<i64>) -> Result<i64, Status>;
    fn count(&self, to: u32) -> impl Stream<Item = u32>;
    fn echo(&self, lines: Rx<i64>) -> impl Stream<Item = i64>;
    #[hton(oneway)]
    async fn log(&self, line: String);
}

#[derive(Default)]
pub(crate) struct MyEvery {
    pub(crate) logged: Notify,
    pub(crate) added: AtomicUsize,
}

/// What a layer has found out about the caller.
pub(crate) struct Tenant(pub(crate) String);

impl Every for MyEvery {
    async fn add(&self, a: i64, b: i64) -> i64 {
        self.added.fetch_add(1, Ordering::SeqCst);
        a + b
    }

    async fn fail(&self) -> Result<i64, Status> {
        Err(Status::not_found("nothing").with_app(7))
    }

    async fn own(&self) -> Result<i64, String> {
        Err("mine".to_owned())
    }

    async fn sleep(&self, ms: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        ms
    }

    async fn seen(&self, cx: &Context, key: String) -> Option<String> {
        cx.metadata().get_str(&key).map(str::to_owned)
    }

    async fn who(&self, cx: &Context) -> Option<String> {
        cx.get::<Tenant>().map(|tenant| tenant.0.clone())
    }

    async fn left(&self, cx: &Context) -> Option<u64> {
        cx.remaining().map(|left| u64::try_from(left.as_millis()).unwrap())
    }

    async fn ask_back(&self, cx: &Context) -> String {
        let peer = cx.peer().layer(layer::from_fn(|call, _| {
            let text = format!("nested: {}", call.is_nested());
            let finish = call.reject(Status::aborted(text));
            Box::pin(async move { finish })
        }));
        EveryClient::new(&peer).add(1, 2).await.unwrap_err().to_string()
    }

    async fn sum(&self, mut numbers: Rx<i64>) -> Result<i64, Status> {
        let mut sum = 0;
        while let Some(number) = numbers.recv().await? {
            sum += number;
        }
        Ok(sum)
    }

    fn count(&self, to: u32) -> impl Stream<Item = u32> {
        stream::iter(0..to)
    }

    fn echo(&self, lines: Rx<i64>) -> impl Stream<Item = i64> {
        stream::unfold(lines, async |mut lines| {
            let line = lines.recv().await.ok()??;
            Some((line, lines))
        })
    }

    async fn log(&self, _line: String) {
        self.logged.notify_one();
    }
}

/// A peer that calls the service, and the peer that serves it.
pub(crate) fn pair(service: impl Service) -> (Peer, Peer) {
    let (here, there) = memory();
    let serving = attach(there, Side::Acceptor).serve(service).unwrap().start();
    (attach(here, Side::Dialer).start(), serving)
}
