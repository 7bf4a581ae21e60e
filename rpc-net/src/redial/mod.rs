//! A connection that is dialed again when it is lost.
//!
//! [`Redial`] is what a peer of that kind holds instead of a connection. Its *keeper*, one task, dials, puts
//! the connection up for use, waits until no more calls can be opened on it, takes it down and dials on.
//! Calls wait for a connection within their deadlines. A call that the loss of one connection has ended
//! before anything of it ran goes over the next one, once; a call that may have run fails.

mod connect;
mod keeper;

pub(crate) use connect::Dial;
pub use connect::Duplex;
pub use connect::{Reconnect, connect_lazy};

use crate::call::{Carried, Ending, Outgoing, RawCall, Via, Within};
use crate::connect::Connect;
use crate::identity::PeerInfo;
use crate::link::{Closed, Link};
use crate::peer::Handle;
use keeper::keep;
use rpc_core::{CloseCode, Code, Executed, Limits};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::runtime;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// What the user of a connection that comes again holds. The connection ends with it.
pub(crate) struct Redial {
    shared: Arc<Shared>,
}

/// What the handles, the calls that wait and the keeper share.
pub(crate) struct Shared {
    /// What is dialed, and how it is set up.
    plan: Connect,
    fail_fast: bool,
    stage: watch::Sender<Stage>,
    waiting: AtomicUsize,
    /// Where the keeper runs; set when it does.
    runtime: OnceLock<runtime::Handle>,
    /// Stops the keeper.
    stop: CancellationToken,
}

/// Whether there is a connection.
#[derive(Clone)]
enum Stage {
    /// There is none, for this reason, and nobody dials until a call wants one.
    Idle { why: Arc<str> },
    /// There is none, and it is dialed.
    Dialing,
    /// The connection, and how many there were before it.
    Up { number: u64, handle: Arc<Handle> },
    /// Its user closed it, and this was the last connection.
    Closed { why: Arc<str>, last: Option<Arc<Link>> },
}

impl Redial {
    pub(crate) fn new(plan: Connect, fail_fast: bool) -> Arc<Self> {
        let why = "no call has wanted a connection yet".into();
        let shared = Shared {
            plan,
            fail_fast,
            stage: watch::Sender::new(Stage::Idle { why }),
            waiting: AtomicUsize::new(0),
            runtime: OnceLock::new(),
            stop: CancellationToken::new(),
        };
        Arc::new(Self { shared: Arc::new(shared) })
    }

    /// Starts the keeper in the current runtime, unless it was started before. `first` is the connection
    /// that it begins with. `false` = there is no runtime.
    pub(crate) fn start(&self, first: Option<Arc<Link>>) -> bool {
        let Ok(runtime) = runtime::Handle::try_current() else {
            return self.shared.runtime.get().is_some();
        };
        self.shared.runtime.get_or_init(|| {
            runtime.spawn(keep(Arc::clone(&self.shared), first));
            runtime
        });
        true
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.shared.plan.limits_set()
    }

    /// The connection that is there now.
    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        match &*self.shared.stage.borrow() {
            Stage::Up { handle, .. } => Some(Arc::clone(&handle.link)),
            _ => None,
        }
    }

    /// Whether its user has closed it.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(&*self.shared.stage.borrow(), Stage::Closed { .. })
    }

    /// Ends it: the connection gracefully, and no other is dialed.
    pub(crate) fn close(&self, why: &str) {
        self.shared.close(why);
    }

    /// Waits until its user has closed it and the last connection has ended.
    pub(crate) fn closed(&self) -> impl Future<Output = Closed> + Send + 'static + use<> {
        let shared = Arc::clone(&self.shared);
        async move {
            let mut stage = shared.stage.subscribe();
            loop {
                let ended = match &*stage.borrow_and_update() {
                    Stage::Closed { why, last } => Some((Arc::clone(why), last.clone())),
                    _ => None,
                };
                match ended {
                    Some((_, Some(last))) => return last.closed().await,
                    Some((reason, None)) => {
                        let code = Some(CloseCode::GRACEFUL);
                        return Closed { code, by_peer: false, reason };
                    }
                    // The sender is in `shared`.
                    None => drop(stage.changed().await),
                }
            }
        }
    }
}

impl Drop for Redial {
    fn drop(&mut self) {
        self.shared.close("nobody uses the connection any more");
    }
}

impl fmt::Debug for Redial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redial").field("plan", &self.shared.plan).finish_non_exhaustive()
    }
}

impl Shared {
    fn close(&self, why: &str) {
        let mut before = None;
        self.stage.send_if_modified(|stage| {
            if let Stage::Closed { .. } = stage {
                return false;
            }
            let last = match stage {
                Stage::Up { handle, .. } => Some(Arc::clone(&handle.link)),
                _ => None,
            };
            before = Some(std::mem::replace(stage, Stage::Closed { why: why.into(), last }));
            true
        });
        self.stop.cancel();
        // Calls that are open hold the connection until they have ended.
        if let Some(Stage::Up { handle, .. }) = before {
            handle.link.finish(why);
        }
    }

    /// Changes the stage, unless its user has closed it: that stays.
    fn enter(&self, next: Stage) {
        let mut other = Some(next);
        self.stage.send_if_modified(|stage| {
            let may = !matches!(stage, Stage::Closed { .. });
            if let (true, Some(next)) = (may, other.take()) {
                other = Some(std::mem::replace(stage, next));
            }
            may
        });
        // Whichever is not used is dropped here, where nobody else is kept out: it may be the last handle
        // of a connection.
        drop(other);
    }
}

/// What carries the calls. A call holds it until its end, as it would hold a connection.
pub(crate) struct Through(pub(crate) Arc<Redial>);

impl Via for Through {
    fn send(&self, call: Outgoing) -> Carried {
        match self.0.start(None) {
            true => Box::pin(Within::new(self.runtime(), carry(Arc::clone(&self.0), call))),
            false => Box::pin(std::future::ready(no_runtime())),
        }
    }

    fn peer(&self) -> PeerInfo {
        self.0.link().map(|link| link.about.info()).unwrap_or_default()
    }

    fn runtime(&self) -> Option<runtime::Handle> {
        self.0.shared.runtime.get().cloned().or_else(|| runtime::Handle::try_current().ok())
    }
}

fn no_runtime() -> Ending {
    let text = "a connection that opens at its first call needs a tokio runtime at that call";
    Ending::here(Code::FAILED_PRECONDITION, Executed::No, text)
}

/// Takes one call to its end, over as many connections as come to nothing before it ran.
async fn carry(redial: Arc<Redial>, mut call: Outgoing) -> Ending {
    let shared = &redial.shared;
    let mut after = None;
    loop {
        let (number, handle) = match shared.connection(call.deadline(), after).await {
            Ok(connection) => connection,
            Err(ending) => return ending,
        };
        let link = Arc::clone(&handle.link);
        let copy = call.again();
        let mut attempt = RawCall::new(handle, call);
        let ending = (&mut attempt).await;
        if shared.fail_fast || !ending.is_lost_unsent() || !may_follow(link.parting()) {
            return ending;
        }
        // What was never opened comes back as it is, streams included.
        match attempt.into_returned().or(copy) {
            Some(again) => (call, after) = (again, Some(number)),
            None => return ending,
        }
    }
}

/// Whether calls that could not be opened on a connection, or that did not run, are to be sent over
/// another one: not if that would end as this one did.
pub(crate) fn may_follow(code: Option<CloseCode>) -> bool {
    !matches!(
        code,
        Some(
            CloseCode::NOT_HTON
                | CloseCode::VERSION
                | CloseCode::HELLO
                | CloseCode::UNAUTHENTICATED
        )
    )
}

impl Shared {
    /// The next connection after the one with this number, within the deadline of the call.
    async fn connection(
        &self,
        deadline: Option<Instant>,
        after: Option<u64>,
    ) -> Result<(u64, Arc<Handle>), Ending> {
        let mut stage = self.stage.subscribe();
        self.want();
        if let Some(found) = look(&stage.borrow_and_update(), after) {
            return found;
        }
        if self.fail_fast {
            let text = "there is no connection now, and the call is not to wait for one";
            return Err(Ending::here(Code::UNAVAILABLE, Executed::No, text));
        }
        let Some(_place) = Place::take(&self.waiting, self.plan.limits_set().queued_calls) else {
            let text = "too many calls wait for a connection already (Limits::queued_calls)";
            return Err(Ending::here(Code::RESOURCE_EXHAUSTED, Executed::No, text));
        };
        let found = async {
            loop {
                if stage.changed().await.is_err() {
                    return Err(Ending::here(Code::UNAVAILABLE, Executed::No, "it is gone"));
                }
                if let Some(found) = look(&stage.borrow_and_update(), after) {
                    return found;
                }
            }
        };
        match deadline {
            None => found.await,
            Some(deadline) => timeout_at(deadline, found).await.unwrap_or_else(|_| {
                let text = "the deadline passed while the call waited for a connection";
                Err(Ending::here(Code::DEADLINE_EXCEEDED, Executed::No, text))
            }),
        }
    }

    /// Has the keeper dial, if it rests: who then finds it at rest again knows that it came to nothing.
    fn want(&self) {
        self.stage.send_if_modified(|stage| {
            let rests = matches!(stage, Stage::Idle { .. });
            if rests {
                *stage = Stage::Dialing;
            }
            rests
        });
    }
}

/// The connection after this number, or why none will come; `None` = it may come.
fn look(stage: &Stage, after: Option<u64>) -> Option<Result<(u64, Arc<Handle>), Ending>> {
    match stage {
        Stage::Up { number, handle } if Some(*number) > after => {
            Some(Ok((*number, Arc::clone(handle))))
        }
        Stage::Up { .. } | Stage::Dialing => None,
        Stage::Idle { why } | Stage::Closed { why, .. } => {
            Some(Err(Ending::here(Code::UNAVAILABLE, Executed::No, &**why)))
        }
    }
}

/// A place among the calls that wait.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let place = Self(waiting);
        // Counted first, so that two who come at once do not both take the last place.
        (waiting.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
