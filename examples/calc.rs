//! Every error that a call can have, and the bytes of one call with what each of them means.
//!
//! ```text
//! cargo run --example calc
//! ```

#[macro_use]
#[path = "shared/ending.rs"]
mod ending;

use clap::Parser;
use ending::Failure;
use hton::{CallError, Limits, Peer, Side};
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// Makes a call fail in every way there is, and explains the bytes of one that does not. Takes no options.
#[derive(Parser)]
struct Options {}

#[hton::service]
trait Calc {
    /// The sum.
    async fn add(&self, a: i64, b: i64) -> i64;
    /// The quotient, or why there is none.
    async fn divide(&self, a: i64, b: i64) -> Result<i64, MathError>;
    /// Fails in a way that its author did not foresee.
    async fn crash(&self) -> i64;
    /// Waits for longer than anybody would.
    async fn ponder(&self) -> i64;
    /// As many zeros as asked for.
    async fn zeros(&self, count: u32) -> Vec<u8>;
}

#[hton::data]
#[derive(Debug)]
enum MathError {
    DivisionByZero,
    Overflow { a: i64, b: i64 },
}

struct MyCalc;

impl Calc for MyCalc {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }

    async fn divide(&self, a: i64, b: i64) -> Result<i64, MathError> {
        match b {
            0 => Err(MathError::DivisionByZero),
            _ => a.checked_div(b).ok_or(MathError::Overflow { a, b }),
        }
    }

    async fn crash(&self) -> i64 {
        panic!("this text stays on the server")
    }

    async fn ponder(&self) -> i64 {
        std::future::pending().await
    }

    async fn zeros(&self, count: u32) -> Vec<u8> {
        vec![0; count as usize]
    }
}

/// The same service as an old program knows it: `add` took narrower numbers, and there was more.
mod old {
    #[hton::service(name = "Calc")]
    pub trait OldCalc {
        async fn add(&self, a: i32, b: i32) -> i64;
        async fn subtract(&self, a: i64, b: i64) -> i64;
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let Options {} = Options::parse();
    std::panic::set_hook(Box::new(|_| {})); // One of the handlers panics on purpose.
    let mut limits = Limits::default();
    limits.message_bytes = 1024 * 1024;
    let server = hton::Server::bind("127.0.0.1:0").await?.limits(limits);
    let server = server.serve(CalcServer::new(MyCalc))?;
    let calc = CalcClient::connect(server.local_addr()).await?;

    println!("1 + 2 = {}", calc.add(1, 2).await?);
    println!("7 / 2 = {}", calc.divide(7, 2).await?);
    println!();
    show("the method's own error", calc.divide(1, 0).await);
    show("the same, with fields", calc.divide(i64::MIN, -1).await);
    show("a handler that panics", calc.crash().await);
    show("a deadline", calc.ponder().timeout(Duration::from_millis(20)).await);
    show("a message over the limit", calc.zeros(2 * 1024 * 1024).await);

    let peer: Peer = hton::connect(server.local_addr()).await?;
    let old = old::OldCalcClient::new(&peer);
    show("arguments that have another type there", old.add(1, 2).await);
    show("a method that is not there", old.subtract(1, 2).await);
    println!("the connection still works: 3 + 4 = {}", calc.add(3, 4).await?);

    let mut pondering = calc.ponder().timeout(Duration::from_secs(5));
    tokio::select! {
        biased; // Calls leave in the order of their first polls: the server ponders before it adds.
        _ = &mut pondering => {}
        sum = calc.add(0, 0) => { sum?; }
    }
    drop(server);
    show("a server that is gone", pondering.await);
    show("and a call after that", calc.add(1, 2).await);
    println!();
    Ok(hexdump().await?)
}

fn show<T: std::fmt::Debug, E: std::fmt::Debug>(what: &str, result: Result<T, CallError<E>>) {
    match result {
        Ok(value) => println!("{what}: {value:?}"),
        Err(error) => println!(
            "{what}:\n    {error}\n    code {}, retry {}",
            error.code(),
            if error.is_retry_safe() { "safe" } else { "not known to be safe" },
        ),
    }
}

/// One call over a stream that writes down what passes.
async fn hexdump() -> Result<(), Box<dyn Error>> {
    let (near, far) = hton::memory();
    let tape = Tape::default();
    let near = Taped { stream: near, tape: tape.clone() };
    let _far = hton::attach(far, Side::Acceptor).serve(CalcServer::new(MyCalc))?.start();
    let calc = CalcClient::new(hton::attach(near, Side::Dialer).start());
    tape.wipe_after(calc.add(0, 0)).await?;
    calc.add(1, 2).await?;
    let (sent, received) = tape.read();

    println!("calc.add(1, 2) on the wire, {} bytes there and {} back:", sent.len(), received.len());
    let request: &[(usize, &str)] = &[
        (4, "length of what follows the header"),
        (1, "type: REQUEST"),
        (1, "flags: END, TIMEOUT"),
        (2, "length of the metadata"),
        (4, "call id: the second of the dialer"),
        (4, "method id: SHA-256(\"Calc/add\"), first 4 bytes"),
        (8, "signature: SHA-256(\"hton-sig/1;Calc/add;args={a:i64,b:i64};ok=i64\"), first 8 bytes"),
        (4, "timeout in ms"),
        (8, "a"),
        (8, "b"),
    ];
    let response: &[(usize, &str)] = &[
        (4, "length of what follows the header"),
        (1, "type: RESPONSE"),
        (1, "flags: none"),
        (2, "length of the metadata"),
        (4, "call id"),
        (1, "code: OK"),
        (1, "retry: not said"),
        (2, "the application's own code: none"),
        (8, "the result"),
    ];
    annotate("->", &sent, request)?;
    annotate("<-", &received, response)
}

fn annotate(arrow: &str, bytes: &[u8], parts: &[(usize, &str)]) -> Result<(), Box<dyn Error>> {
    let mut rest = bytes;
    for (len, meaning) in parts {
        let (part, after) = rest.split_at_checked(*len).ok_or("the frame is shorter than that")?;
        let hex: String = part.iter().map(|byte| format!("{byte:02x} ")).collect();
        println!("  {arrow} {hex:<24} {meaning}");
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { Err("the frame is longer than that".into()) }
}

/// What passed in both directions.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<(Vec<u8>, Vec<u8>)>>);

impl Tape {
    fn with<T>(&self, f: impl FnOnce(&mut (Vec<u8>, Vec<u8>)) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn read(&self) -> (Vec<u8>, Vec<u8>) {
        self.with(|tape| tape.clone())
    }

    /// Forgets the greetings and the first call.
    async fn wipe_after<T>(&self, call: hton::Call<T>) -> Result<T, CallError> {
        let value = call.await?;
        self.with(|tape| *tape = Default::default());
        Ok(value)
    }
}

/// A stream that is written down on a tape.
struct Taped {
    stream: DuplexStream,
    tape: Tape,
}

impl AsyncRead for Taped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.tape.with(|(_, received)| received.extend_from_slice(&buffer.filled()[before..]));
        polled
    }
}

impl AsyncWrite for Taped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(n)) = polled {
            self.tape.with(|(sent, _)| sent.extend_from_slice(&bytes[..n]));
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
