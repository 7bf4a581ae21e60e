//! A peer made of raw bytes, which may say whatever it likes: nothing here is checked by the library.

use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::timeout;

pub(crate) const HELLO: u8 = 1;
pub(crate) const REQUEST: u8 = 2;
pub(crate) const RESPONSE: u8 = 3;
pub(crate) const DATA: u8 = 4;
pub(crate) const CREDIT: u8 = 5;
pub(crate) const CANCEL: u8 = 6;
pub(crate) const PING: u8 = 7;
pub(crate) const GOAWAY: u8 = 9;
pub(crate) const LIMITS: u8 = 10;

pub(crate) const END: u8 = 1;
pub(crate) const MORE: u8 = 2;
pub(crate) const ONEWAY: u8 = 0x40;

/// What stands in a HELLO where other frames have their argument.
pub(crate) const MAGIC: u32 = u32::from_be_bytes(*b"HTON");

/// One frame, with whatever length of metadata it claims.
pub(crate) fn frame(kind: u8, flags: u8, mlen: u16, id: u32, arg: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend([kind, flags]);
    frame.extend(mlen.to_be_bytes());
    frame.extend(id.to_be_bytes());
    frame.extend(arg.to_be_bytes());
    frame.extend(body);
    frame
}

/// The shortest HELLO.
pub(crate) fn hello() -> Vec<u8> {
    frame(HELLO, 0, 0, 0, MAGIC, &[1, 1, 0, 0])
}

/// The first four bytes of the hash of a method's full name.
pub(crate) fn method(name: &str) -> u32 {
    Sha256::digest(name).iter().take(4).fold(0, |id, byte| id << 8 | u32::from(*byte))
}

/// A call with these flags, its types unchecked.
pub(crate) fn call(id: u32, flags: u8, name: &str, arguments: &[u8]) -> Vec<u8> {
    frame(REQUEST, flags, 0, id, method(name), &[&[0; 8], arguments].concat())
}

/// A plain call.
pub(crate) fn request(id: u32, name: &str, arguments: &[u8]) -> Vec<u8> {
    call(id, END, name, arguments)
}

/// The call that must work.
pub(crate) fn add(id: u32) -> Vec<u8> {
    request(id, "Victim/add", &[20_i64.to_be_bytes(), 22_i64.to_be_bytes()].concat())
}

/// What the other end has said so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The code and the reason of its goodbye.
    pub(crate) goodbye: Option<(u32, String)>,
    /// The codes of its answers.
    pub(crate) answers: HashMap<u32, u8>,
    /// The stream has ended.
    pub(crate) ended: bool,
}

impl Seen {
    /// Reads the frames that are whole; how many bytes they are.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Some((head, behind)) = rest.split_first_chunk::<16>() {
            let word = |at: usize| head[at..at + 4].iter().fold(0, |n, b| n << 8 | u32::from(*b));
            let Some(body) = usize::try_from(word(0)).ok().and_then(|len| behind.get(..len)) else {
                break;
            };
            match head[4] {
                RESPONSE => drop(self.answers.insert(word(8), head[12])),
                GOAWAY => {
                    let (code, reason) = body.split_at(body.len().min(4));
                    let code = code.iter().fold(0, |n, byte| n << 8 | u32::from(*byte));
                    self.goodbye = Some((code, String::from_utf8_lossy(reason).into_owned()));
                }
                _ => {}
            }
            rest = &behind[body.len()..];
        }
        bytes.len() - rest.len()
    }
}

/// Connects, sends all of this while it reads, and goes on reading until it has seen enough, the stream
/// ends, or its patience does.
pub(crate) async fn talk(
    target: SocketAddr,
    bytes: impl Iterator<Item = Vec<u8>> + Send + 'static,
    patience: Duration,
    enough: impl Fn(&Seen) -> bool,
) -> io::Result<Seen> {
    let (read, mut write) = TcpStream::connect(target).await?.into_split();
    let sending = tokio::spawn(async move {
        for piece in bytes {
            // The other end may have heard enough before.
            if write.write_all(&piece).await.is_err() {
                break;
            }
        }
        write
    });
    let mut seen = Seen::default();
    let _ = timeout(patience, listen(read, &mut seen, enough)).await;
    sending.abort();
    Ok(seen)
}

async fn listen(mut read: OwnedReadHalf, seen: &mut Seen, enough: impl Fn(&Seen) -> bool) {
    let mut bytes = Vec::new();
    while !enough(seen) {
        match read.read_buf(&mut bytes).await {
            // A reset is an end, too.
            Ok(0) | Err(_) => {
                seen.ended = true;
                return;
            }
            Ok(_) => drop(bytes.drain(..seen.take(&bytes))),
        }
    }
}
