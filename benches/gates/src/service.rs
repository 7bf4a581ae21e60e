//! The service that answers in all of them, and the place where it listens.

use hton::{Bytes, Rx, Status, Stream, stream};
use std::io;
use std::net::SocketAddr;

/// What is called.
#[hton::service]
pub trait Echo {
    /// Gives the text back.
    async fn text(&self, text: String) -> String;
    /// Gives the bytes back.
    async fn blob(&self, blob: Bytes) -> Bytes;
    /// The numbers below.
    fn count(&self, to: u64) -> impl Stream<Item = u64>;
    /// How many came, each as many as were before it.
    async fn counted(&self, numbers: Rx<u64>) -> Result<u64, Status>;
}

/// Answers with what came.
#[derive(Debug)]
pub(crate) struct Same;

impl Echo for Same {
    async fn text(&self, text: String) -> String {
        text
    }

    async fn blob(&self, blob: Bytes) -> Bytes {
        blob
    }

    fn count(&self, to: u64) -> impl Stream<Item = u64> {
        stream::iter(0..to)
    }

    async fn counted(&self, mut numbers: Rx<u64>) -> Result<u64, Status> {
        let mut count = 0;
        while let Some(number) = numbers.recv().await? {
            if number != count {
                return Err(Status::data_loss("an item is another"));
            }
            count += 1;
        }
        Ok(count)
    }
}

/// A server on a port of the loopback device that the system chooses, until it is dropped.
///
/// # Errors
///
/// Where no port can be had.
pub async fn serve() -> io::Result<(hton::Server, SocketAddr)> {
    let server = hton::Server::bind("127.0.0.1:0").await.map_err(io::Error::other)?;
    let server = server.serve(EchoServer::new(Same)).map_err(io::Error::other)?;
    let addr = server.local_addr().socket_addr();
    Ok((server, addr.ok_or_else(|| io::Error::other("not a port"))?))
}
