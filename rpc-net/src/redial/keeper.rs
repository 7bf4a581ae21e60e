//! The task that keeps a connection: dials it, watches it, and dials again.

use super::{Shared, Stage, may_follow};
use crate::backoff::{Backoff, Waits};
use crate::error::Error;
use crate::link::Link;
use crate::peer::Handle;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A connection that has lasted so long was a good one: the waits begin anew after it.
const GOOD: Duration = Duration::from_secs(5);

/// Keeps a connection until its user closes it. `first` is one that is open already.
pub(super) async fn keep(shared: Arc<Shared>, first: Option<Arc<Link>>) {
    let stop = shared.stop.clone();
    // Dropping it in its middle closes the sockets that are being opened.
    stop.run_until_cancelled(run(&shared, first)).await;
}

async fn run(shared: &Shared, mut first: Option<Arc<Link>>) {
    let mut pace = Pace::new(shared.plan.backoff_set());
    let mut number = 0;
    if first.is_none() {
        shared.wanted().await;
    }
    loop {
        let link = match first.take() {
            Some(link) => link,
            None => match dial(shared, &mut pace).await {
                Ok(link) => link,
                Err(error) => {
                    shared.rest(&error.to_string());
                    shared.wanted().await;
                    pace.again();
                    continue;
                }
            },
        };
        let began = Instant::now();
        let handle = Arc::new(Handle::owning(Arc::clone(&link)));
        // What the peer allows is known then, so that those who waited do not come too many at once; and
        // nothing is written to one who accepts and is gone.
        if Arc::clone(&link).opened().await {
            shared.enter(Stage::Up { number, handle });
            number += 1;
            Arc::clone(&link).retired().await;
        }
        if began.elapsed() >= GOOD {
            pace = Pace::new(shared.plan.backoff_set());
        }
        match may_follow(link.parting()) && pace.wait() {
            true => shared.enter(Stage::Dialing),
            false => {
                let why = link.lock().ended.clone();
                shared.rest(why.as_deref().unwrap_or("the connection has ended"));
                shared.wanted().await;
                pace.again();
            }
        }
    }
}

/// Dials until a connection is open, or until it is clear that none will be.
async fn dial(shared: &Shared, pace: &mut Pace) -> Result<Arc<Link>, Error> {
    loop {
        if let Some(wait) = pace.next.take() {
            sleep(wait).await;
        }
        match shared.plan.open_once().await {
            Ok(link) => return Ok(link),
            Err(error) if !error.is_temporary() || !pace.wait() => return Err(error),
            Err(_) => {}
        }
    }
}

/// When to dial next.
struct Pace {
    backoff: Backoff,
    waits: Waits,
    /// Since when it has not gone well.
    since: Option<Instant>,
    /// How long to wait before the next attempt.
    next: Option<Duration>,
}

impl Pace {
    fn new(backoff: Backoff) -> Self {
        Self { waits: backoff.waits(), backoff, since: None, next: None }
    }

    /// The next attempt is to be made after a wait. `false` = none is to be made.
    fn wait(&mut self) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.next = self.waits.after(since.elapsed());
        self.next.is_some()
    }

    /// It was given up and somebody wants it again. Not at once: somebody may want it in a loop.
    fn again(&mut self) {
        *self = Self::new(self.backoff.clone());
        self.next = Some(self.backoff.waits().next().unwrap_or_default());
    }
}

impl Shared {
    /// Nobody dials until a call wants it.
    fn rest(&self, why: &str) {
        self.enter(Stage::Idle { why: why.into() });
    }

    /// Waits until a call wants a connection.
    async fn wanted(&self) {
        let mut stage = self.stage.subscribe();
        // The sender is here, so there is no other end.
        let _ = stage.wait_for(|stage| !matches!(stage, Stage::Idle { .. })).await;
    }
}
