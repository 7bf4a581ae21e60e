//! Blocking sockets and threads, one connection only: it shows whether raw-tokio is a straight ruler.

use super::raw_tokio::wire::{HEADER, REQUEST, RESPONSE, method, put_header};
use harness::{
    Ask, Call, Clock, Failure, Measured, Result, Shape, Subject, Tally, Unsupported, data,
};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

/// A batch of more must not fill both sockets: nobody would read.
const MOST_IN_FLIGHT: usize = 256;

pub fn subject() -> Subject {
    Subject {
        name: "raw-std",
        serve: || {
            Box::pin(async {
                let listener = TcpListener::bind("127.0.0.1:0")?;
                let addr = listener.local_addr()?;
                std::thread::spawn(move || {
                    for stream in listener.incoming().flatten() {
                        std::thread::spawn(move || echo(stream).ok());
                    }
                });
                Ok(addr)
            })
        },
        ask: |it| Box::pin(ask(it)),
    }
}

async fn ask(ask: Ask) -> Result<Measured> {
    let in_flight = match ask.shape {
        Shape::Closed { call, connections: 1, in_flight }
            if matches!(call, Call::Text | Call::Batch) =>
        {
            in_flight * call.weight()
        }
        _ => return Err(Unsupported.into()),
    };
    if in_flight > MOST_IN_FLIGHT {
        return Err(Unsupported.into());
    }
    let stream = TcpStream::connect(ask.addr)?;
    let clock = ask.clock();
    let caller = tokio::task::spawn_blocking(move || {
        let mut tally = Tally::default();
        if let Err(failure) = batches(stream, in_flight, clock, &mut tally) {
            tally.error(&failure.to_string());
        }
        tally
    });
    ask.gather(clock, vec![caller]).await
}

/// Every whole frame goes back, all that one read brought in one write.
fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let frame = HEADER + data::TEXT;
    let mut input = vec![0; 64 * 1024];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut input[filled..])?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let whole = filled / frame * frame;
        for header in input[..whole].chunks_exact_mut(frame) {
            header[4] = RESPONSE;
            header[12..16].fill(0);
        }
        stream.write_all(&input[..whole])?;
        input.copy_within(whole..filled, 0);
        filled -= whole;
    }
}

/// Sends a batch of calls, waits for the answers, checks them, and so on.
fn batches(mut stream: TcpStream, in_flight: usize, clock: Clock, tally: &mut Tally) -> Result<()> {
    stream.set_nodelay(true)?;
    let (mut batch, mut expected) = (Vec::new(), Vec::new());
    for id in 0..u32::try_from(in_flight)? {
        for (frames, kind, arg) in
            [(&mut batch, REQUEST, method::ECHO), (&mut expected, RESPONSE, 0)]
        {
            put_header(frames, kind, 1, id, arg, data::TEXT);
            frames.extend(data::text().bytes());
        }
    }
    let mut answers = vec![0; batch.len()];
    let mut before = Instant::now();
    loop {
        stream.write_all(&batch)?;
        stream.read_exact(&mut answers)?;
        if answers != expected {
            return Err(Failure::from("a reply is not what was sent"));
        }
        let now = Instant::now();
        tally.sample(now - before);
        before = now;
        tally.calls += in_flight as u64;
        if tally.look(now, &clock) {
            return Ok(());
        }
    }
}
