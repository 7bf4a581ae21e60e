//! volo-thrift: its default codec (TTHeader over frames) and its multiplexed transport.

use crate::generated::peers_volo::peers_volo::peers as thrift;
use bytes::Bytes;
use harness::data::{self, Load};
use harness::{Caller, Client, Peer, Result, Tally, listen};
use pilota::FastStr;
use std::net::SocketAddr;
use thrift::{EchoClient, EchoClientBuilder, EchoServer, Record};
use tokio::task::JoinHandle;
use volo::net::Address;
use volo::net::incoming::DefaultIncoming;
use volo_thrift::ServerError;

struct MyEcho;

impl thrift::Echo for MyEcho {
    async fn echo_text(&self, text: FastStr) -> Result<FastStr, ServerError> {
        Ok(text)
    }

    async fn nap(&self, text: FastStr) -> Result<FastStr, ServerError> {
        tokio::time::sleep(data::NAP).await;
        Ok(text)
    }

    async fn work(&self, text: FastStr) -> Result<FastStr, ServerError> {
        data::work();
        Ok(text)
    }

    async fn echo_blob(&self, blob: Bytes) -> Result<Bytes, ServerError> {
        Ok(blob)
    }

    async fn echo_records(&self, records: Vec<Record>) -> Result<Vec<Record>, ServerError> {
        Ok(records)
    }
}

/// What a caller holds of them.
pub struct Records(Vec<Record>);

impl Load for Records {
    fn make() -> Self {
        let record = |it: data::Record| Record {
            id: it.id as i64,
            name: it.name.into(),
            score: it.score,
            active: it.active,
            tags: it.tags.into_iter().map(|tag| tag as i32).collect(),
        };
        Self((0..data::RECORDS).map(data::record).map(record).collect())
    }

    fn intact(&self) -> bool {
        self.0.len() == data::RECORDS
            && self.0.iter().enumerate().all(|(at, it)| {
                data::record_intact(at, it.id as u64, &it.name, it.score, it.active, it.tags.len())
            })
    }
}

pub(crate) struct Volo;

impl Peer for Volo {
    type Client = EchoClient;
    const NAME: &'static str = "volo-thrift";

    async fn serve() -> Result<SocketAddr> {
        let (listener, addr) = listen().await?;
        // It sets TCP_NODELAY on what it accepts and on what it dials.
        let server = EchoServer::new(MyEcho).multiplex(true);
        tokio::spawn(server.run(DefaultIncoming::from(listener)));
        Ok(addr)
    }

    async fn connect(addr: SocketAddr, _: usize) -> Result<EchoClient> {
        let builder = EchoClientBuilder::new("peers").address(Address::from(addr));
        Ok(builder.multiplex(true).build())
    }

    fn launch(caller: Caller<EchoClient>) -> JoinHandle<Tally> {
        tokio::spawn(caller.run())
    }
}

impl Client for EchoClient {
    type Records = Records;

    async fn text(&self, text: String) -> Result<String> {
        Ok(self.echo_text(text.into()).await?.into())
    }

    async fn nap(&self, text: String) -> Result<String> {
        Ok(self.nap(text.into()).await?.into())
    }

    async fn work(&self, text: String) -> Result<String> {
        Ok(self.work(text.into()).await?.into())
    }

    async fn blob(&self, blob: Bytes) -> Result<Bytes> {
        Ok(self.echo_blob(blob).await?)
    }

    async fn records(&self, records: Records) -> Result<Records> {
        Ok(Records(self.echo_records(records.0).await?))
    }
}
