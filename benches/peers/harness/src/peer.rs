//! What a peer is: a server, a client, and a way to run callers.

use crate::clock::Tally;
use crate::data::{self, Load};
use crate::job::Caller;
use crate::process::Watch;
use crate::workload::{Call, Shape};
use crate::{Measured, Result, calls, overload};
use bytes::Bytes;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A framework under measurement.
pub trait Peer: 'static {
    type Client: Client;
    const NAME: &'static str;
    /// Listens on a free port of the loopback and serves until the process ends.
    async fn serve() -> Result<SocketAddr>;
    /// One connection, for at most so many calls at once.
    async fn connect(addr: SocketAddr, in_flight: usize) -> Result<Self::Client>;
    /// Runs a caller as a task: `tokio::spawn(caller.run())`, here, because only the peer knows
    /// whether its futures are `Send`.
    fn launch(caller: Caller<Self::Client>) -> JoinHandle<Tally>;
}

/// The calls, through the client that the framework offers. A reply is what was sent.
pub trait Client: Clone + 'static {
    /// A hundred records in the types of the framework.
    type Records: Load;
    async fn text(&self, text: String) -> Result<String>;
    /// The handler waits for [`data::NAP`].
    async fn nap(&self, text: String) -> Result<String>;
    /// The handler does [`data::work`].
    async fn work(&self, text: String) -> Result<String>;
    async fn blob(&self, blob: Bytes) -> Result<Bytes>;
    async fn records(&self, records: Self::Records) -> Result<Self::Records>;
    /// Makes one call of [`Client::text`] for each text, all together, through what the framework has
    /// for a batch of calls; the replies come in the order of the texts.
    async fn texts(&self, _texts: Vec<String>) -> Result<Vec<String>> {
        Err(Unsupported.into())
    }
    /// Takes so many items from one stream of the server and checks each.
    async fn download(&self, _items: u64) -> Result<()> {
        Err(Unsupported.into())
    }
    /// Sends so many items in one stream; the server checks each and tells how many came.
    async fn upload(&self, _items: u64) -> Result<()> {
        Err(Unsupported.into())
    }
}

/// What a caller holds between its calls: each reply is its next request.
#[derive(Debug)]
pub struct Held<R> {
    expected: String,
    text: String,
    texts: Vec<String>,
    blob: Bytes,
    records: Option<R>,
    calls: u64,
}

impl<R: Load> Held<R> {
    /// The number of the caller spreads the slow calls of W8.
    pub fn new(call: Call, number: usize) -> Self {
        Self {
            expected: data::text(),
            text: data::text(),
            texts: if call == Call::Batch { vec![data::text(); data::BATCH] } else { Vec::new() },
            blob: if call == Call::Blob { data::blob() } else { Bytes::new() },
            records: (call == Call::Records).then(R::make),
            calls: number as u64 * 7,
        }
    }

    /// Whether the next call is one of W8's slow ones.
    pub fn is_slow(&self, call: Call) -> bool {
        call == Call::Naps && self.calls % 100 == 99
    }

    /// Makes one call and checks the reply.
    pub async fn call<C: Client<Records = R>>(&mut self, client: &C, call: Call) -> Result<()> {
        let slow = self.is_slow(call);
        self.calls += 1;
        let intact = match call {
            Call::Blob => {
                self.blob = client.blob(std::mem::take(&mut self.blob)).await?;
                data::blob_intact(&self.blob)
            }
            Call::Records => {
                let records = self.records.take().ok_or("an earlier call kept the records")?;
                self.records.insert(client.records(records).await?).intact()
            }
            Call::Batch => {
                self.texts = client.texts(std::mem::take(&mut self.texts)).await?;
                self.texts.len() == data::BATCH && self.texts.iter().all(|it| *it == self.expected)
            }
            call => {
                let text = std::mem::take(&mut self.text);
                self.text = match call {
                    Call::Work => client.work(text).await?,
                    _ if slow => client.nap(text).await?,
                    _ => client.text(text).await?,
                };
                self.text == self.expected
            }
        };
        if intact { Ok(()) } else { Err("a reply is not what was sent".into()) }
    }
}

/// The peer has nothing for this workload.
#[derive(Clone, Copy, Debug)]
pub struct Unsupported;

impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the peer has nothing for this workload")
    }
}

impl std::error::Error for Unsupported {}

/// A listener on a free port of the loopback.
pub async fn listen() -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

/// What the client's process is to do.
#[derive(Debug)]
pub struct Ask {
    pub addr: SocketAddr,
    pub shape: Shape,
    pub time: Duration,
    pub(crate) watch: Watch,
}

type Local<T> = Pin<Box<dyn Future<Output = Result<T>>>>;

/// A peer as the processes know it.
#[derive(Debug)]
pub struct Subject {
    pub name: &'static str,
    pub serve: fn() -> Local<SocketAddr>,
    pub ask: fn(Ask) -> Local<Measured>,
}

impl Subject {
    pub fn of<P: Peer>() -> Self {
        Self { name: P::NAME, serve: || Box::pin(P::serve()), ask: |ask| Box::pin(drive::<P>(ask)) }
    }
}

async fn drive<P: Peer>(ask: Ask) -> Result<Measured> {
    match ask.shape {
        Shape::Closed { call, connections, in_flight } => {
            calls::closed::<P>(ask, call, connections, in_flight).await
        }
        Shape::Idle { call, connections } => calls::idle::<P>(ask, call, connections).await,
        Shape::Download | Shape::Upload => calls::stream::<P>(ask).await,
        Shape::Overload => overload::run::<P>(ask).await,
        Shape::Codec(_) => Err(Unsupported.into()),
    }
}
