//! Streams by hand: DATA frames, as many as fit into one write.

use super::wire::{DATA, END, HEADER, REQUEST, Wire, method, put_header};
use harness::data::{ITEM, check_item, item};
use harness::{Clock, Failure, Portions, Result, Shape, Tally};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const FRAME: usize = HEADER + ITEM;
const BATCH: usize = 64 * 1024;

/// Sends so many items; the last frame says that it is the last.
pub(super) async fn send(stream: &mut TcpStream, id: u32, items: u64) -> Result<()> {
    let mut batch = Vec::with_capacity(BATCH);
    for number in 0..items {
        if batch.len() + FRAME > BATCH {
            stream.write_all(&batch).await?;
            batch.clear();
        }
        put_header(&mut batch, DATA, if number + 1 == items { END } else { 0 }, id, 0, ITEM);
        batch.extend(item(number));
    }
    Ok(stream.write_all(&batch).await?)
}

/// Checks items until the last; how many there were, and the bytes behind them.
pub(super) async fn receive(stream: &mut TcpStream, rest: Vec<u8>) -> Result<(u64, Vec<u8>)> {
    let mut input = rest;
    let mut items = 0;
    loop {
        let mut at = 0;
        while let Some(frame) = input.get(at..at + FRAME) {
            if frame[..4] != (ITEM as u32).to_be_bytes() || frame[4] != DATA {
                return Err(Failure::from("not an item"));
            }
            check_item(items, &frame[HEADER..])?;
            items += 1;
            at += FRAME;
            if frame[5] & END != 0 {
                return Ok((items, input.split_off(at)));
            }
        }
        input.drain(..at);
        input.reserve(BATCH);
        if stream.read_buf(&mut input).await? == 0 {
            return Err(Failure::from("the stream ended in its middle"));
        }
    }
}

/// The client: one stream after the other until the clock ends. What goes wrong is counted.
pub(super) async fn caller(stream: TcpStream, shape: Shape, clock: Clock) -> Tally {
    let mut tally = Tally::default();
    if let Err(failure) = calls(stream, shape, clock, &mut tally).await {
        tally.error(&failure.to_string());
    }
    tally
}

async fn calls(mut stream: TcpStream, shape: Shape, clock: Clock, tally: &mut Tally) -> Result<()> {
    let mut portions = Portions::new(clock);
    loop {
        stream = match shape {
            Shape::Download => download(stream, portions.items).await?,
            _ => upload(stream, portions.items).await?,
        };
        if portions.ended(tally) {
            return Ok(());
        }
    }
}

async fn download(stream: TcpStream, items: u64) -> Result<TcpStream> {
    let (mut stream, rest) = request(stream, method::DOWNLOAD, &items.to_be_bytes()).await?;
    let (received, rest) = receive(&mut stream, rest).await?;
    if received != items {
        return Err(format!("{received} items instead of {items}").into());
    }
    response(stream, rest, items).await
}

async fn upload(stream: TcpStream, items: u64) -> Result<TcpStream> {
    let (mut stream, rest) = request(stream, method::UPLOAD, &[]).await?;
    send(&mut stream, 1, items).await?;
    response(stream, rest, items).await
}

async fn request(stream: TcpStream, method: u32, payload: &[u8]) -> Result<(TcpStream, Vec<u8>)> {
    let mut wire = Wire::new(stream)?;
    wire.push(REQUEST, 1, method, payload);
    std::future::poll_fn(|cx| wire.poll_write(cx)).await?;
    Ok(wire.into_parts())
}

/// The response tells how many items the server counted.
async fn response(stream: TcpStream, rest: Vec<u8>, items: u64) -> Result<TcpStream> {
    let mut wire = Wire::resume(stream, rest);
    loop {
        if let Some(mut frame) = wire.take() {
            return match *frame.payload() == items.to_be_bytes() {
                true => Ok(wire.into_parts().0),
                false => Err(Failure::from("the server counted other items")),
            };
        }
        if !wire.turn().await? {
            return Err(Failure::from("the server closed"));
        }
    }
}
