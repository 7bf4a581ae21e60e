//! The client: it sends and receives at the same time, so that neither end ever waits for the other in vain.

use crate::{Count, Counts, Fault};
use hton::Address;
use hton::message::{Connection, Socket};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

pub(crate) async fn send(
    address: Address,
    clients: u32,
    raw: bool,
    texts: Vec<String>,
) -> Result<(), Fault> {
    let texts = Arc::new(texts);
    let mut running = JoinSet::new();
    for _ in 0..clients {
        let (address, texts) = (address.clone(), Arc::clone(&texts));
        running.spawn(async move { one(address, raw, &texts, clients == 1).await });
    }
    while let Some(counts) = running.join_next().await {
        let Counts { sent, received } = counts??;
        println!("sent {sent}, received {received}: equal");
    }
    Ok(())
}

/// One client. Fails unless everything has come back as it was, and nothing else.
pub(crate) async fn one(
    address: Address,
    raw: bool,
    texts: &[String],
    verbose: bool,
) -> Result<Counts, Fault> {
    let connection = Connection::connect(address).await?;
    if raw {
        return send_bytes(connection.into_inner().0, &texts.concat()).await;
    }
    let (mut from, mut to) = connection.split();
    let sending = async {
        let mut sent = Count::default();
        for text in texts {
            to.send(text).await?;
            sent.add(text);
        }
        to.finish().await?; // Nothing more is sent, and everything is still received.
        Ok::<_, Fault>(sent)
    };
    let receiving = async {
        let mut received = Count::default();
        for (number, text) in (1..).zip(texts) {
            let Some(back) = from.recv::<&str>().await? else {
                return Err(format!("the server left before message {number} came back").into());
            };
            if back != text {
                return Err(format!("message {number} came back changed").into());
            }
            received.add(back);
            if verbose {
                println!("  {:7} bytes sent, {:7} bytes back, equal", text.len(), back.len());
            }
        }
        match from.next_message().await? {
            None => Ok(received),
            Some(_) => Err(Fault::from("more messages came back than were sent")),
        }
    };
    let (sent, received) = tokio::try_join!(sending, receiving)?;
    Ok(Counts { sent, received })
}

/// The same without messages: bytes, and their end.
async fn send_bytes(stream: Socket, text: &str) -> Result<Counts, Fault> {
    let (mut from, mut to) = tokio::io::split(stream);
    let sending = async {
        to.write_all(text.as_bytes()).await?;
        to.shutdown().await
    };
    let mut back = Vec::new();
    let (_, received) = tokio::try_join!(sending, from.read_to_end(&mut back))?;
    if back != text.as_bytes() {
        return Err(format!("{} bytes were sent, {received} came back, changed", text.len()).into());
    }
    let count = |bytes| Count { messages: 0, bytes };
    Ok(Counts { sent: count(text.len() as u64), received: count(received as u64) })
}
