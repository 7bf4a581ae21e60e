//! tonic: gRPC over HTTP/2, prost messages.

use crate::generated::peers_tonic as proto;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use harness::data::{self, Load};
use harness::{Caller, Client, Failure, Peer, Result, Tally, listen};
use proto::echo_client::EchoClient;
use proto::echo_server::{Echo, EchoServer};
use proto::{Blob, Count, Item, Record, Records, Text};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

struct MyEcho;

#[tonic::async_trait]
impl Echo for MyEcho {
    async fn echo_text(&self, request: Request<Text>) -> Result<Response<Text>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn nap(&self, request: Request<Text>) -> Result<Response<Text>, Status> {
        tokio::time::sleep(data::NAP).await;
        Ok(Response::new(request.into_inner()))
    }

    async fn work(&self, request: Request<Text>) -> Result<Response<Text>, Status> {
        data::work();
        Ok(Response::new(request.into_inner()))
    }

    async fn echo_blob(&self, request: Request<Blob>) -> Result<Response<Blob>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn echo_records(&self, request: Request<Records>) -> Result<Response<Records>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    type DownloadStream = futures::stream::Map<Items, fn(Item) -> Result<Item, Status>>;

    async fn download(
        &self,
        request: Request<Count>,
    ) -> Result<Response<Self::DownloadStream>, Status> {
        let items = request.into_inner().items;
        Ok(Response::new(Items(0..items).map(Ok)))
    }

    async fn upload(&self, request: Request<Streaming<Item>>) -> Result<Response<Count>, Status> {
        let mut stream = request.into_inner();
        let mut items = 0;
        while let Some(item) = stream.message().await? {
            let checked = data::check_item(items, &item.bytes);
            checked.map_err(|failure| Status::data_loss(failure.to_string()))?;
            items += 1;
        }
        Ok(Response::new(Count { items }))
    }
}

/// A type with a name: the future of a call with an adapter in it is not known to be `Send`.
struct Items(std::ops::Range<u64>);

impl Stream for Items {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Item>> {
        let item = |number| Item { bytes: Bytes::copy_from_slice(&data::item(number)) };
        Poll::Ready(self.0.next().map(item))
    }
}

impl Load for Records {
    fn make() -> Self {
        let record = |it: data::Record| Record {
            id: it.id,
            name: it.name,
            score: it.score,
            active: it.active,
            tags: it.tags,
        };
        Self { records: (0..data::RECORDS).map(data::record).map(record).collect() }
    }

    fn intact(&self) -> bool {
        self.records.len() == data::RECORDS
            && self.records.iter().enumerate().all(|(at, it)| {
                data::record_intact(at, it.id, &it.name, it.score, it.active, it.tags.len())
            })
    }
}

pub(crate) struct Tonic;

impl Peer for Tonic {
    type Client = EchoClient<Channel>;
    const NAME: &'static str = "tonic";

    async fn serve() -> Result<SocketAddr> {
        let (listener, addr) = listen().await?;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let router = Server::builder().add_service(EchoServer::new(MyEcho));
        tokio::spawn(router.serve_with_incoming(incoming));
        Ok(addr)
    }

    async fn connect(addr: SocketAddr, _: usize) -> Result<Self::Client> {
        let endpoint = Endpoint::from_shared(format!("http://{addr}"))?.tcp_nodelay(true);
        Ok(EchoClient::new(endpoint.connect().await?))
    }

    fn launch(caller: Caller<Self::Client>) -> JoinHandle<Tally> {
        tokio::spawn(caller.run())
    }
}

impl Client for EchoClient<Channel> {
    type Records = Records;

    async fn text(&self, text: String) -> Result<String> {
        Ok(self.clone().echo_text(Text { text }).await?.into_inner().text)
    }

    async fn nap(&self, text: String) -> Result<String> {
        Ok(EchoClient::nap(&mut self.clone(), Text { text }).await?.into_inner().text)
    }

    async fn work(&self, text: String) -> Result<String> {
        Ok(EchoClient::work(&mut self.clone(), Text { text }).await?.into_inner().text)
    }

    async fn blob(&self, bytes: Bytes) -> Result<Bytes> {
        Ok(self.clone().echo_blob(Blob { bytes }).await?.into_inner().bytes)
    }

    async fn records(&self, records: Records) -> Result<Records> {
        Ok(self.clone().echo_records(records).await?.into_inner())
    }

    async fn download(&self, items: u64) -> Result<()> {
        let mut stream =
            EchoClient::download(&mut self.clone(), Count { items }).await?.into_inner();
        for number in 0..items {
            let item = stream.message().await?.ok_or("the stream ended early")?;
            data::check_item(number, &item.bytes)?;
        }
        match stream.message().await? {
            None => Ok(()),
            Some(_) => Err(Failure::from("an item too many")),
        }
    }

    async fn upload(&self, items: u64) -> Result<()> {
        let counted =
            EchoClient::upload(&mut self.clone(), Items(0..items)).await?.into_inner().items;
        if counted == items { Ok(()) } else { Err(format!("{counted} of {items} items").into()) }
    }
}
