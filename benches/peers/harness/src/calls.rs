//! Runs of callers: a fixed number that wait for their replies, idle connections, streams.

use crate::clock::{Clock, Tally};
use crate::data::BLOB;
use crate::job::{Caller, Job, first_error};
use crate::peer::{Ask, Held, Peer};
use crate::workload::{Call, Shape};
use crate::{Failure, Measured, Result};
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, JoinSet};

/// So many connections are opened together: one after the other, a run would mostly wait.
const AT_ONCE: usize = 64;

pub(crate) async fn closed<P: Peer>(
    mut ask: Ask,
    call: Call,
    connections: usize,
    in_flight: usize,
) -> Result<Measured> {
    let at_once = in_flight * call.weight();
    let clients = connect::<P>(&mut ask, Call::Text, connections, at_once).await?;
    let clock = ask.clock();
    let mut callers = Vec::with_capacity(connections * in_flight);
    for client in &clients {
        for _ in 0..in_flight {
            let (client, number) = (client.clone(), callers.len());
            let job = Job::Repeat { call, clock };
            callers.push(P::launch(Caller { client, number, job }));
        }
    }
    let measured = ask.gather(clock, callers).await?;
    drop(clients);
    Ok(measured)
}

pub(crate) async fn idle<P: Peer>(
    mut ask: Ask,
    call: Call,
    connections: usize,
) -> Result<Measured> {
    let clients = connect::<P>(&mut ask, call, connections, 1).await?;
    let measured = ask.rest(connections).await?;
    drop(clients);
    Ok(measured)
}

/// Connections that have made one call each: some dial only then.
async fn connect<P: Peer>(
    ask: &mut Ask,
    call: Call,
    connections: usize,
    in_flight: usize,
) -> Result<Vec<P::Client>> {
    let addr = ask.addr;
    let open = move |number| async move {
        let client = P::connect(addr, in_flight).await?;
        Held::new(call, number).call(&client, call).await?;
        Ok::<P::Client, Failure>(client)
    };
    let mut clients = Vec::with_capacity(connections);
    clients.push(open(0).await?);
    ask.first_is_open()?;
    // Large calls one by one: what many of them at once leave behind is another question.
    let at_once = if call == Call::Blob { 1 } else { AT_ONCE };
    while clients.len() < connections {
        let mut opening = JoinSet::new();
        for number in clients.len()..connections.min(clients.len() + at_once) {
            opening.spawn_local(open(number));
        }
        while let Some(client) = opening.join_next().await {
            clients.push(client??);
        }
    }
    Ok(clients)
}

pub(crate) async fn stream<P: Peer>(ask: Ask) -> Result<Measured> {
    let client = P::connect(ask.addr, 1).await?;
    let clock = Clock::start(ask.time);
    let job = if ask.shape == Shape::Download { Job::Download(clock) } else { Job::Upload(clock) };
    ask.gather(clock, vec![P::launch(Caller { client, number: 0, job })]).await
}

impl Ask {
    /// To be called when the first connection is open and has made a call: what one connection
    /// costs is the growth from here.
    pub fn first_is_open(&mut self) -> Result<()> {
        self.watch.begin_memory()
    }

    /// The clock of this run. So many calls in flight that a quarter of the time may pass before
    /// the first reply leave no room for a warm-up.
    pub fn clock(&self) -> Clock {
        match self.shape {
            Shape::Closed { connections, in_flight, .. } if connections * in_flight >= 10_000 => {
                Clock::start_cold(self.time)
            }
            _ => Clock::start(self.time),
        }
    }

    /// Waits for the callers and makes one figure of their tallies.
    pub async fn gather(self, clock: Clock, callers: Vec<JoinHandle<Tally>>) -> Result<Measured> {
        tokio::time::sleep_until(clock.begin.into()).await;
        let (server, client) = self.watch.processor_time()?;
        let mut sum = Tally::default();
        for caller in callers {
            sum.add(caller.await?);
        }
        let (server_end, client_end) = self.watch.processor_time()?;
        if sum.calls == 0 {
            return Err(first_error(&sum).unwrap_or_else(|| "no reply was counted".into()));
        }
        let calls = sum.calls as f64;
        let mut measured = sum.measured(&clock);
        let mut figure = |name: &str, value| measured.figures.insert(name.to_owned(), value);
        for (name, begin, end) in
            [("server µs/call", server, server_end), ("client µs/call", client, client_end)]
        {
            // Less than at the beginning: threads have ended and took their time with them.
            if let Some(time) = end.checked_sub(begin) {
                figure(name, time.as_secs_f64() * 1e6 / calls);
            }
        }
        if let Shape::Closed { call, connections, .. } = self.shape {
            if connections > 1 {
                figure("bytes/connection", self.watch.memory_of_each(connections - 1)?);
            }
            match call {
                Call::Blob => measured.value *= BLOB as f64 / f64::from(1 << 20),
                Call::Naps => {
                    let rate = measured.value;
                    measured.value = measured.figures.remove("p99 µs").unwrap_or_default();
                    measured.figures.insert("calls/s".to_owned(), rate);
                }
                _ => {}
            }
        }
        Ok(measured)
    }

    /// Lets the server come to rest, then takes the memory of all connections but the first.
    pub async fn rest(self, connections: usize) -> Result<Measured> {
        let begin = Instant::now();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut value = self.watch.memory_of_each(connections - 1)?;
        // Some give memory back a little later.
        while begin.elapsed() < Duration::from_secs(1) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            value = value.min(self.watch.memory_of_each(connections - 1)?);
        }
        Ok(Measured { value, ..<_>::default() })
    }
}
