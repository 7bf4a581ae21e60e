//! Those who hold connections and do not use them: idle peers, sockets that say nothing, and one that sends
//! and never reads.

use crate::options::Options;
use hton::{Address, Peer};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections that are opened at the same time: a server bounds those that have not said HELLO.
const AT_ONCE: usize = 100;

/// Opens connections that will call nobody. Each has greeted.
pub(crate) async fn idle(target: &Address, count: usize) -> Result<Vec<Peer>, hton::Error> {
    let mut peers = Vec::with_capacity(count);
    while peers.len() < count {
        let mut opening = JoinSet::new();
        for _ in 0..AT_ONCE.min(count - peers.len()) {
            let target = target.clone();
            opening.spawn(async move { hton::connect(target).await });
        }
        for opened in opening.join_all().await {
            peers.push(opened?);
        }
    }
    Ok(peers)
}

/// Sockets that say nothing, and what becomes of them.
pub(crate) struct Silent(JoinSet<Duration>);

/// Opens sockets that will say nothing.
pub(crate) async fn silent(target: SocketAddr, count: usize) -> io::Result<Silent> {
    let mut sockets = JoinSet::new();
    for _ in 0..count {
        let mut socket = TcpStream::connect(target).await?;
        let opened = Instant::now();
        sockets.spawn(async move {
            // The server says who it is, and at last that it waits no longer.
            let mut heard = Vec::new();
            let _ = socket.read_to_end(&mut heard).await;
            opened.elapsed()
        });
    }
    Ok(Silent(sockets))
}

impl Silent {
    /// Waits until the server has dropped all of them; says how many it has, and how soon.
    pub(crate) async fn until_dropped(mut self, patience: Duration) -> String {
        let all = self.0.len();
        let (mut dropped, mut first, mut last) = (0, Duration::MAX, Duration::ZERO);
        let wait = async {
            while let Some(ended) = self.0.join_next().await {
                if let Ok(after) = ended {
                    dropped += 1;
                    first = first.min(after);
                    last = last.max(after);
                }
            }
        };
        // Whoever is left then is counted as held.
        let _ = timeout(patience, wait).await;
        if dropped == 0 {
            return format!("0 of {all} silent sockets were dropped by the server");
        }
        let (first, last) = (first.as_secs_f64(), last.as_secs_f64());
        format!(
            "{dropped} of {all} silent sockets were dropped by the server, after {first:.1} to {last:.1} s"
        )
    }
}

/// Scenario 2 below the library: calls whose answers are never read from the socket. Ends when the server
/// takes no more; says how much it has taken.
pub(crate) async fn rude(target: SocketAddr, options: &Options) -> io::Result<String> {
    let mut socket = TcpStream::connect(target).await?;
    let began = Instant::now();
    socket.write_all(&frame(1, 0, 0, u32::from_be_bytes(*b"HTON"), &[1, 1, 0, 0])).await?;
    let bytes = vec![7; options.bytes.min(65_000)];
    let arguments = [&(bytes.len() as u64).to_be_bytes()[..], &bytes].concat();
    let body = [&[0; 8][..], &arguments].concat();
    let (mut sent, mut id) = (0, 1_u32);
    while sent < options.total {
        // REQUEST with END; the method is "Stress/echo".
        let call = frame(2, 1, id, ECHO, &body);
        if let Err(error) = socket.write_all(&call).await {
            let took = began.elapsed().as_secs_f64();
            return Ok(format!("never read: cut after {sent} bytes and {took:.1} s ({error})"));
        }
        sent += call.len() as u64;
        id = id.wrapping_add(2);
    }
    Err(io::Error::other(format!("{sent} bytes were taken, and nobody reads the answers")))
}

/// The first four bytes of SHA-256("Stress/echo").
const ECHO: u32 = 0xed0b_78a6;

fn frame(kind: u8, flags: u8, id: u32, arg: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend([kind, flags, 0, 0]);
    frame.extend(id.to_be_bytes());
    frame.extend(arg.to_be_bytes());
    frame.extend(body);
    frame
}
