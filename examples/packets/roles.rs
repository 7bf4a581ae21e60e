//! What the two ends do with a connection: one sends packets, the other acknowledges them.

use crate::Fault;
use crate::packet::Packet;
use hton::archive::{AsyncLoad, AsyncStore, LoadError};
use hton::message::{Connection, ReadHalf, WriteHalf};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an end does.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum, Serialize, Deserialize)]
pub(crate) enum Role {
    Send,
    Acknowledge,
}

/// The answer to a packet, a text either way: it was good, or what is wrong with it.
type Acknowledgement = Result<String, String>;

/// What is to be sent.
pub(crate) struct Job {
    pub(crate) packets: u32,
    /// Copies in each packet, in turns.
    pub(crate) counts: Vec<u32>,
    /// How many packets may be on their way without an answer. The job is done once for each window.
    pub(crate) windows: Vec<u32>,
}

/// Plays the role to its end. Returns whether every packet was good.
pub(crate) async fn play(
    mut connection: Connection,
    role: Role,
    job: &Job,
    quiet: bool,
) -> Result<bool, Fault> {
    // Two of a kind would wait for each other.
    connection.send(&role).await?;
    match connection.recv::<Role>().await? {
        Some(other) if other == role => Err(format!("both ends want to {role:?}").into()),
        Some(_) if role == Role::Send => send(connection, job, quiet).await,
        Some(_) => acknowledge(connection, quiet).await,
        None => Err("the other end went away".into()),
    }
}

/// Does the job once for each window, and says how the times compare.
async fn send(connection: Connection, job: &Job, quiet: bool) -> Result<bool, Fault> {
    let (mut from, mut to) = connection.split();
    let (mut next, mut all_good, mut times) = (1, true, Vec::new());
    for window in &job.windows {
        let started = Instant::now();
        let last = next + job.packets;
        let free = Semaphore::new(*window as usize);
        let sending = send_packets(&mut to, next..last, &job.counts, &free, quiet);
        let answers = take_answers(&mut from, next..last, &free, quiet);
        let ((), good) = tokio::try_join!(sending, answers)?;
        let took = started.elapsed().as_secs_f64() * 1000.0;
        println!("window {window}: {good} of {} acknowledged as good in {took:.1} ms", job.packets);
        times.push(took);
        all_good &= good == job.packets;
        next = last;
    }
    if let [first, .., last] = times[..] {
        println!("ratio {:.1}", first / last);
    }
    to.finish().await?;
    from.next_message().await?; // The end.
    Ok(all_good)
}

async fn send_packets(
    to: &mut AsyncStore<WriteHalf>,
    numbers: Range<u32>,
    counts: &[u32],
    free: &Semaphore,
    quiet: bool,
) -> Result<(), Fault> {
    for (number, count) in numbers.zip(counts.iter().cycle()) {
        free.acquire().await?.forget();
        let packet = Packet::new(number, *count);
        if !quiet {
            println!("sent          {}", packet.text);
        }
        to.send(&packet).await?;
    }
    Ok(())
}

/// Each answer makes room for a packet. Returns how many were good.
async fn take_answers(
    from: &mut AsyncLoad<ReadHalf>,
    numbers: Range<u32>,
    free: &Semaphore,
    quiet: bool,
) -> Result<u32, Fault> {
    let mut good = 0;
    for number in numbers {
        let answer = timeout(PATIENCE, from.recv()).await;
        let answer = answer.map_err(|_| format!("packet {number} is not answered"))?;
        match answer?
            .ok_or_else(|| format!("packet {number} is not answered: the other end left"))?
        {
            Acknowledgement::Ok(text) => {
                good += 1;
                if !quiet {
                    println!("acknowledged  {text}");
                }
            }
            Acknowledgement::Err(text) => println!("FAILED        {text}"),
        }
        free.add_permits(1);
    }
    Ok(good)
}

/// Answers every packet that comes, whatever is wrong with it.
async fn acknowledge(connection: Connection, quiet: bool) -> Result<bool, Fault> {
    let (mut from, mut to) = connection.split();
    let mut packets = from.messages::<Packet>();
    let (mut number, mut good) = (0, 0);
    while let Some(packet) = packets.next().await {
        number += 1;
        let answer: Acknowledgement = match packet.map(|packet| packet.verify(number)) {
            Ok(Ok(text)) => {
                good += 1;
                if !quiet {
                    println!("received      {text}");
                }
                Ok(format!("packet {number} is good"))
            }
            Err(LoadError::Io(error)) => return Err(error.into()),
            Ok(Err(fault)) => Err(format!("packet {number}: {fault}")),
            Err(error) => Err(format!("packet {number}: {error}")),
        };
        if let Err(fault) = &answer {
            println!("received bad  {fault}");
        }
        to.send(&answer).await?;
    }
    println!("{good} of {number} received well");
    to.finish().await?;
    Ok(good == number)
}
