//! remoc: a remote trait over a multiplexed connection, its slim codec.

use bytes::Bytes;
use harness::data::{self, Record};
use harness::{Caller, Client, Failure, Peer, Result, Tally, listen};
use remoc::codec::PostbagSlim;
use remoc::prelude::*;
use remoc::rch::mpsc::Receiver;
use remoc::rtc::{CallError, Client as _};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

#[rtc::remote]
pub(crate) trait Echo {
    async fn echo_text(&self, text: String) -> Result<String, CallError>;
    async fn nap(&self, text: String) -> Result<String, CallError>;
    async fn work(&self, text: String) -> Result<String, CallError>;
    async fn echo_blob(&self, blob: Bytes) -> Result<Bytes, CallError>;
    async fn echo_records(&self, records: Vec<Record>) -> Result<Vec<Record>, CallError>;
    async fn download(&self, items: u64) -> Result<Receiver<Bytes, PostbagSlim>, CallError>;
    async fn upload(&self, items: Receiver<Bytes, PostbagSlim>) -> Result<u64, CallError>;
}

struct MyEcho;

impl Echo for MyEcho {
    async fn echo_text(&self, text: String) -> Result<String, CallError> {
        Ok(text)
    }

    async fn nap(&self, text: String) -> Result<String, CallError> {
        tokio::time::sleep(data::NAP).await;
        Ok(text)
    }

    async fn work(&self, text: String) -> Result<String, CallError> {
        data::work();
        Ok(text)
    }

    async fn echo_blob(&self, blob: Bytes) -> Result<Bytes, CallError> {
        Ok(blob)
    }

    async fn echo_records(&self, records: Vec<Record>) -> Result<Vec<Record>, CallError> {
        Ok(records)
    }

    async fn download(&self, items: u64) -> Result<Receiver<Bytes, PostbagSlim>, CallError> {
        let (sender, receiver) = rch::mpsc::channel();
        tokio::spawn(async move {
            for number in 0..items {
                if sender.send(Bytes::copy_from_slice(&data::item(number))).await.is_err() {
                    break;
                }
            }
        });
        Ok(receiver)
    }

    async fn upload(&self, mut items: Receiver<Bytes, PostbagSlim>) -> Result<u64, CallError> {
        let mut count = 0;
        while let Ok(Some(item)) = items.recv().await {
            if data::check_item(count, &item).is_err() {
                break;
            }
            count += 1;
        }
        Ok(count)
    }
}

/// Room for 1 MiB in one piece (without it a thread serializes it in parts) and for every call in
/// flight: each takes a port.
fn config() -> remoc::Cfg {
    remoc::Cfg { max_data_size: 16 << 20, max_ports: 1 << 18, ..remoc::Cfg::default() }
}

pub(crate) struct Remoc;

impl Peer for Remoc {
    type Client = EchoClient<PostbagSlim>;
    const NAME: &'static str = "remoc";

    async fn serve() -> Result<SocketAddr> {
        let (listener, addr) = listen().await?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    stream.set_nodelay(true)?;
                    let (server, client) =
                        EchoServerShared::<_, PostbagSlim>::new(Arc::new(MyEcho));
                    let (read, write) = stream.into_split();
                    remoc::Connect::io(config(), read, write).provide(client).await?;
                    server.serve().await.ok();
                    Ok::<(), Failure>(())
                });
            }
        });
        Ok(addr)
    }

    async fn connect(addr: SocketAddr, _: usize) -> Result<Self::Client> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        let mut client: Self::Client = remoc::Connect::io(config(), read, write).consume().await?;
        client.set_max_request_size(16 << 20);
        client.set_max_response_size(16 << 20);
        Ok(client)
    }

    fn launch(caller: Caller<Self::Client>) -> JoinHandle<Tally> {
        tokio::spawn(caller.run())
    }
}

impl Client for EchoClient<PostbagSlim> {
    type Records = Vec<Record>;

    async fn text(&self, text: String) -> Result<String> {
        Ok(self.echo_text(text).await?)
    }

    async fn nap(&self, text: String) -> Result<String> {
        Ok(Echo::nap(self, text).await?)
    }

    async fn work(&self, text: String) -> Result<String> {
        Ok(Echo::work(self, text).await?)
    }

    async fn blob(&self, blob: Bytes) -> Result<Bytes> {
        Ok(self.echo_blob(blob).await?)
    }

    async fn records(&self, records: Vec<Record>) -> Result<Vec<Record>> {
        Ok(self.echo_records(records).await?)
    }

    async fn download(&self, items: u64) -> Result<()> {
        let mut stream = Echo::download(self, items).await?;
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
        let (sender, receiver) = rch::mpsc::channel();
        let send = async move {
            for number in 0..items {
                if sender.send(Bytes::copy_from_slice(&data::item(number))).await.is_err() {
                    break;
                }
            }
        };
        let (counted, ()) = tokio::join!(Echo::upload(self, receiver), send);
        let counted = counted?;
        if counted == items { Ok(()) } else { Err(format!("{counted} of {items} items").into()) }
    }
}
