//! tarpc over its serde transport and bincode.

use bytes::Bytes;
use futures::StreamExt;
use harness::data::{self, Record};
use harness::{Caller, Client, Peer, Result, Tally, listen};
use std::net::SocketAddr;
use tarpc::context::Context;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::tokio_util::codec::LengthDelimitedCodec;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

#[tarpc::service]
pub(crate) trait Echo {
    async fn text(text: String) -> String;
    async fn nap(text: String) -> String;
    async fn work(text: String) -> String;
    async fn blob(blob: Bytes) -> Bytes;
    async fn records(records: Vec<Record>) -> Vec<Record>;
}

#[derive(Clone)]
struct MyEcho;

impl Echo for MyEcho {
    async fn text(self, _: Context, text: String) -> String {
        text
    }

    async fn nap(self, _: Context, text: String) -> String {
        tokio::time::sleep(data::NAP).await;
        text
    }

    async fn work(self, _: Context, text: String) -> String {
        data::work();
        text
    }

    async fn blob(self, _: Context, blob: Bytes) -> Bytes {
        blob
    }

    async fn records(self, _: Context, records: Vec<Record>) -> Vec<Record> {
        records
    }
}

/// Its own `tcp::connect` and `tcp::listen` leave Nagle's algorithm on, so the transport is made by
/// hand from the same parts.
macro_rules! transport {
    ($stream:expr) => {{
        let stream = $stream;
        stream.set_nodelay(true)?;
        let framed = LengthDelimitedCodec::builder().max_frame_length(16 << 20).new_framed(stream);
        tarpc::serde_transport::new(framed, Bincode::default())
    }};
}

pub(crate) struct Tarpc;

impl Peer for Tarpc {
    type Client = EchoClient;
    const NAME: &'static str = "tarpc";

    async fn serve() -> Result<SocketAddr> {
        let (listener, addr) = listen().await?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let channel = BaseChannel::with_defaults(transport!(stream));
                    let requests = channel.execute(MyEcho.serve());
                    requests
                        .for_each(|response| async move {
                            tokio::spawn(response);
                        })
                        .await;
                    std::io::Result::Ok(())
                });
            }
        });
        Ok(addr)
    }

    async fn connect(addr: SocketAddr, in_flight: usize) -> Result<EchoClient> {
        let mut config = tarpc::client::Config::default();
        config.pending_request_buffer = 256;
        config.max_in_flight_requests = config.max_in_flight_requests.max(in_flight);
        let stream = TcpStream::connect(addr).await?;
        Ok(EchoClient::new(config, transport!(stream)).spawn())
    }

    fn launch(caller: Caller<EchoClient>) -> JoinHandle<Tally> {
        tokio::spawn(caller.run())
    }
}

impl Client for EchoClient {
    type Records = Vec<Record>;

    async fn text(&self, text: String) -> Result<String> {
        Ok(self.text(tarpc::context::current(), text).await?)
    }

    async fn nap(&self, text: String) -> Result<String> {
        Ok(self.nap(tarpc::context::current(), text).await?)
    }

    async fn work(&self, text: String) -> Result<String> {
        Ok(self.work(tarpc::context::current(), text).await?)
    }

    async fn blob(&self, blob: Bytes) -> Result<Bytes> {
        Ok(self.blob(tarpc::context::current(), blob).await?)
    }

    async fn records(&self, records: Vec<Record>) -> Result<Vec<Record>> {
        Ok(self.records(tarpc::context::current(), records).await?)
    }
}
