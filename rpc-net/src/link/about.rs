//! What is known of the other end, and how the connection came to its end.

use super::{Link, Opening, State, wake};
use crate::events::{Watch, Watched};
use crate::identity::{Authenticate, Identity, PeerInfo, Refused};
use crate::stats::Stats;
use crate::transport::options::SocketOptions;
use rpc_core::CloseCode;
use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;

/// How a connection begins, beside its limits: what it says of this side and asks of the other.
#[derive(Debug, Default)]
pub(crate) struct Manners {
    /// Sent in HELLO.
    pub(crate) token: Vec<u8>,
    pub(crate) verifier: Option<Arc<dyn Authenticate>>,
    pub(crate) info: PeerInfo,
    /// What the kernel said of the socket when it was opened.
    pub(crate) options: Option<Box<SocketOptions>>,
    /// Counts the connection among those that have not said HELLO.
    pub(crate) opening: Option<Opening>,
    /// The stream is to be given back.
    pub(crate) returns: bool,
    pub(crate) watch: Option<Arc<Watch>>,
    /// Counts the connection if its token is refused.
    pub(crate) rejections: Option<Arc<AtomicU64>>,
}

/// What is known of the other end of a connection. Fixed, but for the verdict.
#[derive(Debug)]
pub(crate) struct About {
    info: PeerInfo,
    options: Option<Box<SocketOptions>>,
    verifier: Option<Arc<dyn Authenticate>>,
    verdict: OnceLock<Identity>,
    /// What its HELLO calls it.
    name: OnceLock<Box<str>>,
    rejections: Option<Arc<AtomicU64>>,
    watched: Option<Box<Watched>>,
    traffic: Traffic,
}

/// What has gone over one connection.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Traffic {
    /// Adds to the bytes that were read. Called by one task alone.
    pub(super) fn read(&self, bytes: usize) {
        add(&self.bytes_in, bytes);
    }

    /// Adds to the bytes that were written. Called by one task alone.
    pub(super) fn wrote(&self, bytes: usize) {
        add(&self.bytes_out, bytes);
    }
}

/// Without a locked instruction: there is one writer.
fn add(counter: &AtomicU64, more: usize) {
    let sum = counter.load(Ordering::Relaxed).wrapping_add(more as u64);
    counter.store(sum, Ordering::Relaxed);
}

impl About {
    pub(super) fn new(manners: Manners) -> Self {
        let Manners { info, options, verifier, watch, rejections, .. } = manners;
        Self {
            watched: watch.map(|watch| Box::new(Watched::new(watch, &info))),
            info,
            options,
            verifier,
            verdict: OnceLock::new(),
            name: OnceLock::new(),
            rejections,
            traffic: Traffic::default(),
        }
    }

    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    pub(crate) fn watched(&self) -> Option<&Watched> {
        self.watched.as_deref()
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.get().map(AsRef::as_ref)
    }

    pub(super) fn set_name(&self, name: &str) {
        self.name.get_or_init(|| name.into());
    }

    pub(crate) fn addr(&self) -> Option<SocketAddr> {
        self.info.addr
    }

    pub(crate) fn identity(&self) -> &Identity {
        self.verdict.get().unwrap_or(&self.info.identity)
    }

    /// What is known of the other end now.
    pub(crate) fn info(&self) -> PeerInfo {
        PeerInfo { addr: self.info.addr, identity: self.identity().clone() }
    }

    pub(crate) fn options(&self) -> Option<&SocketOptions> {
        self.options.as_deref()
    }

    pub(super) fn asks(&self) -> bool {
        self.verifier.is_some()
    }

    /// Who the other end is, by its token. Runs the user's code: outside of the lock.
    fn judge(&self, token: &[u8]) -> Result<(), Refused> {
        let Some(verifier) = &self.verifier else { return Ok(()) };
        let asked = catch_unwind(AssertUnwindSafe(|| verifier.authenticate(token, &self.info)));
        let identity = asked.unwrap_or_else(|_| Err(Refused::new("the token cannot be judged")))?;
        // It is asked once: HELLO comes once.
        self.verdict.set(identity).ok();
        Ok(())
    }
}

/// One of a number that is counted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How a connection ended, as [`Peer::closed`](crate::Peer::closed) tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// The code that one side said, [`CloseCode::GRACEFUL`] for an end that both wanted; `None` = nobody
    /// said anything, the connection was lost.
    pub code: Option<CloseCode>,
    /// Whether it was the peer who said so first.
    pub by_peer: bool,
    /// What happened, in a sentence. The peer's words in it are as it sent them.
    pub reason: Arc<str>,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{code}: {}", self.reason.escape_debug()),
            None => write!(f, "{}", self.reason.escape_debug()),
        }
    }
}

/// Tells the observer that a connection is there, and when dropped that it is not.
pub(crate) struct Presence(Arc<Link>);

impl Presence {
    /// `None` = nobody observes.
    pub(crate) fn new(link: &Arc<Link>, is_accepted: bool) -> Option<Self> {
        let watched = link.about.watched()?;
        match is_accepted {
            true => watched.accepted(),
            false => watched.connected(),
        }
        Some(Self(Arc::clone(link)))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let closed = self.0.lock().closed.clone();
        // A connection whose task never ran has no end of its own.
        let cut = || Closed { code: None, by_peer: false, reason: "it was never driven".into() };
        if let Some(watched) = self.0.about.watched() {
            watched.closed(closed.unwrap_or_else(cut));
        }
    }
}

impl Link {
    /// Adds what has gone over this connection.
    pub(crate) fn add_to(&self, stats: &mut Stats) {
        let traffic = self.about.traffic();
        stats.bytes_in += traffic.bytes_in.load(Ordering::Relaxed);
        stats.bytes_out += traffic.bytes_out.load(Ordering::Relaxed);
        stats.oneway_faults += self.lock().oneway_faults();
    }

    /// Judges the token of the HELLO that has just come. `wakers` gets who may call now.
    pub(super) fn judge(&self, wakers: &mut Vec<Waker>) {
        let token = self.lock().machine.take_auth_token();
        let verdict = self.about.judge(token.as_bytes());
        let mut state = self.lock();
        match verdict {
            Ok(()) => {
                state.unverified = false;
                wakers.extend(state.lines.firsts());
                wakers.extend(state.mourners.everybody());
            }
            Err(refused) => {
                let code = CloseCode::UNAUTHENTICATED;
                state.parts(code, false);
                state.ended.get_or_insert_with(|| format!("the peer is refused: {refused}").into());
                state.machine.close(code, &refused.to_string());
                drop(state);
                if let Some(rejections) = &self.about.rejections {
                    rejections.fetch_add(1, Ordering::Relaxed);
                }
                if let Some(watched) = self.about.watched() {
                    watched.rejected(self.about.info.clone(), refused.to_string());
                }
            }
        }
    }

    /// Waits until the peer has said HELLO and is who it should be. `false` = the connection ended before.
    pub(crate) async fn opened(self: Arc<Self>) -> bool {
        self.when(|state| {
            let is_over = state.parting.is_some() || state.ended.is_some();
            let is_open = state.machine.peer().is_some() && state.is_verified();
            (is_over || is_open).then_some(!is_over)
        })
        .await
    }

    /// Waits until no more calls can be opened: until one of the two sides goes away, or it has ended.
    pub(crate) async fn retired(self: Arc<Self>) {
        self.when(|state| (state.parting.is_some() || state.ended.is_some()).then_some(())).await;
    }

    /// The code with which one side said that it goes away, once one has.
    pub(crate) fn parting(&self) -> Option<CloseCode> {
        self.lock().parting.map(|(code, _)| code)
    }

    /// How the connection ended, once it has.
    pub(crate) async fn closed(self: Arc<Self>) -> Closed {
        self.when(|state| state.closed.clone()).await
    }

    /// Begins a graceful end and opens no more calls.
    pub(crate) fn finish(&self, reason: &str) {
        let waiting: Vec<_> = {
            let mut state = self.lock();
            state.closing = true;
            state.lines.everybody().collect()
        };
        self.close(CloseCode::GRACEFUL, reason);
        for waker in waiting {
            waker.wake();
        }
    }

    /// Begins a graceful end, or with another code an end at once.
    pub(crate) fn close(&self, code: CloseCode, reason: &str) {
        // Its own statement, so that the lock is free when they are woken.
        let wakers = self.lock().close(code, reason);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Begins a graceful end that is waited for no longer than `ms`, also if it has begun before. Returns how
    /// many calls of the peer are open then: no more are taken.
    pub(crate) fn leave(&self, ms: u64, reason: &str) -> usize {
        let (calls, driver) = {
            let mut state = self.lock();
            let by = self.now().plus_millis(ms);
            state.drain_by = Some(state.drain_by.map_or(by, |before| before.min(by)));
            state.parts(CloseCode::GRACEFUL, false);
            state.machine.close(CloseCode::GRACEFUL, reason);
            (state.machine.served_calls(), state.driver())
        };
        wake(driver);
        calls
    }

    /// Whether the connection ended gracefully, and how many calls of the peer were cut by its end.
    pub(crate) fn end_of_drain(&self) -> (bool, usize) {
        let state = self.lock();
        let code = state.closed.as_ref().and_then(|closed| closed.code);
        (code == Some(CloseCode::GRACEFUL), state.calls_cut)
    }
}

impl State {
    /// Whether it is known who the peer is, as far as anybody asks.
    pub(crate) fn is_verified(&self) -> bool {
        !self.unverified
    }

    /// Remembers who ended the connection, and with which code. The first word counts, but a graceful
    /// end may still become another.
    pub(super) fn parts(&mut self, code: CloseCode, by_peer: bool) {
        match self.parting {
            Some((said, _)) if said != CloseCode::GRACEFUL || code == CloseCode::GRACEFUL => {}
            _ => self.parting = Some((code, by_peer)),
        }
    }

    /// Begins a graceful end, or with another code an end at once. Returns whom to wake after the lock.
    pub(super) fn close(&mut self, code: CloseCode, reason: &str) -> Vec<Waker> {
        self.parts(code, false);
        self.machine.close(code, reason);
        self.driver.take().into_iter().chain(self.mourners.everybody()).collect()
    }

    /// The connection has ended. `wakers` gets whom to tell.
    pub(super) fn end(&mut self, reason: &str, wakers: &mut Vec<Waker>) {
        let reason = Arc::clone(self.ended.get_or_insert_with(|| reason.into()));
        self.opening = None;
        if self.closed.is_none() {
            self.calls_cut = self.machine.served_calls();
            let (code, by_peer) = self.parting.unzip();
            self.closed = Some(Closed { code, by_peer: by_peer.unwrap_or(false), reason });
        }
        wakers.extend(self.mourners.everybody());
    }
}
