//! Attacks that need time, many connections or many frames.

use crate::Verdict;
use crate::frames::*;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What ends a connection of whoever is late, and of whoever sends too much of one thing.
const TIMEOUT: u32 = 12;
const FLOOD: u32 = 11;
const CREDIT_CODE: u32 = 10;

/// An attack by name.
#[derive(Clone, Copy)]
pub(crate) enum Scene {
    Silent,
    HalfAFrame,
    Dribble,
    ComeAndGo,
    Garbage,
    Calls,
    Hoard,
    Items,
    Notes,
    NeverReads,
    Flood(fn(u32) -> Vec<u8>),
}

/// Every scene, with its title.
pub(crate) const SCENES: [(&str, Scene); 17] = [
    ("100 silent peers", Scene::Silent),
    ("half a frame, and silence", Scene::HalfAFrame),
    ("a greeting that dribbles", Scene::Dribble),
    ("500 who come and go", Scene::ComeAndGo),
    ("300 with garbage behind the greeting", Scene::Garbage),
    ("a flood of calls that never end", Scene::Calls),
    ("20 who hold every call they may", Scene::Hoard),
    ("items beyond the credit", Scene::Items),
    ("one-way calls beyond the credit", Scene::Notes),
    ("large answers, and nobody reads", Scene::NeverReads),
    ("a flood of pings", Scene::Flood(|_| frame(PING, 0, 0, 0, 7, &[]))),
    ("a flood of cancelled calls", Scene::Flood(cancelled)),
    ("a flood of cancels", Scene::Flood(|_| frame(CANCEL, 0, 0, 1, 0, &[]))),
    ("a flood of limits", Scene::Flood(|_| frame(LIMITS, 0, 0, 0, 9, &[]))),
    ("a storm of goodbyes", Scene::Flood(|_| frame(GOAWAY, 0, 0, 0, 0, &[0; 4]))),
    ("a flood of frames to be skipped", Scene::Flood(|_| frame(0x8b, 0, 0, 0, 0, &[]))),
    ("a flood of credit for a call that is over", Scene::Flood(|_| frame(CREDIT, 0, 0, 1, 9, &[]))),
];

/// A call, and at once its end.
fn cancelled(number: u32) -> Vec<u8> {
    let id = number.wrapping_mul(2).wrapping_add(3);
    [request(id, "Victim/never", &[]), frame(CANCEL, 0, 0, id, 1, &[])].concat()
}

/// How long the server is given to see somebody off.
pub(crate) async fn play(scene: Scene, target: SocketAddr, patience: Duration) -> Verdict {
    match scene {
        Scene::Silent => silent(target, patience).await,
        Scene::HalfAFrame => {
            let mut half = [hello(), add(1)].concat();
            half.truncate(half.len() - 9);
            goodbye(target, vec![half], TIMEOUT, patience).await
        }
        Scene::Dribble => dribble(target, patience).await,
        Scene::ComeAndGo => come_and_go(target).await,
        Scene::Garbage => garbage(target, patience).await,
        Scene::Calls => calls(target, patience).await,
        Scene::Hoard => hoard(target).await,
        Scene::Items => {
            let item = [&60_000_u64.to_be_bytes()[..], &[7; 60_000]].concat();
            let mut bytes = vec![hello(), call(1, 0, "Victim/ignore", &[])];
            bytes.extend((0..8).map(|_| frame(DATA, 0, 0, 1, 0, &item)));
            goodbye(target, bytes, CREDIT_CODE, patience).await
        }
        Scene::Notes => {
            let note = [&60_000_u64.to_be_bytes()[..], &[7; 60_000]].concat();
            let mut bytes = vec![hello()];
            bytes.extend((0..8).map(|n| call(2 * n + 1, END | ONEWAY, "Victim/note", &note)));
            goodbye(target, bytes, CREDIT_CODE, patience).await
        }
        Scene::NeverReads => never_reads(target, patience).await,
        Scene::Flood(make) => flood(target, make, patience).await,
    }
}

/// Sends this, and expects a goodbye with this code, and the end.
pub(crate) async fn goodbye(
    target: SocketAddr,
    bytes: Vec<Vec<u8>>,
    code: u32,
    patience: Duration,
) -> Verdict {
    let seen = talk(target, bytes.into_iter(), patience, |_| false).await?;
    match seen.goodbye {
        Some((said, reason)) if said == code && seen.ended => Ok(format!("closed: {reason}")),
        other => Err(format!("a goodbye with code {code} was due, and came {other:?}").into()),
    }
}

/// Twenty thousand of one frame.
async fn flood(target: SocketAddr, make: fn(u32) -> Vec<u8>, patience: Duration) -> Verdict {
    let frames = (0..200).map(move |n| (0..100).flat_map(|m| make(n * 100 + m)).collect());
    let bytes = [hello(), add(1)].into_iter().chain(frames);
    let seen = talk(target, bytes, patience, |_| false).await?;
    match seen.goodbye {
        Some((FLOOD, reason)) if seen.ended => Ok(format!("closed: {reason}")),
        // What was under way is reset when the server has closed, and its last word may be lost with it.
        None if seen.ended => Ok("closed".to_owned()),
        other => Err(format!("a goodbye for a flood was due, and came {other:?}").into()),
    }
}

async fn silent(target: SocketAddr, patience: Duration) -> Verdict {
    let mut sockets = JoinSet::new();
    for _ in 0..100 {
        let mut socket = TcpStream::connect(target).await?;
        sockets.spawn(async move {
            let mut heard = Vec::new();
            timeout(patience, socket.read_to_end(&mut heard)).await.is_ok()
        });
    }
    match sockets.join_all().await.into_iter().filter(|dropped| *dropped).count() {
        100 => Ok("all were closed".to_owned()),
        dropped => Err(format!("only {dropped} were closed").into()),
    }
}

async fn dribble(target: SocketAddr, patience: Duration) -> Verdict {
    let (mut read, mut write) = TcpStream::connect(target).await?.into_split();
    let began = Instant::now();
    // A whole greeting would take as long as the server's patience, several times.
    let pause = patience / 10;
    let dribbling = tokio::spawn(async move {
        for byte in hello() {
            if write.write_all(&[byte]).await.is_err() {
                return;
            }
            sleep(pause).await;
        }
    });
    let mut heard = Vec::new();
    let ended = timeout(patience, read.read_to_end(&mut heard)).await;
    dribbling.abort();
    match ended {
        Ok(_) => Ok(format!("closed after {:.1} s", began.elapsed().as_secs_f64())),
        Err(_) => Err("the server still waits".into()),
    }
}

async fn come_and_go(target: SocketAddr) -> Verdict {
    for n in 0..500 {
        let mut socket = TcpStream::connect(target).await?;
        if n % 2 == 0 {
            // The server may be quicker.
            let _ = socket.write_all(&[hello(), add(1)].concat()).await;
        }
        // Closing while answers are unread resets the connection.
        drop(socket);
    }
    Ok("nobody was missed".to_owned())
}

/// Bytes with no meaning, the same in each run.
async fn garbage(target: SocketAddr, patience: Duration) -> Verdict {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut talks = JoinSet::new();
    for n in 0..300_usize {
        let mut noise = [hello(), add(1)].concat();
        for _ in 0..32 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Half of them are good frames with a few bytes changed, the others are noise alone.
            let byte = (state >> 24).to_be_bytes()[7];
            match n % 2 {
                0 => noise.push(byte),
                _ => {
                    let at = 20 + usize::from(byte) % (noise.len() - 20);
                    noise[at] = noise[at].wrapping_add(byte | 1);
                }
            }
        }
        talks.spawn(talk(target, std::iter::once(noise), patience, |_| false));
    }
    talks.join_all().await;
    Ok("none of them mattered".to_owned())
}

/// More calls than a connection may have open: those beyond are refused, one by one.
async fn calls(target: SocketAddr, patience: Duration) -> Verdict {
    let calls = (0..200).map(|n| {
        (0..100).flat_map(|m| request(2 * (n * 100 + m) + 1, "Victim/never", &[])).collect()
    });
    let bytes = std::iter::once(hello()).chain(calls);
    let seen = talk(target, bytes, patience, |seen| seen.answers.len() >= 19_000).await?;
    let refused = seen.answers.values().filter(|code| matches!(code, 8 | 12)).count();
    match seen.answers.len() {
        n if n == refused && n >= 19_000 || seen.ended => Ok(format!("{refused} were refused")),
        n => Err(format!("{n} of 20,000 were answered, {refused} of them refused").into()),
    }
}

/// Takes every place for calls on many connections, and holds them while others call.
async fn hoard(target: SocketAddr) -> Verdict {
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = TcpStream::connect(target).await?;
        let calls: Vec<u8> =
            (0..256).flat_map(|n| request(2 * n + 1, "Victim/never", &[])).collect();
        socket.write_all(&[hello(), calls].concat()).await?;
        sockets.push(socket);
    }
    let seen = talk(target, [hello(), add(1)].into_iter(), Duration::from_secs(5), |seen| {
        seen.answers.contains_key(&1)
    });
    match seen.await?.answers.get(&1) {
        Some(0 | 12) => Ok("others are served meanwhile".to_owned()),
        other => Err(format!("another call was answered with {other:?}").into()),
    }
}

async fn never_reads(target: SocketAddr, patience: Duration) -> Verdict {
    let mut socket = TcpStream::connect(target).await?;
    socket.write_all(&hello()).await?;
    let began = Instant::now();
    let pushing = async {
        for id in (1..).step_by(2) {
            if socket.write_all(&request(id, "Victim/large", &[])).await.is_err() {
                return;
            }
            if id % 1000 == 1 {
                sleep(Duration::from_millis(1)).await;
            }
        }
    };
    match timeout(patience, pushing).await {
        Ok(()) => Ok(format!("cut after {:.1} s", began.elapsed().as_secs_f64())),
        Err(_) => Err("the server still bears it".into()),
    }
}
