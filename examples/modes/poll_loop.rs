//! One thread, one poll, all connections: what a runtime does, written out by hand and without one.
//!
//! The poll tells of a socket once when it becomes ready (it is edge-triggered), so each is read and written until it
//! would block. Whoever has more to say than its share is gone on with after the others.

use super::session::Session;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

const LISTENER: Token = Token(0);
/// How often every connection looks at the clock.
const TICK: Duration = Duration::from_secs(1);
/// How long a peer may take nothing of what is written to it.
const STALL: Duration = Duration::from_secs(10);
/// Reads of one connection in a row.
const SHARE: usize = 16;

struct Client {
    stream: TcpStream,
    session: Session,
    /// Since when it takes nothing.
    stalled: Option<Instant>,
}

/// What a turn of one connection came to.
enum Turn {
    /// It would block: the poll tells when it does not.
    Done,
    /// It has had its share and may have more to say.
    Again,
    /// It is over.
    Over,
}

pub(crate) fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut clients: HashMap<Token, Client> = HashMap::new();
    let (mut next, mut ready, mut ticked) = (1, Vec::new(), Instant::now());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let wait = if ready.is_empty() { TICK } else { Duration::ZERO };
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        ready.extend(events.iter().map(|event| event.token()));
        if ticked.elapsed() >= TICK {
            ticked = Instant::now();
            // The listener, too: it may have had no descriptor for somebody when it was told.
            ready.push(LISTENER);
            clients.retain(|_, client| client.tick());
        }
        for token in std::mem::take(&mut ready) {
            if token == LISTENER {
                accept(&poll, &listener, &mut clients, &mut next);
                continue;
            }
            let Some(client) = clients.get_mut(&token) else {
                continue;
            };
            match client.turn(&mut buffer) {
                Ok(Turn::Done) => {}
                Ok(Turn::Again) => ready.push(token),
                // Closing a socket takes it out of the poll.
                Ok(Turn::Over) | Err(_) => drop(clients.remove(&token)),
            }
        }
    }
}

/// Takes everybody who waits to be accepted.
fn accept(
    poll: &Poll,
    listener: &TcpListener,
    clients: &mut HashMap<Token, Client>,
    next: &mut usize,
) {
    while let Ok((mut stream, _)) = listener.accept() {
        let token = Token(*next);
        *next += 1;
        let both = Interest::READABLE | Interest::WRITABLE;
        let added = stream.set_nodelay(true);
        let added = added.and_then(|()| poll.registry().register(&mut stream, token, both));
        if added.is_ok() {
            // Its first event, that it may be written, comes by itself.
            clients.insert(token, Client { stream, session: Session::new(), stalled: None });
        }
    }
}

impl Client {
    fn turn(&mut self, buffer: &mut [u8]) -> io::Result<Turn> {
        for _ in 0..SHARE {
            if !self.write()? {
                return Ok(Turn::Done);
            }
            if self.session.is_over() {
                return Ok(Turn::Over);
            }
            match self.stream.read(buffer) {
                Ok(0) => return Ok(Turn::Over),
                Ok(n) => self.session.received(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Turn::Done),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Turn::Again)
    }

    /// Writes what waits; `false` = the socket takes no more now, and nothing is to be read either.
    fn write(&mut self) -> io::Result<bool> {
        loop {
            let output = self.session.output();
            if output.is_empty() {
                self.stalled = None;
                return Ok(true);
            }
            match self.stream.write(output) {
                Ok(written) => {
                    self.session.written(written);
                    self.stalled = None;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.stalled.get_or_insert_with(Instant::now);
                    return Ok(false);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Looks at the clock; `false` = it is over.
    fn tick(&mut self) -> bool {
        self.session.tick();
        let stalls = self.stalled.is_some_and(|since| since.elapsed() >= STALL);
        !stalls && self.write().is_ok() && !self.session.is_over()
    }
}
