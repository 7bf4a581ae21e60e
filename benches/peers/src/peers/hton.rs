//! hton as its documentation shows it; every promise of it is on.

use bytes::Bytes;
use harness::data::{self, Record};
use harness::{Caller, Peer, Result, Tally};
use hton::{Limits, Rx, Status, Stream, stream};
use std::net::SocketAddr;
use tokio::task::JoinHandle;

#[hton::service]
pub(crate) trait Echo {
    async fn text(&self, text: String) -> String;
    async fn nap(&self, text: String) -> String;
    #[hton(spawn)]
    async fn work(&self, text: String) -> String;
    async fn blob(&self, blob: Bytes) -> Bytes;
    async fn records(&self, records: Vec<Record>) -> Vec<Record>;
    fn download(&self, items: u64) -> impl Stream<Item = Bytes>;
    async fn upload(&self, items: Rx<Bytes>) -> Result<u64, Status>;
}

struct MyEcho;

impl Echo for MyEcho {
    async fn text(&self, text: String) -> String {
        text
    }

    async fn nap(&self, text: String) -> String {
        tokio::time::sleep(data::NAP).await;
        text
    }

    async fn work(&self, text: String) -> String {
        data::work();
        text
    }

    async fn blob(&self, blob: Bytes) -> Bytes {
        blob
    }

    async fn records(&self, records: Vec<Record>) -> Vec<Record> {
        records
    }

    fn download(&self, items: u64) -> impl Stream<Item = Bytes> {
        stream::iter((0..items).map(item))
    }

    async fn upload(&self, mut items: Rx<Bytes>) -> Result<u64, Status> {
        let mut count = 0;
        while let Some(item) = items.recv().await? {
            data::check_item(count, &item).map_err(|error| Status::data_loss(error.to_string()))?;
            count += 1;
        }
        Ok(count)
    }
}

fn item(number: u64) -> Bytes {
    Bytes::copy_from_slice(&data::item(number))
}

pub(crate) struct Hton;

impl Peer for Hton {
    type Client = EchoClient;
    const NAME: &'static str = "hton";

    async fn serve() -> Result<SocketAddr> {
        let server = hton::Server::bind("127.0.0.1:0").await?.serve(EchoServer::new(MyEcho))?;
        let addr = server.local_addr().socket_addr().ok_or("a TCP port")?;
        tokio::spawn(async move {
            let _server = server;
            std::future::pending::<()>().await
        });
        Ok(addr)
    }

    async fn connect(addr: SocketAddr, in_flight: usize) -> Result<EchoClient> {
        let mut limits = Limits::default();
        limits.queued_calls = limits.queued_calls.max(in_flight);
        let peer = hton::connect(addr).limits(limits).await?;
        Ok(EchoClient::new(&peer))
    }

    fn launch(caller: Caller<EchoClient>) -> JoinHandle<Tally> {
        tokio::spawn(caller.run())
    }
}

impl harness::Client for EchoClient {
    type Records = Vec<Record>;

    async fn text(&self, text: String) -> Result<String> {
        Ok(self.text(text).await?)
    }

    async fn nap(&self, text: String) -> Result<String> {
        Ok(self.nap(text).await?)
    }

    async fn work(&self, text: String) -> Result<String> {
        Ok(self.work(text).await?)
    }

    async fn blob(&self, blob: Bytes) -> Result<Bytes> {
        Ok(self.blob(blob).await?)
    }

    async fn records(&self, records: Vec<Record>) -> Result<Vec<Record>> {
        Ok(self.records(records).await?)
    }

    async fn texts(&self, texts: Vec<String>) -> Result<Vec<String>> {
        let calls = texts.into_iter().map(|text| EchoClient::text(self, text));
        Ok(hton::batch(calls).await.into_iter().collect::<Result<_, _>>()?)
    }

    async fn download(&self, items: u64) -> Result<()> {
        let mut stream = EchoClient::download(self, items);
        for number in 0..items {
            let item = stream.recv().await?.ok_or("the stream ended early")?;
            data::check_item(number, &item)?;
        }
        match stream.recv().await? {
            None => Ok(()),
            Some(_) => Err("an item too many".into()),
        }
    }

    async fn upload(&self, items: u64) -> Result<()> {
        let count = EchoClient::upload(self, stream::iter((0..items).map(item))).await?;
        match count == items {
            true => Ok(()),
            false => Err("items were lost".into()),
        }
    }
}
