//! Methods that answer nothing, alone and in a service that is ordered.

use hton::{Bytes, Context, Service, Side};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

#[hton::service]
trait Log {
    #[hton(oneway)]
    async fn log(&self, cx: &Context, line: &str, more: Bytes);
    #[hton(oneway, spawn)]
    async fn slow(&self) -> ();
    async fn count(&self) -> usize;
}

#[hton::service(ordered, name = "Log")]
trait OrderedLog {
    #[hton(oneway)]
    async fn log(&self, cx: &Context, line: &str, more: Bytes);
    #[hton(oneway, spawn)]
    async fn slow(&self);
    async fn count(&self) -> usize;
}

#[derive(Default)]
struct MyLog {
    lines: Mutex<Vec<String>>,
    written: Notify,
}

impl Log for Arc<MyLog> {
    async fn log(&self, cx: &Context, line: &str, more: Bytes) {
        let line = format!("{}: {line} {}", cx.method(), more.len());
        self.lines.lock().unwrap().push(line);
        self.written.notify_one();
    }
    async fn slow(&self) {
        tokio::task::yield_now().await;
        self.lines.lock().unwrap().push("slow".to_owned());
        self.written.notify_one();
    }
    async fn count(&self) -> usize {
        self.lines.lock().unwrap().len()
    }
}

impl OrderedLog for Arc<MyLog> {
    async fn log(&self, cx: &Context, line: &str, more: Bytes) {
        Log::log(self, cx, line, more).await
    }
    async fn slow(&self) {
        Log::slow(self).await
    }
    async fn count(&self) -> usize {
        Log::count(self).await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let log = Arc::new(MyLog::default());
    let (plain, ordered) = (LogServer::new(log.clone()), OrderedLogServer::new(log.clone()));
    assert!(plain.methods().iter().all(|method| !method.is_ordered()));
    assert!(ordered.methods().iter().all(|method| method.is_ordered()));
    let oneway = |service: &dyn Service| -> Vec<bool> {
        service.methods().iter().map(|method| method.is_oneway()).collect()
    };
    assert_eq!(oneway(&plain), [true, true, false]);
    assert_eq!(oneway(&ordered), [true, true, false]);

    let (near, far) = hton::memory();
    let far = hton::attach(far, Side::Acceptor).serve(ordered).unwrap().start();
    let client = LogClient::new(hton::attach(near, Side::Dialer).start());
    let () = client.log("one", Bytes::from_static(b"12")).await.unwrap();
    log.written.notified().await;
    client.slow().await.unwrap();
    log.written.notified().await;
    assert_eq!(client.count().await.unwrap(), 2);
    assert_eq!(*log.lines.lock().unwrap(), ["Log/log: one 2", "slow"]);
    drop(far);
}
