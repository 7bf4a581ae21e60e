//! jsonrpsee: JSON-RPC over WebSocket. Bytes travel as base64 text.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use harness::data::{self, Record};
use harness::{Caller, Peer, Result, Tally};
use jsonrpsee::PendingSubscriptionSink;
use jsonrpsee::client_transport::ws::{Url, WsTransportClientBuilder};
use jsonrpsee::core::client::{Client, ClientBuilder, IdKind};
use jsonrpsee::core::{RpcResult, SubscriptionResult, async_trait, to_json_raw_value};
use jsonrpsee::proc_macros::rpc;
use jsonrpsee::server::{Server, ServerConfig};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// As an array of numbers it would be slower and larger by far.
#[derive(Clone)]
pub(crate) struct Base64(Bytes);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(&*text).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes.into()))
    }
}

#[rpc(server, client)]
pub(crate) trait Echo {
    #[method(name = "text")]
    async fn echo_text(&self, text: String) -> RpcResult<String>;
    #[method(name = "nap")]
    async fn nap(&self, text: String) -> RpcResult<String>;
    #[method(name = "work")]
    async fn work(&self, text: String) -> RpcResult<String>;
    #[method(name = "blob")]
    async fn echo_blob(&self, blob: Base64) -> RpcResult<Base64>;
    #[method(name = "records")]
    async fn echo_records(&self, records: Vec<Record>) -> RpcResult<Vec<Record>>;
    #[subscription(name = "download", unsubscribe = "stop", item = String)]
    async fn download(&self, items: u64) -> SubscriptionResult;
}

struct MyEcho;

#[async_trait]
impl EchoServer for MyEcho {
    async fn echo_text(&self, text: String) -> RpcResult<String> {
        Ok(text)
    }

    async fn nap(&self, text: String) -> RpcResult<String> {
        tokio::time::sleep(data::NAP).await;
        Ok(text)
    }

    async fn work(&self, text: String) -> RpcResult<String> {
        data::work();
        Ok(text)
    }

    async fn echo_blob(&self, blob: Base64) -> RpcResult<Base64> {
        Ok(blob)
    }

    async fn echo_records(&self, records: Vec<Record>) -> RpcResult<Vec<Record>> {
        Ok(records)
    }

    async fn download(&self, pending: PendingSubscriptionSink, items: u64) -> SubscriptionResult {
        let sink = pending.accept().await?;
        for number in 0..items {
            let item = data::item(number);
            sink.send(to_json_raw_value(&str::from_utf8(&item)?)?).await?;
        }
        Ok(())
    }
}

/// Shared by the callers of a connection.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Client>);

pub(crate) struct Jsonrpsee;

impl Peer for Jsonrpsee {
    type Client = Shared;
    const NAME: &'static str = "jsonrpsee";

    async fn serve() -> Result<SocketAddr> {
        let config = ServerConfig::builder()
            .ws_only()
            .set_tcp_no_delay(true)
            .max_connections(20_000)
            .max_request_body_size(16 << 20)
            .max_response_body_size(16 << 20)
            .build();
        let server = Server::builder().set_config(config).build("127.0.0.1:0").await?;
        let addr = server.local_addr()?;
        let handle = server.start(MyEcho.into_rpc());
        tokio::spawn(handle.stopped());
        Ok(addr)
    }

    async fn connect(addr: SocketAddr, in_flight: usize) -> Result<Self::Client> {
        let transport = WsTransportClientBuilder::default()
            .max_request_size(16 << 20)
            .max_response_size(16 << 20)
            .build(Url::parse(&format!("ws://{addr}"))?)
            .await?;
        let client = ClientBuilder::default()
            .set_tcp_no_delay(true)
            .id_format(IdKind::Number)
            .max_concurrent_requests(in_flight.max(256))
            .max_buffer_capacity_per_subscription(1 << 20)
            .build_with_tokio(transport.0, transport.1);
        Ok(Shared(Arc::new(client)))
    }

    fn launch(caller: Caller<Self::Client>) -> JoinHandle<Tally> {
        tokio::spawn(caller.run())
    }
}

impl harness::Client for Shared {
    type Records = Vec<Record>;

    async fn text(&self, text: String) -> Result<String> {
        Ok(self.0.echo_text(text).await?)
    }

    async fn nap(&self, text: String) -> Result<String> {
        Ok(EchoClient::nap(&*self.0, text).await?)
    }

    async fn work(&self, text: String) -> Result<String> {
        Ok(EchoClient::work(&*self.0, text).await?)
    }

    async fn blob(&self, blob: Bytes) -> Result<Bytes> {
        Ok(self.0.echo_blob(Base64(blob)).await?.0)
    }

    async fn records(&self, records: Vec<Record>) -> Result<Vec<Record>> {
        Ok(self.0.echo_records(records).await?)
    }

    async fn download(&self, items: u64) -> Result<()> {
        let mut stream = EchoClient::download(&*self.0, items).await?;
        for number in 0..items {
            let item = stream.next().await.ok_or("the stream ended early")??;
            data::check_item(number, item.as_bytes())?;
        }
        Ok(())
    }
}
