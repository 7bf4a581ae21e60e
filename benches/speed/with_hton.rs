//! The workloads as a user of hton would write them: one task for each call in flight, or one batch of them.

use crate::Failure;
use crate::workload::Workload;
use hton::Bytes;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

#[hton::service]
trait Echo {
    async fn text(&self, text: String) -> String;
    async fn blob(&self, bytes: Bytes) -> Bytes;
}

struct MyEcho;

impl Echo for MyEcho {
    async fn text(&self, text: String) -> String {
        text
    }

    async fn blob(&self, bytes: Bytes) -> Bytes {
        bytes
    }
}

/// Serves until the process ends.
pub(crate) async fn serve() -> Result<SocketAddr, Failure> {
    let server = hton::Server::bind("127.0.0.1:0").await?.serve(EchoServer::new(MyEcho))?;
    let addr = server.local_addr();
    tokio::spawn(async move {
        let _server = server;
        std::future::pending::<()>().await
    });
    Ok(addr.socket_addr().ok_or("a TCP server")?)
}

/// Calls per second.
pub(crate) async fn ask(
    addr: SocketAddr,
    workload: &'static Workload,
    time: Duration,
) -> Result<f64, Failure> {
    let mut callers = tokio::task::JoinSet::new();
    let begin = Instant::now() + time / 4;
    let end = begin + time;
    for _ in 0..workload.connections {
        let echo = EchoClient::connect(addr).await?;
        if workload.batched {
            callers.spawn(batches(echo, workload, begin, end));
            continue;
        }
        for _ in 0..workload.in_flight {
            callers.spawn(call(echo.clone(), workload, begin, end));
        }
    }
    let mut calls = 0;
    while let Some(counted) = callers.join_next().await {
        calls += counted??;
    }
    Ok(calls as f64 / time.as_secs_f64())
}

async fn call(
    echo: EchoClient,
    workload: &'static Workload,
    begin: Instant,
    end: Instant,
) -> Result<u64, hton::CallError> {
    let expected = workload.payload();
    let mut text = expected.clone();
    let mut blob = Bytes::from(expected.clone().into_bytes());
    let mut calls = 0;
    loop {
        // One look at the clock for several calls: it is not what is measured.
        for _ in 0..if workload.bytes > 1024 { 1 } else { 16 } {
            if workload.bytes > 1024 {
                blob = echo.blob(blob).await?;
                assert!(blob == expected.as_bytes(), "the blob came back changed");
            } else {
                text = echo.text(text).await?;
                assert!(text == expected, "the text came back changed");
            }
            calls += 1;
        }
        let now = Instant::now();
        if now < begin {
            calls = 0;
        } else if now >= end {
            return Ok(calls);
        }
    }
}

async fn batches(
    echo: EchoClient,
    workload: &'static Workload,
    begin: Instant,
    end: Instant,
) -> Result<u64, hton::CallError> {
    let expected = workload.payload();
    let mut texts = vec![expected.clone(); workload.in_flight];
    let mut calls = 0;
    loop {
        let results = hton::batch(texts.drain(..).map(|text| echo.text(text))).await;
        texts.extend(results.into_iter().collect::<Result<Vec<_>, _>>()?);
        assert!(texts.iter().all(|text| *text == expected), "a text came back changed");
        calls += workload.in_flight as u64;
        let now = Instant::now();
        if now < begin {
            calls = 0;
        } else if now >= end {
            return Ok(calls);
        }
    }
}
