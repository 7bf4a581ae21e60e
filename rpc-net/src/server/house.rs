//! What the accept loop, the connections and the handle of one server share.

use super::report::Report;
use crate::error::Error;
use crate::events::Watch;
use crate::identity::{Authenticate, PeerInfo};
use crate::link::{Counted, Crowd, Link, Manners, Opening, Presence};
use crate::router::Router;
use crate::stats::{Stats, merge};
use crate::transport::options::SocketOptions;
use rpc_core::{CloseCode, Limits, Side};
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Why everybody is asked to leave.
const SHUTTING: &str = "the server is shutting down";

/// What was set before the server began.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) limits: Limits,
    pub(super) options: SocketOptions,
    pub(super) max_connections: usize,
    pub(super) max_handshakes: usize,
    pub(super) verifier: Option<Arc<dyn Authenticate>>,
    pub(super) token: Vec<u8>,
    pub(super) watch: Option<Arc<Watch>>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            options: SocketOptions::default(),
            max_connections: 10_240,
            max_handshakes: 256,
            verifier: None,
            token: Vec::new(),
            watch: None,
        }
    }
}

/// Makes the services of one connection.
type Make = dyn Fn(&PeerInfo) -> Result<Router, Error> + Send + Sync;

/// Where the services of a connection come from.
pub(super) enum Factory {
    /// All connections have the same.
    Shared(Arc<Router>),
    /// Each has its own.
    Each(Box<Make>),
}

/// One server.
pub(super) struct House {
    factory: Factory,
    pub(super) limits: Limits,
    pub(super) options: SocketOptions,
    max_connections: usize,
    max_handshakes: usize,
    verifier: Option<Arc<dyn Authenticate>>,
    token: Vec<u8>,
    pub(super) watch: Option<Arc<Watch>>,
    pub(super) tasks: TaskTracker,
    /// No more connections are accepted.
    pub(super) shut: CancellationToken,
    /// Connections are cut.
    pub(super) cut: CancellationToken,
    links: Mutex<Links>,
    connections: Arc<AtomicUsize>,
    crowd: Arc<Crowd>,
    /// Connections that are being told that there is no place for them.
    pub(super) refusals: Arc<AtomicUsize>,
    calls_cut: AtomicUsize,
    connections_cut: AtomicUsize,
    accepted: AtomicU64,
    pub(super) rejected: Arc<AtomicU64>,
    /// What connections that have ended have counted.
    past: Mutex<Stats>,
}

#[derive(Default)]
pub(super) struct Links {
    pub(super) open: HashMap<u64, Arc<Link>>,
    next: u64,
}

/// A place among the connections, and among those that have not said HELLO.
pub(super) struct Place {
    pub(super) connection: Counted,
    pub(super) handshake: Opening,
}

impl House {
    pub(super) fn new(rules: Rules, factory: Factory) -> Arc<Self> {
        let Rules { limits, options, max_connections, max_handshakes, verifier, token, watch } =
            rules;
        Arc::new(Self {
            factory,
            limits,
            options,
            max_connections,
            max_handshakes,
            verifier,
            token,
            watch,
            tasks: TaskTracker::new(),
            shut: CancellationToken::new(),
            cut: CancellationToken::new(),
            links: Mutex::default(),
            connections: Arc::default(),
            crowd: Arc::default(),
            refusals: Arc::default(),
            calls_cut: AtomicUsize::new(0),
            connections_cut: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
            rejected: Arc::default(),
            past: Mutex::default(),
        })
    }

    pub(super) fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.crowd.size() >= self.max_handshakes
    }

    /// A place for one more connection, or why there is none. Among those that have not said HELLO, whoever
    /// has been silent longest makes room.
    pub(super) fn admit(&self) -> Result<Place, String> {
        // Counted first, so that two who come at once do not both take the last place.
        let place =
            Place { connection: Counted::new(&self.connections), handshake: self.crowd.enter() };
        if self.connections.load(Ordering::Relaxed) > self.max_connections {
            return Err(format!(
                "{} connections are open, no more are taken",
                self.max_connections
            ));
        }
        if self.crowd.size() > self.max_handshakes && !self.crowd.make_room() {
            let n = self.max_handshakes;
            return Err(format!("{n} connections have not said HELLO, no more are taken"));
        }
        Ok(place)
    }

    /// The link of a new connection, with its services.
    pub(super) fn link(
        &self,
        info: PeerInfo,
        options: Option<SocketOptions>,
        handshake: Opening,
    ) -> Arc<Link> {
        let made = match &self.factory {
            Factory::Shared(router) => Ok(Arc::clone(router)),
            Factory::Each(make) => match catch_unwind(AssertUnwindSafe(|| make(&info))) {
                Ok(made) => made.map(Arc::new).map_err(|error| error.to_string()),
                Err(_) => Err("the services of this connection cannot be made".to_owned()),
            },
        };
        let (router, fault) = match made {
            Ok(router) => (router, None),
            Err(fault) => (Arc::default(), Some(fault)),
        };
        let number = handshake.number();
        let manners = Manners {
            token: self.token.clone(),
            verifier: self.verifier.clone(),
            info,
            options: options.map(Box::new),
            opening: Some(handshake),
            returns: false,
            watch: self.watch.clone(),
            rejections: Some(Arc::clone(&self.rejected)),
        };
        let link = Arc::new(Link::new(Side::Acceptor, self.limits.clone(), router, manners));
        self.crowd.know(number, &link);
        if let Some(fault) = fault {
            link.close(CloseCode::INTERNAL, &fault);
        }
        link
    }

    /// The link of a connection that is told why there is no place for it.
    pub(super) fn refusal(&self, info: PeerInfo, why: &str) -> Arc<Link> {
        let manners = Manners { info, ..Manners::default() };
        let link = Link::new(Side::Acceptor, self.limits.clone(), Arc::default(), manners);
        link.close(CloseCode::LIMIT, why);
        Arc::new(link)
    }

    fn past(&self) -> MutexGuard<'_, Stats> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> Stats {
        let links = self.links();
        let open: Vec<_> = links.open.values().cloned().collect();
        let mut stats = self.past().clone();
        drop(links);
        stats.connections = open.len();
        stats.accepted = self.accepted.load(Ordering::Relaxed);
        stats.rejected = self.rejected.load(Ordering::Relaxed);
        for link in &open {
            link.add_to(&mut stats);
        }
        match &self.factory {
            Factory::Shared(router) => stats.answered = router.stats().collect(),
            Factory::Each(_) => {
                for link in &open {
                    merge(&mut stats.answered, link.router.stats());
                }
            }
        }
        stats.asked = self.watch.as_ref().map(|watch| watch.asked()).unwrap_or_default();
        stats
    }

    /// Asks everybody to leave, and waits until they have.
    pub(super) async fn leave(&self, grace: Duration) -> Report {
        let started = Instant::now();
        self.shut.cancel();
        self.tasks.close();
        let open: Vec<_> = self.links().open.values().cloned().collect();
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let connections = open.len();
        let calls: usize = open.iter().map(|link| link.leave(grace_ms, SHUTTING)).sum();
        drop(open);
        self.tasks.wait().await;
        let cut = self.calls_cut.load(Ordering::Relaxed).min(calls);
        Report {
            connections,
            connections_cut: self.connections_cut.load(Ordering::Relaxed).min(connections),
            finished: calls - cut,
            cut,
            elapsed: started.elapsed(),
        }
    }
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared(_) => "Shared",
            Self::Each(_) => "Each",
        })
    }
}

/// A connection in the list of those that are open. It leaves the list however its task ends.
pub(super) struct Guest {
    pub(super) house: Arc<House>,
    link: Arc<Link>,
    number: u64,
    _connection: Counted,
    _presence: Option<Presence>,
}

impl Guest {
    pub(super) fn enter(house: Arc<House>, link: &Arc<Link>, connection: Counted) -> Self {
        let number = house.links().add(Arc::clone(link));
        house.accepted.fetch_add(1, Ordering::Relaxed);
        let guest = Self {
            house,
            link: Arc::clone(link),
            number,
            _connection: connection,
            _presence: Presence::new(link, true),
        };
        // Whoever comes while the others are asked to leave is asked here.
        if guest.house.shut.is_cancelled() {
            link.leave(guest.house.limits.drain_ms, SHUTTING);
        }
        guest
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let house = &self.house;
        if house.shut.is_cancelled() {
            let (is_graceful, calls) = self.link.end_of_drain();
            house.connections_cut.fetch_add(usize::from(!is_graceful), Ordering::Relaxed);
            house.calls_cut.fetch_add(calls, Ordering::Relaxed);
        }
        // In one step with leaving the list, so that nothing is counted twice or not at all.
        let mut links = house.links();
        let mut past = house.past();
        self.link.add_to(&mut past);
        if let Factory::Each(_) = house.factory {
            merge(&mut past.answered, self.link.router.stats());
        }
        let link = links.open.remove(&self.number);
        drop((links, past));
        // The list is released before the connection is dropped.
        drop(link);
    }
}

impl Links {
    fn add(&mut self, link: Arc<Link>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.open.insert(number, link);
        number
    }
}
