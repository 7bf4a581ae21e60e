//! Spans of calls, and the trace that goes with them.

use crate::every::{EveryClient, EveryServer, MyEvery, pair};
use hton::layer::{self, Retry, Trace, TraceParent};
use hton::{Context, Status, stream};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

type Fields = BTreeMap<&'static str, String>;

/// Keeps the fields of every span.
#[derive(Clone, Default)]
struct Keep {
    spans: Arc<Mutex<BTreeMap<u64, Fields>>>,
    next: Arc<AtomicU64>,
}

impl Keep {
    fn take(&self) -> Vec<Fields> {
        std::mem::take(&mut *self.spans.lock().unwrap()).into_values().collect()
    }
}

struct Into<'a>(&'a mut Fields);

impl Visit for Into<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Keep {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "hton"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.next.fetch_add(1, Ordering::SeqCst) + 1;
        let mut fields = Fields::new();
        span.record(&mut Into(&mut fields));
        self.spans.lock().unwrap().insert(id, fields);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        if let Some(fields) = self.spans.lock().unwrap().get_mut(&span.into_u64()) {
            values.record(&mut Into(fields));
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn traced() -> (EveryClient, hton::Peer, Keep, tracing::subscriber::DefaultGuard) {
    let keep = Keep::default();
    let guard = tracing::subscriber::set_default(keep.clone());
    let service = layer::layered(EveryServer::new(MyEvery::default()), Trace::new());
    let (peer, serving) = pair(service);
    (EveryClient::new(peer.layer(Trace::new())), serving, keep, guard)
}

#[tokio::test]
async fn every_call_is_a_span_on_either_side_of_one_trace() {
    let (client, _serving, keep, _guard) = traced();
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
    let [asking, answering] = keep.take().try_into().unwrap();
    for (span, side) in [(&asking, "asking"), (&answering, "answering")] {
        assert_eq!((span["side"].as_str(), span["method"].as_str()), (side, "Every/add"));
        assert_eq!((span["code"].as_str(), span["kind"].as_str()), ("OK", "unary"));
        assert!(span["duration_us"].parse::<u64>().is_ok() && !span.contains_key("error"));
    }
    assert_eq!(asking["trace_id"], answering["trace_id"]);
    assert_eq!(asking["trace_id"].len(), 32);

    client.sum(stream::iter([1])).await.unwrap();
    assert_eq!(keep.take().iter().map(|span| &*span["kind"]).collect::<Vec<_>>(), ["streaming"; 2]);
}

#[tokio::test]
async fn what_the_peer_says_stands_escaped_in_a_field() {
    let keep = Keep::default();
    let _guard = tracing::subscriber::set_default(keep.clone());
    let ugly = layer::from_fn(|call, _| {
        let finish = call.reject(Status::aborted("red \u{1b}[31m\nERROR all is lost"));
        Box::pin(async move { finish })
    });
    let (peer, _serving) = pair(layer::layered(EveryServer::new(MyEvery::default()), ugly));
    let client = EveryClient::new(peer.layer(Trace::new()));
    client.add(1, 2).await.unwrap_err();
    let [span] = keep.take().try_into().unwrap();
    assert_eq!(span["error"], "red \\u{1b}[31m\\nERROR all is lost");
    assert_eq!(span["code"], "ABORTED");
}

#[tokio::test]
async fn a_trace_that_the_caller_gives_is_kept_and_a_bad_one_is_not_believed() {
    let (client, _serving, keep, _guard) = traced();
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let seen = client.seen("traceparent".to_owned()).metadata("traceparent", given).await;
    assert_eq!(seen.unwrap().as_deref(), Some(given));
    for span in keep.take() {
        assert_eq!(span["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    }
    client.add(1, 2).metadata("traceparent", "00-0-0-00").await.unwrap();
    assert!(keep.take().iter().all(|span| span["trace_id"].len() == 32));
}

#[tokio::test(start_paused = true)]
async fn each_try_is_a_span_of_its_own() {
    let keep = Keep::default();
    let _guard = tracing::subscriber::set_default(keep.clone());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let parents = seen.clone();
    let twice = layer::from_fn(move |call, next| {
        let entries: Vec<_> = call.metadata().get_all("traceparent").map(<[u8]>::to_vec).collect();
        let first = parents.lock().unwrap().is_empty();
        parents.lock().unwrap().push(entries);
        if !first {
            return next.run(call);
        }
        let finish = call.reject(Status::unavailable("not now"));
        Box::pin(async move { finish })
    });
    let (peer, _serving) = pair(layer::layered(EveryServer::new(MyEvery::default()), twice));
    let client = EveryClient::new(peer.layer(Trace::new()).layer(Retry::new()));
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
    assert_eq!(keep.take().len(), 2);
    let seen = seen.lock().unwrap();
    assert!(seen.len() == 2 && seen.iter().all(|entries| entries.len() == 1));
    assert_ne!(seen[0], seen[1]);
}

#[hton::service]
trait Chain {
    /// How deep the trace goes, and its number here.
    async fn deeper(&self, cx: &Context, depth: u32) -> Vec<String>;
}

struct MyChain;

impl Chain for MyChain {
    async fn deeper(&self, cx: &Context, depth: u32) -> Vec<String> {
        let here = TraceParent::current().expect("there is a layer").trace_id();
        let mut below = match depth.checked_sub(1) {
            None => Vec::new(),
            Some(depth) => {
                let back = ChainClient::new(cx.peer().layer(Trace::new()));
                tokio::task::yield_now().await; // It goes on in a task, and the trace with it.
                back.deeper(depth).await.unwrap()
            }
        };
        below.push(here);
        below
    }
}

#[tokio::test]
async fn calls_of_a_handler_belong_to_its_trace() {
    let (here, there) = hton::memory();
    let chain = || layer::layered(ChainServer::new(MyChain), Trace::new());
    let _there = hton::attach(there, hton::Side::Acceptor).serve(chain()).unwrap().start();
    let peer = hton::attach(here, hton::Side::Dialer).serve(chain()).unwrap().start();
    let client = ChainClient::new(peer.layer(Trace::new()));
    let (one, other) = tokio::join!(client.deeper(3), client.deeper(3));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.len(), 4);
    assert!(one.iter().all(|id| *id == one[0]) && other.iter().all(|id| *id == other[0]));
    assert_ne!(one[0], other[0]);
    assert_eq!(TraceParent::current(), None);
}
