//! One caller: a task that makes one call after another, or one call, or one stream after another.

use crate::clock::{Clock, Portions, Tally};
use crate::peer::{Client, Held, Unsupported};
use crate::workload::Call;
use crate::{Failure, Result};
use std::time::{Duration, Instant};

/// The text by which the bench knows that a peer has nothing for a workload.
pub(crate) const UNSUPPORTED: &str = "unsupported";

/// Looking at the clock costs tens of nanoseconds: not more often than every so many calls,
const CALLS_BETWEEN_LOOKS: u32 = 16;
/// but often enough that slow calls do not run far over the end.
const TIME_BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// A task's work, made by the harness and spawned by the peer.
#[derive(Debug)]
pub struct Caller<C> {
    pub(crate) client: C,
    pub(crate) number: usize,
    pub(crate) job: Job,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Job {
    /// Calls until the clock ends.
    Repeat {
        call: Call,
        clock: Clock,
    },
    /// One call, for whose reply it waits so long.
    Once {
        call: Call,
        patience: Duration,
    },
    /// Streams until the clock ends.
    Download(Clock),
    Upload(Clock),
}

impl<C: Client> Caller<C> {
    /// Never fails: what goes wrong is counted.
    pub async fn run(self) -> Tally {
        let mut tally = Tally::default();
        let result = match self.job {
            Job::Repeat { call, clock } => self.repeat(call, clock, &mut tally).await,
            Job::Once { call, patience } => self.once(call, patience, &mut tally).await,
            Job::Download(clock) | Job::Upload(clock) => self.streams(clock, &mut tally).await,
        };
        if let Err(failure) = result {
            match failure.is::<Unsupported>() {
                true => tally.error(UNSUPPORTED),
                false => tally.error(&failure.to_string()),
            }
        }
        tally
    }

    async fn repeat(&self, call: Call, clock: Clock, tally: &mut Tally) -> Result<()> {
        let mut held = Held::new(call, self.number);
        let most = if call == Call::Text { CALLS_BETWEEN_LOOKS } else { 1 };
        let mut stride = 1;
        let mut before = Instant::now();
        loop {
            let slow = held.is_slow(call);
            held.call(&self.client, call).await?;
            let mut now = Instant::now();
            if !slow {
                tally.sample(now - before);
            }
            if stride > 1 {
                for _ in 1..stride {
                    held.call(&self.client, call).await?;
                }
                now = Instant::now();
            }
            tally.calls += u64::from(stride) * call.weight() as u64;
            if tally.look(now, &clock) {
                return Ok(());
            }
            // A stride that began in the warm-up must not end after it.
            let quick = now - before < TIME_BETWEEN_LOOKS && now > clock.begin;
            stride = if quick { (stride * 2).min(most) } else { 1 };
            before = now;
        }
    }

    async fn once(&self, call: Call, patience: Duration, tally: &mut Tally) -> Result<()> {
        let before = Instant::now();
        let mut held = Held::<C::Records>::new(call, self.number);
        match tokio::time::timeout(patience, held.call(&self.client, call)).await {
            Ok(result) => result?,
            Err(_) => return Err("no reply in time".into()),
        }
        let now = Instant::now();
        tally.calls = 1;
        tally.last = Some(now);
        tally.sample(now - before);
        Ok(())
    }

    async fn streams(&self, clock: Clock, tally: &mut Tally) -> Result<()> {
        let mut portions = Portions::new(clock);
        loop {
            match self.job {
                Job::Download(_) => self.client.download(portions.items).await?,
                _ => self.client.upload(portions.items).await?,
            }
            if portions.ended(tally) {
                return Ok(());
            }
        }
    }
}

/// What the callers of a run saw first, if nothing of it may count.
pub(crate) fn first_error(tally: &Tally) -> Option<Failure> {
    let (text, count) = tally.errors.iter().next()?;
    match text == UNSUPPORTED {
        true => Some(Unsupported.into()),
        false => Some(format!("{count} × {text}").into()),
    }
}
