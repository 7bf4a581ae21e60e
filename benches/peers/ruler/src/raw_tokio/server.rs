//! The server by hand: every request becomes its response where it lies.

use super::naps::Naps;
use super::wire::{Frame, HEADER, REQUEST, RESPONSE, Wire, method};
use super::{client, streams};
use harness::{Result, listen};
use std::net::SocketAddr;
use tokio::net::TcpStream;

pub(super) async fn serve() -> Result<SocketAddr> {
    let (listener, addr) = listen().await?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // The client closes when it has measured.
                connection(stream).await.ok();
            });
        }
    });
    Ok(addr)
}

/// A stream, for which the connection leaves the frames for a while.
enum Streaming {
    Download { id: u32, items: u64 },
    Upload { id: u32 },
}

async fn connection(stream: TcpStream) -> Result<()> {
    let mut wire = Wire::new(stream)?;
    let mut naps = Naps::default();
    loop {
        let alive = match naps.next() {
            None => wire.turn().await?,
            Some(at) => tokio::select! {
                biased;
                alive = wire.turn() => alive?,
                () = tokio::time::sleep_until(at) => true,
            },
        };
        if !alive {
            return Ok(());
        }
        while let Some(frame) = naps.wake() {
            wire.push_frame(frame);
        }
        if let Some(streaming) = answer(&mut wire, &mut naps)? {
            std::future::poll_fn(|cx| wire.poll_write(cx)).await?;
            let (mut stream, rest) = wire.into_parts();
            let (id, items, rest) = match streaming {
                Streaming::Download { id, items } => {
                    streams::send(&mut stream, id, items).await?;
                    (id, items, rest)
                }
                Streaming::Upload { id } => {
                    let (items, rest) = streams::receive(&mut stream, rest).await?;
                    (id, items, rest)
                }
            };
            wire = Wire::resume(stream, rest);
            wire.push(RESPONSE, id, 0, &items.to_be_bytes());
        }
    }
}

/// Answers every whole frame, up to one that begins a stream.
fn answer(wire: &mut Wire, naps: &mut Naps) -> Result<Option<Streaming>> {
    while let Some(mut frame) = wire.take() {
        if frame.kind() != REQUEST {
            return Err("not a request".into());
        }
        match frame.arg() {
            method::ECHO => frame.becomes(RESPONSE, 0),
            method::RECORDS => {
                frame.becomes(RESPONSE, 0);
                let records = client::decode(frame.payload())?;
                client::encode(&records, frame.payload())?;
            }
            method::NAP => {
                frame.becomes(RESPONSE, 0);
                naps.add(frame.0.to_vec());
                let len = frame.0.len();
                wire.withdraw(len);
            }
            method::DOWNLOAD => {
                let (id, items) = (frame.id(), items(&mut frame)?);
                wire.withdraw(HEADER + 8);
                return Ok(Some(Streaming::Download { id, items }));
            }
            method::UPLOAD => {
                let id = frame.id();
                wire.withdraw(HEADER);
                return Ok(Some(Streaming::Upload { id }));
            }
            _ => return Err("no such method".into()),
        }
    }
    Ok(None)
}

fn items(frame: &mut Frame<'_>) -> Result<u64> {
    Ok(u64::from_be_bytes(<[u8; 8]>::try_from(&*frame.payload())?))
}
