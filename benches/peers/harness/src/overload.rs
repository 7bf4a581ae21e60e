//! W9: the peak that callers who wait can reach, then twice as many calls, whatever comes back.

use crate::clock::{Clock, Tally};
use crate::job::{Caller, Job, first_error};
use crate::peer::{Ask, Peer};
use crate::workload::Call;
use crate::{Measured, Result};
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 8;
const IN_FLIGHT: usize = 16;
/// How long a caller waits for its reply.
const PATIENCE: Duration = Duration::from_secs(1);
/// Calls of one tick leave together.
const TICK: Duration = Duration::from_millis(1);
/// Longer than the patience, or every call could wait its turn.
const SHORTEST: Duration = Duration::from_secs(2);

pub(crate) async fn run<P: Peer>(ask: Ask) -> Result<Measured> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(P::connect(ask.addr, IN_FLIGHT).await?);
    }
    let clock = Clock::start(ask.time);
    let mut callers = Vec::new();
    for number in 0..CONNECTIONS * IN_FLIGHT {
        let client = clients[number % CONNECTIONS].clone();
        let job = Job::Repeat { call: Call::Work, clock };
        callers.push(P::launch(Caller { client, number, job }));
    }
    let mut sum = Tally::default();
    for caller in callers {
        sum.add(caller.await?);
    }
    if let Some(failure) = first_error(&sum) {
        return Err(failure);
    }
    let peak = sum.measured(&clock).value;

    let begin = Instant::now();
    let end = begin + (ask.time * 5).max(SHORTEST);
    let mut tick = tokio::time::interval(TICK);
    let mut callers = Vec::new();
    while begin.elapsed() < end - begin {
        tick.tick().await;
        let due = (begin.elapsed().as_secs_f64() * peak * 2.0) as usize;
        while callers.len() < due {
            let (client, number) = (clients[callers.len() % CONNECTIONS].clone(), callers.len());
            let job = Job::Once { call: Call::Work, patience: PATIENCE };
            callers.push(P::launch(Caller { client, number, job }));
        }
    }
    let offered = callers.len() as f64;
    let mut sum = Tally::default();
    for caller in callers {
        let tally = caller.await?;
        // The queue that is left at the end is served without new load: it does not count.
        if tally.last.is_none_or(|last| last <= end) {
            sum.add(tally);
        }
    }
    let clock = Clock { begin, end };
    let seconds = (end - begin).as_secs_f64();
    let answered = sum.calls as f64;
    let mut measured = sum.measured(&clock);
    measured.value = answered / seconds;
    let mut figure = |name: &str, value| measured.figures.insert(name.to_owned(), value);
    figure("peak", peak);
    figure("offered", offered / seconds);
    figure("of peak", answered / seconds / peak);
    Ok(measured)
}
