//! The server: everything comes back in the order in which it came, to any number of clients.

use crate::{Count, Counts, Fault, ctrl_c};
use hton::message::{Connection, Listener};
use std::pin::pin;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long clients may take to their end after Ctrl-C.
const GOODBYE: Duration = Duration::from_secs(5);

pub(crate) async fn serve(address: &str, once: bool, raw: bool) -> Result<(), Fault> {
    let listener = Listener::bind(address).await?;
    let line = format!("listening on {}", listener.local_addr());
    if once {
        println!("{line}");
        let connection = listener.accept().await?;
        drop(listener);
        return report(connection, raw).await;
    }
    let mut clients = JoinSet::new();
    let mut stop = pin!(ctrl_c::after(line));
    loop {
        let accepted = tokio::select! {
            biased; // Ctrl-C is heard from the first line on.
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
            Some(_) = clients.join_next() => continue,
        };
        match accepted {
            Ok(connection) => {
                clients.spawn(report(connection, raw));
            }
            Err(error) => {
                println!("cannot accept: {error}");
                sleep(Duration::from_millis(100)).await; // Until somebody has left.
            }
        }
    }
    drop(listener);
    // Those who take longer are cut.
    timeout(GOODBYE, async { while clients.join_next().await.is_some() {} }).await.ok();
    println!("stopped");
    Ok(())
}

/// Serves a client, and prints how that went once the connection is gone.
async fn report(connection: Connection, raw: bool) -> Result<(), Fault> {
    let client = connection.peer_addr();
    let client = client.map_or_else(|| "somebody".to_owned(), |address| address.to_string());
    let echoed = echo(connection, raw).await;
    match &echoed {
        Ok(Counts { sent, received }) => println!("{client}: received {received}, sent {sent}"),
        Err(error) => println!("{client}: {error}"),
    }
    echoed.map(drop)
}

/// Echoes until the client has finished, then finishes, too. The connection closes when this returns.
pub(crate) async fn echo(connection: Connection, raw: bool) -> Result<Counts, Fault> {
    let mut counts = Counts::default();
    if raw {
        let (stream, _) = connection.into_inner(); // No message was received, so nothing was read.
        let (mut from, mut to) = tokio::io::split(stream);
        let bytes = tokio::io::copy(&mut from, &mut to).await?;
        to.shutdown().await?;
        counts.received = Count { messages: 0, bytes };
        counts.sent = counts.received;
        return Ok(counts);
    }
    let (mut from, mut to) = connection.split();
    while let Some(text) = from.recv::<&str>().await? {
        counts.received.add(text);
        to.send(text).await?;
        counts.sent.add(text);
    }
    to.finish().await?;
    Ok(counts)
}
