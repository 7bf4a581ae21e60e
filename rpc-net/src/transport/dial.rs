//! Dialing: several addresses of one name raced against each other, within one bound of time.

use super::options::SocketOptions;
use super::{Socket, tcp};
use crate::Address;
use crate::address::Kind;
use crate::backoff::Backoff;
use crate::error::Error;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// How long an address is waited for before the next is tried beside it: RFC 8305's delay.
const STAGGER: Duration = Duration::from_millis(250);

/// How long opening a connection may take unless it is set, the resolver included.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Failed attempts that an error lists: the last ones.
const ATTEMPTS_LISTED: usize = 64;

/// Stands for a bound that no clock reaches.
const NO_END: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// What was tried, and what came of it.
pub(crate) type Attempts = Vec<(Address, io::Error)>;

/// Connects to whichever address of the name accepts first; the others are closed. All of it, the
/// resolver included, takes at most `within`.
pub(crate) async fn dial(
    address: &Address,
    options: &SocketOptions,
    within: Duration,
) -> Result<Socket, Error> {
    let now = Instant::now();
    // Longer than anything lasts is no end, not none at all.
    let until = now.checked_add(within).unwrap_or_else(|| now + NO_END);
    if let Kind::Unix(path) = address.kind() {
        let connected = timeout_at(until, connect_unix(path, options)).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let failed = |error| Error::connect(address, vec![(address.clone(), error)]);
        return connected.map_err(failed);
    }
    let resolved = timeout_at(until, address.resolve()).await;
    let candidates = resolved
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| Error::Resolve { address: address.clone(), source })?;
    let race = Race::new(in_turns(candidates), options.clone());
    race.run(until).await.map(Socket::Tcp).map_err(|attempts| Error::connect(address, attempts))
}

/// Tries again, as the backoff draws its waits, while the failure may pass. All attempts are in the error.
pub(crate) async fn persist<F: Future<Output = Result<Socket, Error>>>(
    address: &Address,
    backoff: Option<&Backoff>,
    attempt: impl Fn() -> F,
) -> Result<Socket, Error> {
    let Some(backoff) = backoff else {
        return attempt().await;
    };
    let started = Instant::now();
    let mut waits = backoff.waits();
    let mut listed = Vec::new();
    loop {
        let mut error = match attempt().await {
            Ok(socket) => return Ok(socket),
            Err(error) => error,
        };
        let wait = waits.after(started.elapsed()).filter(|_| error.is_temporary());
        if let Error::Connect { attempts, .. } = &mut error {
            listed.append(attempts);
            listed.drain(..listed.len().saturating_sub(ATTEMPTS_LISTED));
        }
        match wait {
            Some(wait) => tokio::time::sleep(wait).await,
            None if listed.is_empty() => return Err(error),
            None => return Err(Error::connect(address, listed)),
        }
    }
}

#[cfg(unix)]
async fn connect_unix(path: &std::path::Path, options: &SocketOptions) -> io::Result<Socket> {
    super::unix::connect(path, options).await.map(Socket::Unix)
}

#[cfg(not(unix))]
async fn connect_unix(_: &std::path::Path, _: &SocketOptions) -> io::Result<Socket> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The two families in turns, beginning with the one that the resolver names first.
fn in_turns(candidates: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v6 = candidates.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| candidate.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = VecDeque::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return turns;
        }
        turns.extend(pair.into_iter().flatten());
    }
}

struct Race {
    waiting: VecDeque<SocketAddr>,
    options: Arc<SocketOptions>,
    /// Dropping it stops every attempt.
    running: JoinSet<(SocketAddr, io::Result<tokio::net::TcpStream>)>,
    begun: Vec<SocketAddr>,
    failed: Attempts,
}

impl Race {
    fn new(waiting: VecDeque<SocketAddr>, options: SocketOptions) -> Self {
        Self {
            waiting,
            options: Arc::new(options),
            running: JoinSet::new(),
            begun: Vec::new(),
            failed: Vec::new(),
        }
    }

    async fn run(mut self, until: Instant) -> Result<tokio::net::TcpStream, Attempts> {
        loop {
            self.begin();
            let next =
                if self.waiting.is_empty() { until } else { until.min(Instant::now() + STAGGER) };
            match timeout_at(next, self.running.join_next()).await {
                Ok(Some(Ok((_, Ok(stream))))) => return Ok(stream),
                Ok(Some(Ok((address, Err(error))))) => self.failed.push((address.into(), error)),
                // Nothing panics in an attempt, and nobody else stops it.
                Ok(Some(Err(_))) => {}
                Ok(None) => return Err(self.failed),
                Err(_) if next == until => return Err(self.late()),
                Err(_) => {}
            }
        }
    }

    fn begin(&mut self) {
        let Some(address) = self.waiting.pop_front() else { return };
        self.begun.push(address);
        let options = Arc::clone(&self.options);
        self.running.spawn(async move { (address, tcp::connect(address, &options).await) });
    }

    /// What failed, and what did not answer in time.
    fn late(mut self) -> Attempts {
        for address in self.begun {
            if !self.failed.iter().any(|(failed, _)| failed.socket_addr() == Some(address)) {
                self.failed.push((address.into(), io::ErrorKind::TimedOut.into()));
            }
        }
        self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_the_resolvers_first_stays_first() {
        let parse = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter().map(|address| address.parse().unwrap()).collect()
        };
        let turns = in_turns(parse(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]));
        let expected = parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(Vec::from(turns), expected);
        assert!(in_turns(Vec::new()).is_empty());
    }

    /// A listener that lets nobody in, and whom it holds back.
    fn clogged() -> (SocketAddr, Vec<socket2::Socket>) {
        use socket2::{Domain, Socket, Type};
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = socket();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut sockets = vec![listener];
        for _ in 0..8 {
            let one = socket();
            one.connect_timeout(&address, Duration::from_millis(50)).ok();
            sockets.push(one);
        }
        (address.as_socket().unwrap(), sockets)
    }

    async fn race(
        addresses: &[SocketAddr],
        within: Duration,
    ) -> (Duration, Result<SocketAddr, Attempts>) {
        let started = Instant::now();
        let race = Race::new(addresses.iter().copied().collect(), SocketOptions::default());
        let won = race.run(started + within).await;
        (started.elapsed(), won.map(|stream| stream.peer_addr().unwrap()))
    }

    #[tokio::test]
    async fn a_silent_address_holds_up_the_next_for_no_more_than_the_stagger() {
        let (dead, clog) = clogged();
        let listener = tokio::net::TcpListener::bind("[::1]:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        let (took, won) = race(&[dead, live], Duration::from_secs(10)).await;
        assert_eq!(won.ok(), Some(live));
        assert!(took >= STAGGER && took < 4 * STAGGER, "{took:?}");
        drop(clog);
    }

    #[tokio::test]
    async fn a_refusal_lets_the_next_begin_at_once_and_all_are_named() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        let refusing = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (took, won) = race(&[refusing(), live], Duration::from_secs(10)).await;
        assert_eq!(won.ok(), Some(live));
        assert!(took < STAGGER, "{took:?}");
        let (dead, clog) = clogged();
        let refused = refusing();
        let (_, lost) = race(&[refused, dead], Duration::from_millis(100)).await;
        let lost: Vec<_> =
            lost.unwrap_err().into_iter().map(|(to, error)| (to, error.kind())).collect();
        let expected = [
            (refused.into(), io::ErrorKind::ConnectionRefused),
            (dead.into(), io::ErrorKind::TimedOut),
        ];
        assert_eq!(lost, expected);
        drop(clog);
    }
}
