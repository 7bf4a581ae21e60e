//! capnp-rpc: messages that are built and read in place. Its objects stay on one thread.

use crate::generated::peers_capnp::{echo, record, sink};
use bytes::Bytes;
use capnp::capability::Rc;
use capnp::struct_list;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::twoparty::VatNetwork;
use capnp_rpc::{RpcSystem, new_client};
use futures::io::{BufReader, BufWriter};
use harness::data::{self, Record};
use harness::{Caller, Client, Failure, Peer, Result, Tally, listen};
use std::cell::Cell;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

struct MyEcho;

impl echo::Server for MyEcho {
    async fn text(
        self: Rc<Self>,
        params: echo::TextParams,
        mut results: echo::TextResults,
    ) -> capnp::Result<()> {
        results.get().set_text(params.get()?.get_text()?);
        Ok(())
    }

    async fn nap(
        self: Rc<Self>,
        params: echo::NapParams,
        mut results: echo::NapResults,
    ) -> capnp::Result<()> {
        tokio::time::sleep(data::NAP).await;
        results.get().set_text(params.get()?.get_text()?);
        Ok(())
    }

    async fn work(
        self: Rc<Self>,
        params: echo::WorkParams,
        mut results: echo::WorkResults,
    ) -> capnp::Result<()> {
        data::work();
        results.get().set_text(params.get()?.get_text()?);
        Ok(())
    }

    async fn blob(
        self: Rc<Self>,
        params: echo::BlobParams,
        mut results: echo::BlobResults,
    ) -> capnp::Result<()> {
        results.get().set_bytes(params.get()?.get_bytes()?);
        Ok(())
    }

    async fn records(
        self: Rc<Self>,
        params: echo::RecordsParams,
        mut results: echo::RecordsResults,
    ) -> capnp::Result<()> {
        results.get().set_records(params.get()?.get_records()?)
    }

    async fn download(
        self: Rc<Self>,
        params: echo::DownloadParams,
        _: echo::DownloadResults,
    ) -> capnp::Result<()> {
        let (items, sink) = (params.get()?.get_items(), params.get()?.get_sink()?);
        fill(sink, items).await.map_err(|failure| capnp::Error::failed(failure.to_string()))
    }

    async fn upload(
        self: Rc<Self>,
        _: echo::UploadParams,
        mut results: echo::UploadResults,
    ) -> capnp::Result<()> {
        results.get().set_sink(new_client(MySink::default()));
        Ok(())
    }
}

/// Checks and counts what flows in.
#[derive(Default)]
struct MySink(Cell<u64>);

impl sink::Server for MySink {
    async fn item(self: Rc<Self>, params: sink::ItemParams) -> capnp::Result<()> {
        let number = self.0.replace(self.0.get() + 1);
        let checked = data::check_item(number, params.get()?.get_bytes()?);
        checked.map_err(|failure| capnp::Error::failed(failure.to_string()))
    }

    async fn done(
        self: Rc<Self>,
        _: sink::DoneParams,
        mut results: sink::DoneResults,
    ) -> capnp::Result<()> {
        results.get().set_items(self.0.get());
        Ok(())
    }
}

/// Sends items to a sink, as fast as its flow control lets them go, and asks how many came.
async fn fill(sink: sink::Client, items: u64) -> Result<()> {
    for number in 0..items {
        let mut request = sink.item_request();
        request.get().set_bytes(&data::item(number));
        request.send().await?;
    }
    let counted = sink.done_request().send().promise.await?.get()?.get_items();
    if counted == items { Ok(()) } else { Err(format!("{counted} of {items} items").into()) }
}

fn connection(stream: TcpStream, side: Side) -> Result<Box<VatNetwork<impl futures::AsyncRead>>> {
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    let (read, write) = (BufReader::new(read.compat()), BufWriter::new(write.compat_write()));
    Ok(Box::new(VatNetwork::new(read, write, side, Default::default())))
}

pub(crate) struct Capnp;

impl Peer for Capnp {
    type Client = echo::Client;
    const NAME: &'static str = "capnp-rpc";

    async fn serve() -> Result<SocketAddr> {
        let (listener, addr) = listen().await?;
        tokio::task::spawn_local(async move {
            let echo: echo::Client = new_client(MyEcho);
            while let Ok((stream, _)) = listener.accept().await {
                let network = connection(stream, Side::Server)?;
                tokio::task::spawn_local(RpcSystem::new(network, Some(echo.clone().client)));
            }
            Ok::<(), Failure>(())
        });
        Ok(addr)
    }

    async fn connect(addr: SocketAddr, _: usize) -> Result<echo::Client> {
        let network = connection(TcpStream::connect(addr).await?, Side::Client)?;
        let mut system = RpcSystem::new(network, None);
        let client = system.bootstrap(Side::Server);
        tokio::task::spawn_local(system);
        Ok(client)
    }

    fn launch(caller: Caller<echo::Client>) -> JoinHandle<Tally> {
        tokio::task::spawn_local(caller.run())
    }
}

fn write(records: &[Record], mut list: struct_list::Builder<'_, record::Owned>) -> Result<()> {
    for (at, record) in (0..).zip(records) {
        let mut place = list.reborrow().get(at);
        place.set_id(record.id);
        place.set_name(&record.name);
        place.set_score(record.score);
        place.set_active(record.active);
        place.set_tags(&record.tags[..])?;
    }
    Ok(())
}

/// Reads every field in place.
fn check(list: struct_list::Reader<'_, record::Owned>) -> Result<()> {
    let mut intact = list.len() as usize == data::RECORDS;
    for (at, it) in list.iter().enumerate() {
        let (name, tags) = (it.get_name()?.to_str()?, it.get_tags()?.len() as usize);
        intact &= data::record_intact(at, it.get_id(), name, it.get_score(), it.get_active(), tags);
    }
    if intact { Ok(()) } else { Err("a reply is not what was sent".into()) }
}

impl Client for echo::Client {
    type Records = Vec<Record>;

    async fn text(&self, text: String) -> Result<String> {
        let mut request = self.text_request();
        request.get().set_text(&text);
        Ok(request.send().promise.await?.get()?.get_text()?.to_string()?)
    }

    async fn nap(&self, text: String) -> Result<String> {
        let mut request = self.nap_request();
        request.get().set_text(&text);
        Ok(request.send().promise.await?.get()?.get_text()?.to_string()?)
    }

    async fn work(&self, text: String) -> Result<String> {
        let mut request = self.work_request();
        request.get().set_text(&text);
        Ok(request.send().promise.await?.get()?.get_text()?.to_string()?)
    }

    /// Checks the reply in place and gives back what was sent, which is the same.
    async fn blob(&self, blob: Bytes) -> Result<Bytes> {
        let mut request = self.blob_request();
        request.get().set_bytes(&blob);
        match data::blob_intact(request.send().promise.await?.get()?.get_bytes()?) {
            true => Ok(blob),
            false => Err(Failure::from("a reply is not what was sent")),
        }
    }

    /// Likewise.
    async fn records(&self, records: Vec<Record>) -> Result<Vec<Record>> {
        let mut request = self.records_request();
        write(&records, request.get().init_records(u32::try_from(records.len())?))?;
        check(request.send().promise.await?.get()?.get_records()?)?;
        Ok(records)
    }

    async fn download(&self, items: u64) -> Result<()> {
        let mut request = self.download_request();
        request.get().set_items(items);
        request.get().set_sink(new_client(MySink::default()));
        request.send().promise.await?;
        Ok(())
    }

    async fn upload(&self, items: u64) -> Result<()> {
        let sink = self.upload_request().send().pipeline.get_sink();
        fill(sink, items).await
    }
}
