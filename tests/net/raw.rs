//! A peer made of raw bytes. It shares no code with the implementation: what it expects comes from
//! the spec alone.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Method ids: the first eight digits of `printf 'Calc/add' | sha256sum`, and so on.
pub(crate) mod method {
    pub(crate) const ADD: u32 = 0x3966_24e8;
    pub(crate) const DIVIDE: u32 = 0x855a_0781;
    pub(crate) const ORDER: u32 = 0xe9c7_536c;
    pub(crate) const PANIC: u32 = 0x0196_5d3d;
    pub(crate) const PANIC_LATER: u32 = 0x1dea_8887;
    pub(crate) const BLOB: u32 = 0x62aa_8a5a;
    pub(crate) const ECHO: u32 = 0xea5a_e92a;
}

pub(crate) const HELLO: u8 = 1;
pub(crate) const REQUEST: u8 = 2;
pub(crate) const RESPONSE: u8 = 3;
pub(crate) const DATA: u8 = 4;
pub(crate) const CREDIT: u8 = 5;
pub(crate) const CANCEL: u8 = 6;
pub(crate) const PING: u8 = 7;
pub(crate) const PONG: u8 = 8;
pub(crate) const GOAWAY: u8 = 9;
pub(crate) const LIMITS: u8 = 10;

pub(crate) const END: u8 = 1;
pub(crate) const MORE: u8 = 2;

/// A frame, field by field as the spec draws it.
pub(crate) fn frame(
    kind: u8,
    flags: u8,
    metadata_len: u16,
    id: u32,
    arg: u32,
    body: &[u8],
) -> Vec<u8> {
    let mut frame = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    frame.extend([kind, flags]);
    frame.extend(metadata_len.to_be_bytes());
    frame.extend(id.to_be_bytes());
    frame.extend(arg.to_be_bytes());
    frame.extend(body);
    frame
}

/// The smallest HELLO: version 1, no options.
pub(crate) fn hello() -> Vec<u8> {
    frame(HELLO, 0, 0, 0, 0x4854_4f4e, &[1, 1, 0, 0])
}

/// A unary REQUEST with the signature unchecked.
pub(crate) fn request(id: u32, method: u32, arguments: &[u8]) -> Vec<u8> {
    frame(REQUEST, END, 0, id, method, &[&[0; 8], arguments].concat())
}

/// `Calc.add(a, b)`.
pub(crate) fn add(id: u32, a: i64, b: i64) -> Vec<u8> {
    request(id, method::ADD, &[a.to_be_bytes(), b.to_be_bytes()].concat())
}

#[derive(Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) metadata_len: u16,
    pub(crate) id: u32,
    pub(crate) arg: u32,
    pub(crate) body: Vec<u8>,
}

impl Frame {
    /// The code of a RESPONSE.
    pub(crate) fn code(&self) -> u32 {
        assert_eq!(self.kind, RESPONSE, "{self:?}");
        self.arg >> 24
    }

    /// The retry byte of a RESPONSE.
    pub(crate) fn retry(&self) -> u32 {
        self.arg >> 16 & 0xff
    }

    /// The message of a fault, and its place.
    pub(crate) fn fault(&self) -> (String, Option<(u64, String)>) {
        let mut rest = self.body.as_slice();
        let message = text(&mut rest);
        let at = match take(&mut rest, 1) {
            [0] => None,
            [1] => {
                let offset = u64::from_be_bytes(take(&mut rest, 8).try_into().unwrap());
                Some((offset, text(&mut rest)))
            }
            other => panic!("option tag {other:?}"),
        };
        assert!(rest.is_empty());
        (message, at)
    }
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> &'a [u8] {
    let (taken, after) = rest.split_at(n);
    *rest = after;
    taken
}

fn text(rest: &mut &[u8]) -> String {
    let len = u64::from_be_bytes(take(rest, 8).try_into().unwrap());
    String::from_utf8(take(rest, usize::try_from(len).unwrap()).to_vec()).unwrap()
}

/// Connects a bare socket.
pub(crate) async fn dial(addr: impl Into<hton::Address>) -> TcpStream {
    let addr = addr.into().socket_addr().expect("a TCP server");
    TcpStream::connect(addr).await.unwrap()
}

pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn connect(addr: impl Into<hton::Address>) -> Self {
        Self(dial(addr).await)
    }

    /// Connects and exchanges greetings.
    pub(crate) async fn greet(addr: impl Into<hton::Address>) -> Self {
        let mut raw = Self::connect(addr).await;
        raw.send(&hello()).await;
        let theirs = raw.frame().await.expect("a HELLO");
        assert_eq!((theirs.kind, theirs.arg), (HELLO, 0x4854_4f4e));
        raw
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next frame, or `None` at the end of the stream.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        let read = async {
            let mut head = [0; 16];
            let mut filled = 0;
            while filled < 16 {
                match self.0.read(&mut head[filled..]).await.expect("no reset") {
                    0 if filled == 0 => return None,
                    0 => panic!("the stream ends inside a header"),
                    n => filled += n,
                }
            }
            let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
            let mut body = vec![0; usize::try_from(word(0)).unwrap()];
            self.0.read_exact(&mut body).await.expect("a whole body");
            Some(Frame {
                kind: head[4],
                flags: head[5],
                metadata_len: u16::from_be_bytes([head[6], head[7]]),
                id: word(8),
                arg: word(12),
                body,
            })
        };
        tokio::time::timeout(Duration::from_secs(10), read).await.expect("an answer")
    }

    /// The answer to one call, with frames of the connection skipped.
    pub(crate) async fn response(&mut self, id: u32) -> Frame {
        loop {
            let frame = self.frame().await.expect("the connection lives");
            if frame.kind == RESPONSE {
                assert_eq!(frame.id, id);
                return frame;
            }
            assert_ne!(frame.kind, GOAWAY, "{frame:?}");
        }
    }

    /// Checks that the other end says goodbye with this code and closes, within a second.
    pub(crate) async fn refused(mut self, code: u32) -> String {
        let goodbye = async {
            let goaway = loop {
                match self.frame().await.expect("a GOAWAY before the end") {
                    frame if frame.kind == GOAWAY => break frame,
                    _ => {}
                }
            };
            let reason = String::from_utf8(goaway.body[4..].to_vec()).expect("UTF-8");
            let said = u32::from_be_bytes(goaway.body[..4].try_into().unwrap());
            assert_eq!(said, code, "{reason}");
            assert_eq!(self.frame().await, None, "something follows the GOAWAY");
            reason
        };
        tokio::time::timeout(Duration::from_secs(1), goodbye)
            .await
            .expect("a close within a second")
    }
}
