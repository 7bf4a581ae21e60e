//! The same bytes by hand: one task for each connection, no task for a call, no values, no
//! allocation for a call, one write for a batch. What a call API cannot reach in W2 and W3.

use crate::Failure;
use crate::workload::Workload;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const HEADER: usize = 16;

/// Serves until the process ends.
pub(crate) async fn serve() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // The client closes when it has measured.
                echo(stream).await.ok();
            });
        }
    });
    Ok(addr)
}

/// Sends every whole frame back, all that one read brought in one write.
async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::with_capacity(64 * 1024);
    loop {
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        let mut whole = 0;
        while let Some(len) = frame_len(&input[whole..]) {
            if input.len() - whole < len {
                input.reserve(len);
                break;
            }
            whole += len;
        }
        if whole > 0 {
            stream.write_all(&input[..whole]).await?;
            input.drain(..whole);
        }
    }
}

fn frame_len(bytes: &[u8]) -> Option<usize> {
    let length: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(HEADER + u32::from_be_bytes(length) as usize)
}

/// Calls per second.
pub(crate) async fn ask(
    addr: SocketAddr,
    workload: &'static Workload,
    time: Duration,
) -> Result<f64, Failure> {
    let begin = Instant::now() + time / 4;
    let end = begin + time;
    let mut connections = Vec::new();
    for _ in 0..workload.connections {
        let stream = TcpStream::connect(addr).await?;
        connections.push(tokio::task::spawn_local(batches(stream, workload, begin, end)));
    }
    let mut calls = 0;
    for connection in connections {
        calls += connection.await??;
    }
    Ok(calls as f64 / time.as_secs_f64())
}

/// Sends a batch of calls, waits for the answers, checks them, and so on.
async fn batches(
    mut stream: TcpStream,
    workload: &'static Workload,
    begin: Instant,
    end: Instant,
) -> std::io::Result<u64> {
    stream.set_nodelay(true)?;
    let payload = workload.payload();
    let len = HEADER + payload.len();
    let mut batch = Vec::with_capacity(len * workload.in_flight);
    let length = u32::try_from(payload.len()).expect("a payload is short");
    for (id, _) in (0_u32..).zip(0..workload.in_flight) {
        batch.extend(length.to_be_bytes());
        batch.extend([2, 1, 0, 0]);
        batch.extend(id.to_be_bytes());
        batch.extend([0; 4]);
        batch.extend(payload.as_bytes());
    }
    let mut answers = vec![0; batch.len()];
    let (mut reader, mut writer) = stream.split();
    let mut calls = 0;
    loop {
        // Both at once: a batch may be larger than the sockets hold.
        let (sent, received) =
            tokio::join!(writer.write_all(&batch), reader.read_exact(&mut answers));
        sent?;
        received?;
        assert!(answers == batch, "an answer came back changed");
        calls += workload.in_flight as u64;
        let now = Instant::now();
        if now < begin {
            calls = 0;
        } else if now >= end {
            return Ok(calls);
        }
    }
}
