//! Two peers over a pipe, each with its driver: the real thing, but for threads, time and socket.

use super::pipe::{Scissors, pipe};
use super::service::{Ledger, Model};
use super::watch::{self, Watched};
use crate::link::{Link, Manners, drive};
use crate::peer::Peer;
use crate::router::Router;
use rpc_core::{CallError, Code, Executed, Limits, Side};
use shuttle::future::{JoinHandle, block_on};
use shuttle::rand::Rng;
use std::future::Future;
use std::sync::Arc;

/// How many bytes wait in a pipe that is no bottleneck.
const WIDE: usize = 1 << 20;

/// One connection, seen from outside. Its models call from `asking`.
pub(super) struct World {
    pub(super) asking: Peer,
    pub(super) answering: Peer,
    pub(super) ledger: Arc<Ledger>,
    pub(super) scissors: Scissors,
    links: [Arc<Link>; 2],
    drivers: [JoinHandle<()>; 2],
}

/// Bounds that are as large as they are by default, without deadlines.
pub(super) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.default_deadline_ms = 0;
    limits
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(limits(), WIDE)
    }

    /// The answering side takes one unary call and one stream at a time. Both sides have said HELLO.
    pub(super) fn narrow() -> Self {
        let mut limits = limits();
        (limits.calls, limits.streams) = (1, 1);
        let world = Self::with(limits, WIDE);
        assert_eq!(wait(world.asking.echo(1000)), Ok(1000));
        world
    }

    pub(super) fn with(answering: Limits, room: usize) -> Self {
        let ledger = Arc::<Ledger>::default();
        let (near, far, scissors) = pipe(room);
        let link = |side, limits, router| {
            Arc::new(Link::new(side, limits, Arc::new(router), Manners::default()))
        };
        let router = Router::new(Model::new(&ledger)).unwrap();
        let links = [
            link(Side::Dialer, limits(), Router::default()),
            link(Side::Acceptor, answering, router),
        ];
        let driver = |link, pipe| shuttle::future::spawn(watch::steadily(drive(link, pipe)));
        let drivers = [driver(Arc::clone(&links[0]), near), driver(Arc::clone(&links[1]), far)];
        Self {
            asking: Peer::owning(Arc::clone(&links[0])),
            answering: Peer::owning(Arc::clone(&links[1])),
            ledger,
            scissors,
            links,
            drivers,
        }
    }

    /// Drops the handle with which the asking side's connection ends.
    pub(super) fn end_asking(&mut self) {
        self.asking = Peer::visiting(Arc::clone(&self.links[0]));
    }

    /// Drops the handles, waits until both drivers are done, and looks at what is left.
    pub(super) fn end(self) {
        let Self { asking, answering, ledger, links, drivers, .. } = self;
        drop((asking, answering));
        for driver in drivers {
            block_on(driver).unwrap();
        }
        for link in links {
            assert!(link.is_at_rest(), "a connection has ended and keeps something of its calls");
        }
        wait(ledger.settled());
        ledger.check();
    }
}

/// Awaits on this thread, with a new waker at every poll.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    block_on(Watched::new(future))
}

/// Starts a thread that awaits.
pub(super) fn thread<F>(future: F) -> shuttle::thread::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    shuttle::thread::spawn(|| wait(future))
}

/// Starts a thread that does this, sooner or later: there is about as much to happen before as after it.
pub(super) fn sometime<F>(does: F) -> shuttle::thread::JoinHandle<()>
where
    F: FnOnce() + Send + 'static,
{
    shuttle::thread::spawn(|| {
        for _ in 0..shuttle::rand::thread_rng().gen_range(0..100) {
            shuttle::thread::yield_now();
        }
        does();
    })
}

/// Polls once with a waker that nobody hears.
pub(super) fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut cx) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

/// How a call ended, and whether its handler may have run.
pub(super) fn ending<T>(answer: &Result<T, CallError>) -> (Code, Executed) {
    match answer {
        Ok(_) => (Code::OK, Executed::Maybe),
        Err(error) => (error.code(), error.executed()),
    }
}
