//! The service over vox's TCP link.

use bytes::Bytes;
use facet::Facet;
use harness::data::{self, Load};
use harness::{Caller, Client, Peer, Result, Tally, listen};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;
use vox::transport::tcp::StreamLink;
use vox::{Rx, Tx, VoxListener};

#[derive(Clone, Debug, Facet)]
pub struct Record {
    id: u64,
    name: String,
    score: f64,
    active: bool,
    tags: Vec<u32>,
}

#[vox::service]
pub trait Echo {
    async fn echo_text(&self, text: String) -> String;
    async fn echo_nap(&self, text: String) -> String;
    async fn echo_work(&self, text: String) -> String;
    async fn echo_blob(&self, blob: Vec<u8>) -> Vec<u8>;
    async fn echo_records(&self, records: Vec<Record>) -> Vec<Record>;
    async fn send_items(&self, items: u64, output: Tx<Vec<u8>>);
    async fn take_items(&self, input: Rx<Vec<u8>>) -> u64;
}

#[derive(Clone)]
struct MyEcho;

impl Echo for MyEcho {
    async fn echo_text(&self, text: String) -> String {
        text
    }

    async fn echo_nap(&self, text: String) -> String {
        tokio::time::sleep(data::NAP).await;
        text
    }

    async fn echo_work(&self, text: String) -> String {
        data::work();
        text
    }

    async fn echo_blob(&self, blob: Vec<u8>) -> Vec<u8> {
        blob
    }

    async fn echo_records(&self, records: Vec<Record>) -> Vec<Record> {
        records
    }

    async fn send_items(&self, items: u64, output: Tx<Vec<u8>>) {
        send(items, &output).await;
    }

    async fn take_items(&self, mut input: Rx<Vec<u8>>) -> u64 {
        take(&mut input).await
    }
}

async fn send(items: u64, output: &Tx<Vec<u8>>) {
    for number in 0..items {
        if output.send(data::item(number).to_vec()).await.is_err() {
            return;
        }
    }
    output.close(Default::default()).await.ok();
}

/// How many items came, each of them checked.
async fn take(input: &mut Rx<Vec<u8>>) -> u64 {
    let mut count = 0;
    while let Ok(Some(item)) = input.recv().await {
        let mut intact = false;
        item.map(|item| intact = data::check_item(count, &item).is_ok());
        if !intact {
            break;
        }
        count += 1;
    }
    count
}

/// What a caller holds of them.
pub struct Records(Vec<Record>);

impl Load for Records {
    fn make() -> Self {
        let record = |it: data::Record| Record {
            id: it.id,
            name: it.name,
            score: it.score,
            active: it.active,
            tags: it.tags,
        };
        Self((0..data::RECORDS).map(data::record).map(record).collect())
    }

    fn intact(&self) -> bool {
        self.0.len() == data::RECORDS
            && self.0.iter().enumerate().all(|(at, it)| {
                data::record_intact(at, it.id, &it.name, it.score, it.active, it.tags.len())
            })
    }
}

/// Its own listener leaves Nagle's algorithm on.
struct Listener(TcpListener);

impl VoxListener for Listener {
    type Link = StreamLink<OwnedReadHalf, OwnedWriteHalf>;

    async fn accept(&mut self) -> std::io::Result<Self::Link> {
        let (stream, _) = self.0.accept().await?;
        stream.set_nodelay(true)?;
        Ok(StreamLink::tcp(stream))
    }
}

pub struct Vox;

impl Peer for Vox {
    type Client = EchoClient;
    const NAME: &'static str = "vox";

    async fn serve() -> Result<SocketAddr> {
        let (listener, addr) = listen().await?;
        tokio::spawn(vox::serve_listener(Listener(listener), EchoDispatcher::new(MyEcho)));
        Ok(addr)
    }

    async fn connect(addr: SocketAddr, _: usize) -> Result<EchoClient> {
        // It sets TCP_NODELAY on what it dials.
        Ok(vox::connect(format!("tcp://{addr}")).await?)
    }

    fn launch(caller: Caller<EchoClient>) -> JoinHandle<Tally> {
        tokio::spawn(caller.run())
    }
}

impl Client for EchoClient {
    type Records = Records;

    async fn text(&self, text: String) -> Result<String> {
        Ok(self.echo_text(text).await?)
    }

    async fn nap(&self, text: String) -> Result<String> {
        Ok(self.echo_nap(text).await?)
    }

    async fn work(&self, text: String) -> Result<String> {
        Ok(self.echo_work(text).await?)
    }

    async fn blob(&self, blob: Bytes) -> Result<Bytes> {
        Ok(self.echo_blob(blob.into()).await?.into())
    }

    async fn records(&self, records: Records) -> Result<Records> {
        Ok(Records(self.echo_records(records.0).await?))
    }

    async fn download(&self, items: u64) -> Result<()> {
        let (output, mut input) = vox::channel();
        let (called, counted) = tokio::join!(self.send_items(items, output), take(&mut input));
        called?;
        if counted == items { Ok(()) } else { Err(format!("{counted} of {items} items").into()) }
    }

    async fn upload(&self, items: u64) -> Result<()> {
        let (output, input) = vox::channel();
        let (counted, ()) = tokio::join!(self.take_items(input), send(items, &output));
        let counted = counted?;
        if counted == items { Ok(()) } else { Err(format!("{counted} of {items} items").into()) }
    }
}
