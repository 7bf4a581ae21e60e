//! Trying again, where it does no harm: a connection to a server that starts late, calls that a crowded
//! server refuses, and a connection that outlives its server.
//!
//! ```text
//! cargo run --example retry
//! ```

use hton::layer;
use hton::{Backoff, Retry, Server, Status};
use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};

#[hton::service]
trait Clerk {
    /// Answers from the third try on: before it has done nothing, and says so.
    async fn ask(&self) -> Result<String, Status>;
    /// Counts, and then fails: nobody knows what is done.
    async fn count(&self) -> Result<u32, Status>;
}

#[derive(Default)]
struct MyClerk {
    name: &'static str,
    asked: AtomicU32,
    counted: AtomicU32,
}

impl Clerk for MyClerk {
    async fn ask(&self) -> Result<String, Status> {
        match self.asked.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Err(Status::unavailable("there is a queue").with_retry(Retry::Safe)),
            tries => Ok(format!("the {} clerk answered after {tries} refusals", self.name)),
        }
    }

    async fn count(&self) -> Result<u32, Status> {
        match self.counted.fetch_add(1, Ordering::Relaxed) {
            0 => Err(Status::unavailable("the counter got stuck")),
            n => Ok(n + 1),
        }
    }
}

fn serve(listener: TcpListener, name: &'static str) -> Result<Server, Box<dyn Error>> {
    let clerk = MyClerk { name, ..MyClerk::default() };
    Ok(hton::Bound::from_listener(listener)?.serve(ClerkServer::new(clerk))?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A port that is taken, and that nobody listens on yet.
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let address = socket.local_addr()?;

    let Err(error) = hton::connect(address).await else { return Err("who listens?".into()) };
    println!("nobody listens, which may pass: {}", error.is_temporary());
    let backoff = Backoff::default().first(Duration::from_millis(5)).attempts(1000);
    let connecting = hton::connect(address).retry(backoff.clone()).reconnecting().into_future();
    let connecting = tokio::spawn(connecting);
    // The second server will take the listener over from the first: connections wait in it meanwhile.
    let listener = socket.listen(16)?.into_std()?;
    let second = listener.try_clone()?;
    let first = serve(TcpListener::from_std(listener)?, "first")?;
    let peer = connecting.await??;
    println!("connected as soon as somebody did");

    println!("without the layer: {}", told(ClerkClient::new(&peer).ask().await));
    let retry = layer::Retry::new().backoff(backoff);
    let clerk = ClerkClient::new(peer.clone().layer(retry.clone()));
    println!("with it: {}", told(clerk.ask().await));
    println!("what may have run is left alone: {}", told(clerk.count().await));
    let twice = ClerkClient::new(peer.layer(retry.idempotent(["Clerk/ask", "Clerk/count"])));
    println!("unless it may run twice: {}", told(twice.count().await));

    let report = first.drain().await;
    println!("the first server has gone, with connections: {}", report.connections);
    let (answer, server) =
        tokio::join!(clerk.ask(), async { serve(TcpListener::from_std(second)?, "second") });
    println!("the same client, on a new connection: {}", told(answer));
    drop(server?);
    Ok(())
}

fn told<T: ToString>(result: Result<T, hton::CallError>) -> String {
    result.map_or_else(|error| Status::from(error).to_string(), |value| value.to_string())
}
