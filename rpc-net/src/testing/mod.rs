//! Help for tests: services over a stream inside the process, streams with faults, services made of closures.
//!
//! Nothing here opens a port. [`client`] and [`Pair::start`] run in the tokio runtime at hand; without one,
//! as in a plain `#[test]`, they run on the thread of [`blocking`], and the test uses
//! [`Call::wait`](crate::Call::wait). In a runtime whose time is paused
//! (`#[tokio::test(start_paused = true)]`) deadlines, keepalive and the delays of [`Faults`] take no time.

mod faults;
mod mock;

pub use faults::{Faults, Faulty};
pub use mock::Mock;

use crate::attach::attach;
use crate::blocking;
use crate::peer::Peer;
use crate::service::{Service, Services};
use crate::transport::memory::memory;
use rpc_core::{Limits, Side};
use std::fmt;

/// A peer whose other end serves these services, for as long as anybody holds it.
///
/// # Panics
///
/// If two methods have the same id.
#[must_use = "the connection ends when the last handle is dropped"]
pub fn client(services: impl Services) -> Peer {
    let (near, far) = pair().far(services).start();
    let closed = far.closed();
    let _entered = entered();
    tokio::spawn(async move {
        closed.await;
        drop(far);
    });
    near
}

/// Two peers that are to be connected inside the process.
///
/// ```
/// # fn example(chat: impl rpc_net::Service, room: impl rpc_net::Service) {
/// let (near, far) = rpc_net::testing::pair().near(chat).far(room).start();
/// # let _ = (near, far); }
/// ```
pub fn pair() -> Pair {
    Pair { near: Vec::new(), far: Vec::new(), limits: Limits::default(), faults: Faults::default() }
}

/// Two ends of a connection that is to be; see [`pair`].
#[must_use = "nothing is connected until `start` is called"]
pub struct Pair {
    near: Vec<Box<dyn Service>>,
    far: Vec<Box<dyn Service>>,
    limits: Limits,
    faults: Faults,
}

impl Pair {
    /// Serves these services at the near end, to the far one.
    pub fn near(mut self, services: impl Services) -> Self {
        self.near = services.into_services();
        self
    }

    /// Serves these services at the far end, to the near one.
    pub fn far(mut self, services: impl Services) -> Self {
        self.far = services.into_services();
        self
    }

    /// Sets the limits of both ends.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets what goes wrong between them. Reading and writing are meant as the near end does them.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Connects them. The near end is the dialer.
    ///
    /// # Panics
    ///
    /// If two methods of one end have the same id, or the thread of [`blocking`] is needed
    /// and does not start.
    #[must_use = "the connection ends when the last handle of either end is dropped"]
    pub fn start(self) -> (Peer, Peer) {
        let _entered = entered();
        let (near, far) = memory();
        let near = attach(self.faults.wrap(near), Side::Dialer).limits(self.limits.clone());
        let far = attach(far, Side::Acceptor).limits(self.limits);
        match (near.serve(self.near), far.serve(self.far)) {
            (Ok(near), Ok(far)) => (near.start(), far.start()),
            (Err(error), _) | (_, Err(error)) => panic!("{error}"),
        }
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("faults", &self.faults).finish_non_exhaustive()
    }
}

fn entered() -> Option<tokio::runtime::EnterGuard<'static>> {
    match blocking::enter() {
        Ok(entered) => entered,
        Err(error) => panic!("{error}"),
    }
}
